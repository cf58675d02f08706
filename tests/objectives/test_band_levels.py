"""Levels of bands: zero for equals, closed form for a gain, deaf to what leads in, and to phase."""

import math

import pytest
import torch

from reprs.objectives.band_levels import BandLevels

RATE = 44_100


def noise(*shape, seed=0):
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_equal_sounds_leave_nothing_and_a_gain_leaves_its_nats():
    x = noise(1, 2, RATE)
    residuals = BandLevels(x, RATE)
    assert float(residuals(x).square().sum()) == 0
    # Twice the amplitude is log 4 of energy in every band and frame; the floor takes a little of it.
    found = float(residuals(torch.cat([x, 2 * x]))[1].square().sum())
    assert found == pytest.approx(math.log(4) ** 2, rel=0.01)


def test_a_band_shows_where_the_sound_differs():
    x = noise(1, 2, RATE)
    t = torch.arange(RATE) / RATE
    louder = x + 0.5 * torch.sin(2 * math.pi * 5_000 * t)
    residuals = BandLevels(x, RATE)
    off = residuals(louder)[0]
    share = off.square().sort(descending=True).values
    assert float(share[: len(share) // 10].sum()) > 0.9 * float(share.sum())


def test_what_leads_in_is_not_heard():
    x = noise(1, 2, RATE)
    other = x.clone()
    other[..., : RATE // 4] = 0
    assert float(BandLevels(x, RATE, RATE // 4)(other).abs().max()) == 0
    assert float(BandLevels(x, RATE)(other).abs().max()) > 0


def test_too_little_sound_is_refused():
    with pytest.raises(ValueError, match="at least 512 samples"):
        BandLevels(noise(1, 2, 300), RATE)
