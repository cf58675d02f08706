"""The order of effects is a choice of each track: the compressor before the equaliser, or behind it."""

import json
from dataclasses import replace

import pytest
import torch

from reprs.console.console import Console
from reprs.console.files.compared import words
from reprs.console.files.described import COLUMNS, track_rows
from reprs.console.knobs import Patch
from reprs.console.locks import locked_places
from reprs.console.opened import opened
from reprs.console.parts import at_rest, parts_of, switches, without
from reprs.console.saved_mix import SavedMix, read_mix
from reprs.console.standard import single_console, standard_console
from reprs.effects import Chain, registry
from reprs.views.mixes import EARLY_SHARE, KnobPrior
from tests.console.test_console import RATE, drawn, noise

CONSOLE = standard_console()
USUAL = ["highpass", "parametric_eq", "compressor", "distortion", "stereo_width"]
EARLY = ["highpass", "compressor", "parametric_eq", "distortion", "stereo_width"]
PLACE = CONSOLE.track_switches.index("compressor.first")


def loud(*shape):
    """Noise that compressors take hold of."""
    return 5 * noise(*shape)


def by_hand(x, z, order, on):
    """A track `(C, T)` through its strip's effects, one after another, fader and pan at their middle."""
    y, strip = x[None], CONSOLE.strip
    for name in order:
        i = strip.names.index(name)
        if on[i]:
            y = strip.effects[i](y, RATE, z[None, strip.slices[i]])
    return y[0]


def with_desk_at_rest(knobs):
    rest = CONSOLE.neutral(len(knobs.tracks), knobs.tracks.shape[1]).tracks
    width = len(CONSOLE.strip)
    return replace(knobs, tracks=torch.cat([knobs.tracks[..., :width], rest[..., width:]], dim=-1))


def test_a_track_goes_through_its_effects_in_its_own_order():
    x, knobs = loud(2, 4), with_desk_at_rest(drawn(CONSOLE, 2, 4))
    both = torch.tensor([True, True, False, False])
    knobs.tracks_on[..., 1:3] = both[:, None]
    knobs.tracks_on[..., PLACE] = torch.tensor([True, False, True, False])
    stems = CONSOLE.stems(x, RATE, knobs)
    seen = set()
    for b in range(2):
        for n in range(4):
            on = knobs.tracks_on[b, n]
            order = EARLY if on[PLACE] else USUAL
            expected = by_hand(x[b, n], knobs.tracks[b, n], order, on)
            assert (stems[b, n] - expected).abs().max() < 1e-5
            seen.add((bool(on[PLACE]), bool(on[1] & on[2])))
    assert len(seen) == 4  # both orders, with both effects and without


def test_the_order_is_heard_where_both_effects_are_on():
    x, knobs = loud(1, 2), CONSOLE.neutral(1, 2)
    names = list(CONSOLE.track_params)
    for name, z in (("compressor.threshold_db", 0.2), ("parametric_eq.peak2_gain_db", 0.95)):
        knobs.tracks[..., names.index(name)] = z
    for effects in ((1, 2), (1,), (2,)):
        knobs.tracks_on[:] = False
        knobs.tracks_on[..., list(effects)] = True
        usual = CONSOLE(x, RATE, knobs)
        knobs.tracks_on[..., PLACE] = True
        same = torch.equal(CONSOLE(x, RATE, knobs), usual)
        assert same == (len(effects) == 1)


def test_a_batch_is_its_items_and_shuffled_tracks_are_the_same_mix():
    x, knobs = loud(3, 3), drawn(CONSOLE, 3, 3)
    knobs.tracks_on[..., :3] = True
    knobs.tracks_on[..., PLACE] = torch.tensor([[0, 1, 0], [1, 1, 1], [0, 0, 0]]) != 0
    together = CONSOLE(x, RATE, knobs)
    for b in range(3):
        own = replace(
            knobs,
            **{n: getattr(knobs, n)[b : b + 1] for n in ("tracks", "shared", "tracks_on", "shared_on")},
        )
        assert (CONSOLE(x[b : b + 1], RATE, own)[0] - together[b]).abs().max() < 1e-5
    order = torch.tensor([2, 0, 1])
    assert (CONSOLE(x[:, order], RATE, knobs.of(order)) - together).abs().max() < 1e-5


def test_a_side_chain_is_listened_to_in_either_order():
    x, knobs = loud(1, 2), with_desk_at_rest(CONSOLE.neutral(1, 2))
    names = list(CONSOLE.track_params)
    for name, z in (("compressor.threshold_db", 0.2), ("parametric_eq.peak2_gain_db", 0.95)):
        knobs.tracks[..., names.index(name)] = z
    knobs.tracks_on[..., [1, 2]] = True
    knobs.tracks_on[0, 0, PLACE] = True
    knobs = replace(knobs, patch=Patch(key=torch.tensor([[1, 0]])))
    equaliser, compressor = (CONSOLE.strip.effects[i] for i in (1, 2))
    z = knobs.tracks[0]
    knob = {i: z[:, CONSOLE.strip.slices[i]] for i in (1, 2)}
    first = equaliser(compressor(x[0, :1], RATE, knob[2][:1], sidechain=x[0, 1:]), RATE, knob[1][:1])
    second = compressor(equaliser(x[0, 1:], RATE, knob[1][1:]), RATE, knob[2][1:], sidechain=x[0, :1])
    stems = CONSOLE.stems(x, RATE, knobs)
    assert (stems[0] - torch.cat([first, second])).abs().max() < 1e-5


def test_gradients_are_those_of_the_order():
    x, knobs = loud(1, 2), with_desk_at_rest(drawn(CONSOLE, 1, 2))
    knobs.tracks_on[:] = True
    knobs.tracks_on[0, 1, PLACE] = False
    z = knobs.tracks.clone().requires_grad_()
    CONSOLE.stems(x, RATE, replace(knobs, tracks=z)).square().mean().backward()
    alone = knobs.tracks.clone().requires_grad_()
    rows = [by_hand(x[0, n], alone[0, n], order, [True] * 5) for n, order in ((0, EARLY), (1, USUAL))]
    torch.stack(rows).square().mean().backward()
    width = len(CONSOLE.strip)
    assert z.grad[..., :width].abs().sum() > 0
    assert torch.allclose(z.grad[..., :width], alone.grad[..., :width], rtol=1e-3, atol=1e-7)


def test_without_switches_all_is_on_in_the_usual_order(tmp_path):
    x, knobs = loud(1, 2), drawn(CONSOLE, 1, 2, switched=False)
    on, shared_on = switches(CONSOLE, knobs)
    assert on[..., :PLACE].all() and not on[..., PLACE].any() and shared_on.all()
    assert torch.equal(CONSOLE(x, RATE, knobs), CONSOLE(x, RATE, replace(knobs, tracks_on=on)))
    saved = SavedMix("standard", ("a", "b"), knobs, RATE)
    assert json.loads(saved.to_json())["tracks"][0]["compressor"]["first"] is False
    assert "before the EQ" not in str(track_rows(saved))


def test_a_saved_mix_holds_it_and_an_older_one_has_the_usual_order(tmp_path):
    knobs = drawn(CONSOLE, 1, 2)
    knobs.tracks_on[0, :, PLACE] = torch.tensor([True, False])
    content = json.loads(SavedMix("standard", ("a", "b"), knobs, RATE).to_json())
    assert [track["compressor"]["first"] for track in content["tracks"]] == [True, False]
    path = tmp_path / "mix.json"
    path.write_text(json.dumps(content))
    assert torch.equal(read_mix(path).knobs.tracks_on, knobs.tracks_on)
    for track in content["tracks"]:
        del track["compressor"]["first"]
    path.write_text(json.dumps(content))
    old = read_mix(path).knobs.tracks_on
    assert not old[..., PLACE].any() and torch.equal(old[..., :PLACE], knobs.tracks_on[..., :PLACE])
    content["tracks"][0]["compressor"]["first"] = "yes"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"a\.compressor\.first is true or false"):
        read_mix(path)


def test_it_belongs_to_the_compressor():
    knobs = drawn(CONSOLE, 1, 2)
    knobs.tracks_on[:] = True
    assert "first" not in parts_of(CONSOLE) and parts_of(CONSOLE).count("compressor") == 1
    assert not without(CONSOLE, knobs, {"compressor"}).tracks_on[..., PLACE].any()
    assert without(CONSOLE, knobs, {"parametric_eq"}).tracks_on[..., PLACE].all()
    assert at_rest(CONSOLE, knobs, [0]).tracks_on[0, :, PLACE].tolist() == [False, True]
    columns = [*CONSOLE.track_params, *CONSOLE.track_switches]
    for lock, held in (("compressor", True), ("eq", False), ("a.compressor.first", True)):
        tracks, _ = locked_places(CONSOLE, [lock], ["a", "b"])
        assert bool(tracks[0, columns.index("compressor.first")]) == held


def test_opening_a_mix_keeps_its_order():
    knobs = drawn(CONSOLE, 1, 2)
    knobs.tracks_on[0, :, PLACE] = torch.tensor([True, False])
    assert opened(CONSOLE, knobs).tracks_on[0, :, PLACE].tolist() == [True, False]


def test_it_is_said_in_words():
    usual, early = drawn(CONSOLE, 1, 2), drawn(CONSOLE, 1, 2)
    for knobs, first in ((usual, False), (early, True)):
        knobs.tracks_on[..., :PLACE] = True
        knobs.tracks_on[..., PLACE] = first
    mixes = [SavedMix("standard", ("a", "b"), knobs, RATE) for knobs in (usual, early)]
    assert words(mixes) == [
        "fewer compressors before EQs (-0.50)",
        "more compressors before EQs (+0.50)",
    ]
    column = 1 + COLUMNS.index("compressor")
    assert [track_rows(m)[0][column].endswith("before the EQ") for m in mixes] == [False, True]


def test_the_prior_draws_it_by_habit_and_leaves_the_rest_as_it_was():
    names = CONSOLE.track_params, CONSOLE.shared_params, CONSOLE.track_switches, CONSOLE.shared_switches
    levels_db = torch.full((4_000, 3), -20.0)
    found = KnobPrior(*names).draw(levels_db, torch.Generator().manual_seed(2))
    without_order = KnobPrior(names[0], names[1], names[2][:PLACE], names[3])
    same = without_order.draw(levels_db, torch.Generator().manual_seed(2))
    for name in ("tracks", "shared", "shared_on"):
        assert torch.equal(getattr(found, name), getattr(same, name))
    assert torch.equal(found.tracks_on[..., :PLACE], same.tracks_on)
    early = found.tracks_on[..., PLACE].float()
    assert abs(float(early.mean()) - EARLY_SHARE) < 0.02
    # Tracks of one mix agree more often than by chance, and not always.
    agree = float((early[:, 0] == early[:, 1]).float().mean())
    assert EARLY_SHARE**2 + (1 - EARLY_SHARE) ** 2 + 0.08 < agree < 0.9


def test_only_consoles_that_say_so_have_it():
    strip = Chain([registry["parametric_eq"], registry["compressor"]])
    assert Console(strip).track_switches == ["parametric_eq", "compressor"]
    assert single_console().track_switches[-1] == "compressor.first"
    with pytest.raises(ValueError, match="first effect"):
        Console(strip, movable="parametric_eq")
