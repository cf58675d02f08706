"""Waves: zero for equals, closed form for a gain, straight in what is added, aware of phase and side."""

import pytest
import torch

from reprs.objectives.waves import Waves

RATE = 44_100


def noise(*shape, seed=0):
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_equal_sounds_leave_nothing_and_a_gain_leaves_its_square():
    x = noise(1, 2, RATE)
    residuals = Waves(x, RATE)
    assert float(residuals(x).square().sum()) == 0
    # 1.1 times the target is off by a tenth of it in every band; sums of bins with random signs say so
    # within their own spread.
    found = float(residuals(torch.cat([x, 1.1 * x]))[1].square().sum())
    assert found == pytest.approx(0.01, rel=0.06)


def test_what_is_added_is_heard_in_proportion_however_faint():
    x, faint = noise(1, 2, RATE), 1e-3 * noise(1, 2, RATE, seed=1)
    residuals = Waves(x, RATE)
    once, twice = residuals(torch.cat([x + faint, x + 2 * faint]))
    assert float((twice - 2 * once).norm()) < 1e-3 * float(once.norm())
    # 60 dB fainter than the target is 1e-6 of its power; more where a band of few bins has less by chance.
    assert 1e-6 < float(once.square().sum()) < 5e-6


def test_phase_and_the_side_are_heard():
    x = noise(1, 2, RATE)
    x[:, 1] = 0.9 * x[:, 0] + 0.1 * x[:, 1]  # nearly mono
    residuals = Waves(x, RATE)
    assert float(residuals(x.roll(3, -1)).square().sum()) > 0.5
    wide = x + 0.5 * torch.stack([x[:, 0] - x[:, 1], x[:, 1] - x[:, 0]], 1) / 2
    # Half as much side again: a quarter of the side's power, and nothing of the mid's.
    assert float(residuals(wide).square().sum()) == pytest.approx(0.25 / 2, rel=0.1)


def test_what_leads_in_is_not_heard():
    x = noise(1, 2, RATE)
    other = x.clone()
    other[..., : RATE // 4] = 0
    assert float(Waves(x, RATE, RATE // 4)(other).abs().max()) == 0
