"""Knobs counted from levels and from each other: there and back, and against the prior's own formulas."""

import pytest
import torch

from reprs.console.counted import UNIT_DB, SettingSpace
from reprs.console.generator import kept
from reprs.console.knobs import Knobs
from reprs.console.standard import standard_console
from reprs.models.coordinates import normal_score
from reprs.views.mixes import KnobPrior

CONSOLE = standard_console()
TRACK, SHARED = list(CONSOLE.track_params), list(CONSOLE.shared_params)


def any_knobs(batch, tracks, seed=0):
    dice = torch.Generator().manual_seed(seed)
    z, shared = (torch.rand(batch, *n, generator=dice) for n in ((tracks, len(TRACK)), (len(SHARED),)))
    # Some at the ends of their range.
    z[torch.rand(z.shape, generator=dice) < 0.1] = 0.0
    z[torch.rand(z.shape, generator=dice) < 0.1] = 1.0
    on = torch.rand(batch, tracks, len(CONSOLE.track_switches), generator=dice) < 0.5
    return Knobs(z, shared, on, torch.rand(batch, len(CONSOLE.shared_switches), generator=dice) < 0.5)


def drawn(levels_db, seed=0):
    prior = KnobPrior(
        CONSOLE.track_params, CONSOLE.shared_params, CONSOLE.track_switches, CONSOLE.shared_switches
    )
    found = prior.draw(levels_db, torch.Generator().manual_seed(seed))
    return Knobs(found.tracks, found.shared, found.tracks_on, found.shared_on)


@pytest.mark.parametrize("counted", [True, False])
def test_any_setting_comes_back(counted):
    space, knobs = SettingSpace(CONSOLE, counted), any_knobs(400, 3)
    levels_db = torch.tensor([[-14.0, -30.0, -70.0]]).expand(400, -1)
    there = torch.ones(400, 3)
    back = space.decode(space.encode(knobs, levels_db, there), levels_db, there)
    assert torch.allclose(back.tracks, knobs.tracks, atol=2e-5)
    assert torch.allclose(back.shared, knobs.shared, atol=2e-5)
    assert torch.equal(back.tracks_on, knobs.tracks_on) and torch.equal(back.shared_on, knobs.shared_on)


def test_what_the_prior_derives_is_at_the_origin():
    levels_db = -20 + 5 * torch.randn(300, 4, generator=torch.Generator().manual_seed(1))
    tracks, mix = SettingSpace(CONSOLE).encode(drawn(levels_db), levels_db, torch.ones(300, 4))
    for u, names, name in (
        (tracks, TRACK, "compressor.makeup_db"),
        (tracks, TRACK, "distortion.output_db"),
        (mix, SHARED, "master.compressor.makeup_db"),
    ):
        away_db = u[..., names.index(name)] * UNIT_DB
        assert float((away_db.abs() > 0.3).float().mean()) < 0.01, name
    # What it draws around a level lies there, as its table says: -4 and 6 dB, -9 and 5, 0 and 3, 9 and 3.
    for u, names, name, middle, spread in (
        (tracks, TRACK, "compressor.threshold_db", -4, 6),
        (tracks, TRACK, "distortion.drive_db", -9, 5),
        (tracks, TRACK, "fader_db", 0, 3),
        (mix, SHARED, "master.limiter.ceiling_db", 9, 3),
    ):
        away_db = u[..., names.index(name)] * UNIT_DB
        assert abs(float(away_db.mean()) - middle) < 0.6, name
        assert abs(float(away_db.std()) - spread) < 0.5, name


def test_points_anywhere_stay_within_the_ranges():
    dice = torch.Generator().manual_seed(2)
    space, levels_db = SettingSpace(CONSOLE), torch.full((50, 2), -25.0)
    u = space.encode(any_knobs(50, 2), levels_db, torch.ones(50, 2))
    far = tuple(9 * torch.randn(x.shape, generator=dice) for x in u)
    knobs = space.decode(far, levels_db, torch.ones(50, 2))
    for z in (knobs.tracks, knobs.shared):
        assert bool(z.isfinite().all()) and float(z.min()) == 0 and float(z.max()) == 1


def test_makeup_goes_with_the_threshold():
    """10 dB lower at a ratio of 2 is 5 dB more from the peaks, of which 3 are made up."""
    space, levels_db, there = SettingSpace(CONSOLE), torch.full((1, 1), -20.0), torch.ones(1, 1)
    threshold, ratio, makeup = (
        TRACK.index(f"compressor.{n}") for n in ("threshold_db", "ratio", "makeup_db")
    )
    u = space.encode(drawn(levels_db), levels_db, there)
    two = CONSOLE.track_params["compressor.ratio"].to_unit(torch.tensor(2.0))
    u[0][..., ratio], u[0][..., threshold] = normal_score(two), 0.0
    lower = u[0].clone(), u[1]
    lower[0][..., threshold] -= 10 / UNIT_DB
    params = CONSOLE.track_params
    once, then = (
        params["compressor.makeup_db"].from_unit(space.decode(x, levels_db, there).tracks[0, 0, makeup])
        for x in (u, lower)
    )
    assert float(then - once) == pytest.approx(3, abs=1e-3)


def test_tracks_that_are_not_there_change_nothing():
    space, knobs = SettingSpace(CONSOLE), any_knobs(5, 3)
    levels_db = torch.tensor([[-14.0, -30.0, 0.0]]).expand(5, -1)
    there = torch.tensor([True, True, False]).expand(5, -1)
    padded = space.encode(knobs, levels_db, there)
    alone = space.encode(knobs.of(torch.tensor([0, 1])), levels_db[:, :2], there[:, :2])
    assert torch.allclose(padded[0][:, :2], alone[0]) and torch.allclose(padded[1], alone[1])


def test_a_locked_makeup_stays():
    knobs, start = any_knobs(4, 3), any_knobs(1, 3, seed=9)
    lock = torch.zeros(3, 39, dtype=torch.bool), torch.zeros(43, dtype=torch.bool)
    makeup = TRACK.index("compressor.makeup_db")
    lock[0][1, makeup] = lock[1][5] = True
    found = kept(knobs, start, lock)
    assert torch.equal(found.tracks[:, 1, makeup], start.tracks[0, 1, makeup].expand(4))
    assert torch.equal(found.shared[:, 5], start.shared[0, 5].expand(4))
    same = ~lock[0][:, : len(TRACK)]
    assert torch.equal(found.tracks[:, same], knobs.tracks[:, same])
