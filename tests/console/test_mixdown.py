"""A mix some tracks at a time is the mix of all at once, whatever is plugged where."""

from dataclasses import replace

import pytest
import torch

from reprs.console import mixdown
from reprs.console.knobs import Patch
from reprs.console.saved_mix import SavedMix
from reprs.console.session import Session
from reprs.console.standard import standard_console
from reprs.console.wish import fitted
from tests.console.test_console import RATE, drawn, noise

NAMES = ("kick", "snare", "bass", "vocals", "keys")


@pytest.fixture()
def session():
    x = noise(1, 5)[0]
    short = [x[0, :1], x[1, :, :4_000], x[2], x[3, :, :900], x[4]]
    return Session(NAMES, tuple(short), RATE)


def saved(**patch):
    knobs = drawn(standard_console(["drums"]), 1, 5)
    return SavedMix("standard", NAMES, replace(knobs, patch=Patch(**patch)), RATE, groups=("drums",))


PATCHES = {
    "key": {"key": torch.tensor([[-1, 4, 0, -1, 2]])},
    "group": {"group": torch.tensor([[0, 0, -1, -1, -1]])},
    "solo": {"soloed": torch.tensor([[True, False, False, True, False]])},
    "mute": {"muted": torch.tensor([[False, True, False, False, True]])},
}


@pytest.mark.parametrize("patch", [*PATCHES.values(), {k: v for p in PATCHES.values() for k, v in p.items()}])
def test_some_at_a_time_is_all_at_once(session, monkeypatch, patch):
    mix = saved(**patch)
    expected = mix.console.render(session.batch(), RATE, mix.knobs)
    monkeypatch.setattr(mixdown, "MOST_AT_ONCE", 2 * 2 * session.samples)
    stems = {}
    done = mixdown.mixdown(
        session, replace(mix, output_db=-9.0), lambda name, stem: stems.update({name: stem})
    )
    assert list(stems) == list(NAMES)
    assert (torch.stack(list(stems.values())) - expected.stems[0]).abs().max() < 1e-5
    quieter = done.mix * 10 ** (-done.output_db / 20)
    assert (quieter - expected.mix[0]).abs().max() < 1e-4
    parts = expected.groups | expected.buses
    for name, returned in done.returns.items():
        assert (returned - parts[name][0]).abs().max() < 1e-5


def test_a_mix_that_would_clip_comes_down(session):
    mix = saved()
    loud = replace(session, tracks=tuple(30 * x for x in session.tracks))
    neutral = replace(mix, knobs=mix.console.neutral(1, 5))
    done = mixdown.mixdown(loud, neutral)
    assert 0.98 < float(done.mix.abs().max()) <= 1 and done.output_db < -10
    assert torch.allclose(done.mix, loud.sum() * 10 ** (done.output_db / 20), atol=1e-5)


def test_a_saved_mix_finds_its_tracks_by_name():
    """In another order and with one that it does not know; what they listen to goes along."""
    mix = saved(
        key=torch.tensor([[-1, -1, 0, -1, -1]]), muted=torch.tensor([[False, True, False, False, False]])
    )
    found, notes = fitted(mix, ["bass", "organ", "snare", "kick"])
    assert notes == ["no setting for organ: left alone", "settings without a stem: vocals, keys"]
    assert torch.equal(found.knobs.tracks[0, [0, 2, 3]], mix.knobs.tracks[0, [2, 1, 0]])
    assert torch.equal(found.knobs.tracks[:, 1], mix.console.neutral(1, 1).tracks[:, 0])
    assert not found.knobs.tracks_on[0, 1].any()
    assert found.knobs.patch.key.tolist() == [[3, -1, -1, -1]]
    assert found.knobs.patch.muted.tolist() == [[False, False, True, False]]
    with pytest.raises(ValueError, match="for other stems: kick, snare"):
        fitted(mix, ["organ"])


def test_the_loudest_part_of_a_session():
    x = torch.full((1, 9_000), 0.01)
    x[:, 5_000:6_000] = 0.5
    session = Session(("a",), (x,), RATE)
    start = session.loudest(2_000)
    assert start <= 5_000 and start + 2_000 >= 6_000
    assert session.loudest(20_000) == 0
