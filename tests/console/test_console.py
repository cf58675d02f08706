"""The console against closed forms, the effects by hand, and itself with tracks moved about."""

from dataclasses import replace

import pytest
import torch

from reprs.console.console import Console
from reprs.console.knobs import Knobs, Patch
from reprs.console.standard import single_console, standard_console
from reprs.effects import Chain, registry

RATE = 44_100
PARTS = ("stems", "premaster", "mix")


def noise(batch, tracks, channels=2, samples=6_000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(batch, tracks, channels, samples, generator=generator)


def drawn(console, batch, tracks, seed=1, switched=True):
    """Random knobs well inside their ranges, and random switches."""
    g = torch.Generator().manual_seed(seed)
    knobs = Knobs(
        0.1 + 0.8 * torch.rand(batch, tracks, len(console.track_params), generator=g),
        0.1 + 0.8 * torch.rand(batch, len(console.shared_params), generator=g),
    )
    if not switched:
        return knobs
    on = torch.rand(batch, tracks, len(console.track_switches), generator=g) > 0.4
    shared_on = torch.rand(batch, len(console.shared_switches), generator=g) > 0.3
    return replace(knobs, tracks_on=on, shared_on=shared_on)


def set_to(console, knobs, track, **natural):
    """The same knobs with some of one track's at natural values; "__" stands for the dot."""
    tracks = knobs.tracks.clone()
    for name, value in natural.items():
        index = list(console.track_params).index(name.replace("__", "."))
        tracks[:, track, index] = console.track_params[name.replace("__", ".")].to_unit(
            torch.tensor(float(value))
        )
    return replace(knobs, tracks=tracks)


def only(console, knobs, *shared):
    """All strips off; of the shared switches only those named on."""
    on = torch.tensor([[name in shared for name in console.shared_switches]])
    return replace(
        knobs,
        tracks_on=torch.zeros_like(knobs.tracks[..., :1]).bool().expand(-1, -1, len(console.track_switches)),
        shared_on=on.expand(len(knobs.shared), -1),
    )


def db(value):
    return 10 ** (value / 20)


def test_it_mixes_any_number_of_tracks_of_mono_or_stereo_to_stereo():
    console = standard_console()
    for batch, tracks, channels in ((1, 1, 1), (2, 3, 2), (1, 9, 2)):
        knobs = drawn(console, batch, tracks)
        assert console(noise(batch, tracks, channels), RATE, knobs).shape == (batch, 2, 6_000)


def test_neutral_knobs_only_add_up():
    console, x = standard_console(groups=["drums"]), noise(2, 4)
    assert torch.allclose(console(x, RATE, console.neutral(2, 4)), x.sum(1), atol=1e-6)


@pytest.mark.parametrize("moving", [False, True])
def test_parts_and_sum_are_the_same_samples(moving):
    console, x = standard_console(groups=["drums", "rest"]), noise(2, 4)
    knobs = drawn(console, 2, 4)
    knobs = replace(knobs, patch=Patch(group=torch.tensor([[0, 0, 1, -1], [-1, 1, 1, 0]])))
    if moving:
        knobs = replace(knobs, tracks=knobs.tracks[..., None].expand(-1, -1, -1, 3).contiguous())
    parts = console.render(x, RATE, knobs)
    assert torch.equal(console(x, RATE, knobs), parts.mix)
    straight = (knobs.patch.group < 0)[..., None, None]
    total = (parts.stems * straight).sum(1)
    for part in (*parts.groups.values(), *parts.buses.values()):
        total = total + part
    assert torch.allclose(total, parts.premaster, atol=1e-6)


def test_shuffled_tracks_with_shuffled_knobs_are_the_same_mix():
    console, x = standard_console(groups=["drums"]), noise(1, 7)
    order = torch.tensor([4, 2, 6, 0, 1, 5, 3])
    patch = Patch(
        key=torch.tensor([[-1, 3, -1, -1, 0, -1, 6]]),
        group=torch.tensor([[0, -1, 0, -1, -1, -1, 0]]),
        muted=torch.tensor([[False, True, False, False, False, False, False]]),
        soloed=torch.tensor([[True, True, True, True, True, False, True]]),
    )
    knobs = replace(drawn(console, 1, 7), patch=patch)
    before = console.render(x, RATE, knobs)
    after = console.render(x[:, order], RATE, knobs.of(order))
    assert (after.mix - before.mix).abs().max() < 1e-5
    assert (after.stems - before.stems[:, order]).abs().max() < 1e-5


def test_a_silent_or_masked_track_changes_nothing():
    console, x = standard_console(), noise(1, 7)
    knobs = drawn(console, 1, 7)
    fewer = replace(knobs, tracks=knobs.tracks[:, :6], tracks_on=knobs.tracks_on[:, :6])
    expected = console(x[:, :6], RATE, fewer)
    silent, masked = x.clone(), x.clone()
    silent[:, 6], masked[:, 6] = 0, float("nan")
    mask = torch.tensor([[True] * 6 + [False]])
    assert (console(silent, RATE, knobs) - expected).abs().max() < 1e-5
    assert (console(masked, RATE, knobs, mask) - expected).abs().max() < 1e-5
    assert torch.equal(console(masked, RATE, knobs, mask), console(x, RATE, knobs, mask))


def test_a_mix_of_nobody_is_silence():
    console, x = standard_console(), noise(1, 2)
    y = console(x, RATE, drawn(console, 1, 2), torch.zeros(1, 2))
    assert y.shape == (1, 2, 6_000) and not y.any()


def test_every_mix_of_a_batch_has_its_own_knobs():
    console, x = standard_console(), noise(3, 4)
    knobs = drawn(console, 3, 4)
    together = console(x, RATE, knobs)
    for i in range(3):
        own = Knobs(*(v[i : i + 1] for v in (knobs.tracks, knobs.shared, knobs.tracks_on, knobs.shared_on)))
        assert (console(x[i : i + 1], RATE, own) - together[i]).abs().max() < 1e-5


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("position", [-1, -0.4, 0, 1])
def test_fader_and_pan_are_their_closed_form(channels, position):
    console, x = standard_console(), noise(1, 1, channels)
    knobs = set_to(console, console.neutral(1, 1), 0, fader_db=-7.5, pan=position)
    angle = torch.tensor((position + 1) * torch.pi / 4).double()
    law = 2**0.5 * torch.stack([torch.cos(angle), torch.sin(angle)]).float()
    expected = x[:, 0].expand(-1, 2, -1) * law[:, None] * db(-7.5)
    assert torch.allclose(console(x, RATE, knobs), expected, atol=1e-6)


def test_faders_and_sends_end_in_nothing():
    console, x = standard_console(), noise(1, 2)
    knobs = set_to(console, console.neutral(1, 2), 0, fader_db=-48)
    assert not console.render(x, RATE, knobs).stems[:, 0].any()
    assert torch.allclose(console(x, RATE, knobs), x[:, 1], atol=1e-6)
    open_all = only(console, console.neutral(1, 2), "reverb", "delay")
    parts = console.render(x, RATE, open_all)
    assert not any(returned.any() for returned in parts.buses.values())


def test_sends_go_to_the_bus_behind_fader_and_pan():
    console, x = standard_console(), noise(1, 2)
    knobs = only(console, console.neutral(1, 2), "reverb")
    knobs = set_to(console, knobs, 0, fader_db=-3, pan=0.5, reverb__send_db=-12)
    knobs = set_to(console, knobs, 1, reverb__send_db=-20, delay__send_db=0)
    parts = console.render(x, RATE, knobs)
    sent = db(-12) * parts.stems[:, 0] + db(-20) * x[:, 1]
    expected = registry["reverb"](sent, RATE, mix=1.0)
    assert torch.allclose(parts.buses["reverb"], expected, atol=1e-5)
    assert not parts.buses["delay"].any()  # the bus is off


def test_strip_and_master_are_their_effects_one_after_another():
    console, x = standard_console(), noise(1, 3)
    knobs = drawn(console, 1, 3, switched=False)
    shared_on = torch.tensor([[name.startswith("master") for name in console.shared_switches]])
    parts = console.render(x, RATE, replace(knobs, shared_on=shared_on))
    for n in range(3):
        stem = console.strip(x[:, n], RATE, knobs.tracks[:, n, : len(console.strip)])
        natural = {
            name: param.from_unit(knobs.tracks[0, n, i])
            for i, (name, param) in enumerate(console.track_params.items())
        }
        stem = registry["pan"](stem, RATE, position=natural["pan"]) * db(natural["fader_db"])
        assert torch.allclose(parts.stems[:, n], stem, atol=1e-5)
    master = console.master(parts.premaster, RATE, knobs.shared[:, -len(console.master) :])
    assert torch.allclose(parts.mix, master, atol=1e-6)


def test_a_track_can_duck_under_another():
    """The kick comes in before its own strip; a muted key still opens the bass's compressor."""
    console, x = standard_console(), noise(1, 2)
    x[:, 0, :, :3_000] = 0
    x[:, 0, :, 3_000:] *= 8
    knobs = drawn(console, 1, 2, switched=False)
    on = torch.zeros(1, 2, len(console.track_switches), dtype=torch.bool)
    on[0, 1, console.track_switches.index("compressor")] = True
    patch = Patch(key=torch.tensor([[-1, 0]]), muted=torch.tensor([[True, False]]))
    knobs = replace(knobs, tracks_on=on, shared_on=console.neutral(1, 2).shared_on, patch=patch)
    knobs = set_to(console, knobs, 1, fader_db=0, pan=0, compressor__threshold_db=-30)
    part = console.strip.slices[2]
    expected = console.strip.effects[2](x[:, 1], RATE, knobs.tracks[:, 1, part], sidechain=x[:, 0])
    assert torch.allclose(console(x, RATE, knobs), expected, atol=1e-5)
    alone = replace(knobs, patch=replace(patch, key=None))
    assert (console(x, RATE, alone) - expected).abs().max() > 0.01


def test_a_key_that_is_not_there_is_silence():
    console, x = standard_console(), noise(1, 2)
    knobs = replace(drawn(console, 1, 2, switched=False), patch=Patch(key=torch.tensor([[-1, 0]])))
    silent = x.clone()
    silent[:, 0] = 0
    mask = torch.tensor([[False, True]])
    assert torch.allclose(console(x, RATE, knobs, mask), console(silent, RATE, knobs), atol=1e-5)


def test_mute_and_solo():
    console, x = standard_console(), noise(1, 3)
    knobs, flags = console.neutral(1, 3), torch.tensor([[True, False, False]])
    muted = console(x, RATE, replace(knobs, patch=Patch(muted=flags)))
    assert torch.allclose(muted, x[:, 1:].sum(1), atol=1e-6)
    soloed = console(x, RATE, replace(knobs, patch=Patch(soloed=flags)))
    assert torch.allclose(soloed, x[:, 0], atol=1e-6)
    both = Patch(muted=flags, soloed=torch.tensor([[True, True, False]]))
    assert torch.allclose(console(x, RATE, replace(knobs, patch=both)), x[:, 1], atol=1e-6)
    sent = set_to(console, only(console, knobs, "reverb"), 0, reverb__send_db=0)
    quiet = console.render(x, RATE, replace(sent, patch=Patch(muted=flags)))
    assert not quiet.buses["reverb"].any()


def test_a_group_is_one_channel_for_several_tracks():
    console, x = standard_console(groups=["drums"]), noise(1, 3)
    knobs = only(console, console.neutral(1, 3), "drums.compressor", "reverb")
    shared = knobs.shared.clone()
    names = list(console.shared_params)
    for name, value in {"drums.fader_db": -6.0, "drums.reverb.send_db": -9.0}.items():
        shared[:, names.index(name)] = console.shared_params[name].to_unit(torch.tensor(value))
    knobs = replace(knobs, shared=shared, patch=Patch(group=torch.tensor([[0, -1, 0]])))
    parts = console.render(x, RATE, knobs)
    drums = db(-6) * console.groups["drums"].effects[1](x[:, 0] + x[:, 2], RATE)
    assert torch.allclose(parts.groups["drums"], drums, atol=1e-5)
    assert torch.allclose(parts.buses["reverb"], registry["reverb"](db(-9) * drums, RATE, mix=1.0), atol=1e-5)
    assert torch.allclose(parts.mix, x[:, 1] + drums + parts.buses["reverb"], atol=1e-5)


def test_nothing_delays():
    """A click stays at its sample, whatever is on in its track: tracks line up without compensation."""
    console = standard_console()
    x = torch.zeros(1, 2, 2, 4_000)
    x[..., 2_000] = 0.5
    knobs = drawn(console, 1, 2, switched=False)
    knobs = set_to(console, knobs, 0, fader_db=0, pan=0, distortion__mix=1, highpass__cutoff_hz=20)
    on = torch.ones(1, 2, len(console.track_switches), dtype=torch.bool)
    on[:, 1] = False
    parts = console.render(x, RATE, replace(knobs, tracks_on=on))
    assert parts.stems.abs().amax(2).argmax(-1).tolist() == [[2_000, 2_000]]
    assert int(parts.mix.abs().amax(1).argmax()) == 2_000


def test_knobs_move_along_straight_lines():
    console, x = standard_console(), noise(1, 2)
    still = console.neutral(1, 2)
    path = still.tracks[..., None].repeat(1, 1, 1, 3)
    index = list(console.track_params).index("fader_db")
    path[:, 0, index] = torch.tensor([0.3, 0.9, 0.5])
    moving = replace(still, tracks=path)
    position = torch.arange(6_000) * (2 / 5_999)
    z = torch.where(position < 1, 0.3 + 0.6 * position, 0.9 - 0.4 * (position - 1))
    expected = x[:, 0] * db(-48 + 60 * z) + x[:, 1]
    assert torch.allclose(console(x, RATE, moving), expected, atol=1e-5)
    at_rest = replace(still, tracks=still.tracks[..., None].repeat(1, 1, 1, 3))
    assert torch.equal(console(x, RATE, at_rest), console(x, RATE, still))


@pytest.mark.parametrize("effect", ["parametric_eq", "compressor"])
def test_the_effects_of_a_strip_move_with_their_knobs(effect):
    """In one track of several, as the effect does by itself; the master's knobs are at rest."""
    console, x = standard_console(), noise(1, 3, samples=2_000)
    knobs = drawn(console, 1, 3, switched=False)
    index = console.strip.names.index(effect)
    part = console.strip.slices[index]
    path = knobs.tracks[..., None].repeat(1, 1, 1, 4)
    path[:, 1, part] = torch.rand(path[:, 1, part].shape, generator=torch.Generator().manual_seed(3))
    on = torch.zeros(1, 3, len(console.track_switches), dtype=torch.bool)
    on[:, :, index] = True
    knobs = replace(knobs, tracks=path, tracks_on=on, shared_on=console.neutral(1, 3).shared_on)
    knobs = set_to(console, replace(knobs, tracks=path[..., 0]), 1, fader_db=0, pan=0)
    path[:, :, len(console.strip) :] = knobs.tracks[:, :, len(console.strip) :, None]
    stems = console.render(x, RATE, replace(knobs, tracks=path)).stems
    expected = console.strip.effects[index](x[:, 1], RATE, path[:, 1, part])
    assert torch.allclose(stems[:, 1], expected, atol=1e-5)
    still = console.render(x, RATE, replace(knobs, tracks=path[..., 0])).stems
    assert torch.allclose(stems[:, 0], still[:, 0], atol=1e-5)
    assert not torch.allclose(stems[:, 1], still[:, 1], atol=1e-3)


def test_every_knob_has_a_gradient():
    console, x = standard_console(groups=["drums"]), noise(1, 3, samples=12_000)
    x = x * torch.linspace(0.2, 3, 12_000)
    knobs = replace(drawn(console, 1, 3, switched=False), patch=Patch(group=torch.tensor([[-1, 0, -1]])))
    knobs.shared[:, list(console.shared_params).index("delay.delay_ms")] = 0.2  # echoes before the end
    tracks, shared = knobs.tracks.requires_grad_(), knobs.shared.requires_grad_()
    y = console(x, RATE, replace(knobs, tracks=tracks, shared=shared))
    (y * y).sum().backward()
    for z, names in ((tracks.grad, console.track_params), (shared.grad, console.shared_params)):
        still = [name for name, g in zip(names, z.flatten(0, -2).abs().amax(0), strict=True) if not g > 0]
        assert torch.isfinite(z).all() and not still


def test_all_knobs_are_one_z_with_names():
    console = standard_console()
    knobs = drawn(console, 2, 3)
    z = console.flatten(knobs)
    names = console.names(["vocals", "bass", "drums"])
    assert z.shape == (2, len(names)) and len(names) == 3 * len(console.track_params) + len(
        console.shared_params
    )
    column = list(console.track_params).index("compressor.threshold_db")
    assert torch.equal(z[:, names.index("bass.compressor.threshold_db")], knobs.tracks[:, 1, column])
    back = console.unflatten(z, 3, like=knobs)
    assert torch.equal(back.tracks, knobs.tracks) and torch.equal(back.shared, knobs.shared)
    assert back.tracks_on is knobs.tracks_on
    moving = replace(knobs, tracks=knobs.tracks[..., None].repeat(1, 1, 1, 3))
    assert console.flatten(moving).shape == (*z.shape, 3)
    with pytest.raises(ValueError, match="one number of frames"):
        console.flatten(replace(moving, shared=knobs.shared[..., None].repeat(1, 1, 2)))
    with pytest.raises(ValueError, match="name of its own"):
        console.names(["bass", "bass", "drums"])


def test_what_does_not_fit_is_refused_in_a_line():
    console, x = standard_console(), noise(1, 2)
    knobs = console.neutral(1, 2)
    with pytest.raises(ValueError, match=r"knobs.tracks is \(1, 3, 33\)"):
        console(noise(1, 3), RATE, knobs)
    with pytest.raises(ValueError, match="1 or 2 channels"):
        console(noise(1, 2, channels=3), RATE, knobs)
    with pytest.raises(ValueError, match="mask"):
        console(x, RATE, knobs, torch.ones(2, 1))
    with pytest.raises(ValueError, match="from -1"):
        console(x, RATE, replace(knobs, patch=Patch(key=torch.tensor([[2, -1]]))))
    with pytest.raises(ValueError, match="one section of each name"):
        Console(Chain([registry["gain"]]), {"master": Chain([registry["room"]])}, Chain([registry["gain"]]))


def test_one_recording_has_the_strip_the_buses_and_no_master():
    console, mix = single_console(), standard_console()
    assert list(console.track_params) == list(mix.track_params)
    assert console.shared_switches == ["reverb", "delay"]
    x = noise(1, 1)
    parts = console.render(x, RATE, drawn(console, 1, 1, switched=False))
    assert torch.equal(parts.mix, parts.premaster)
