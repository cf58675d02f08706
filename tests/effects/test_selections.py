"""Peak hold and hysteresis: compiled loops, scans and gradients against plain loops."""

import math

import numpy as np
import pytest
import torch

from reprs.effects import registry
from reprs.effects.selections import hold, largest_by_doubling, play, play_by_scan
from tests.effects.signals import music


def noise(rows=4, samples=500, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, samples, generator=generator, dtype=torch.float64)


def plain_play(low, high):
    w, state = torch.zeros_like(low), torch.zeros(len(low), dtype=low.dtype)
    for t in range(low.shape[1]):
        state = torch.minimum(torch.maximum(state, low[:, t]), high[:, t])
        w[:, t] = state
    return w


@pytest.mark.parametrize("samples", [1, 2, 7, 500])
@pytest.mark.parametrize("largest", [hold, largest_by_doubling])
def test_hold_is_the_largest_of_the_last_samples(samples, largest):
    x, before = noise(5, samples), torch.tensor([0, 1, 6, 100, 10_000])
    expected = [
        [max(row[max(0, t - k) : t + 1]) for t in range(samples)]
        for row, k in zip(x.tolist(), before.tolist(), strict=True)
    ]
    assert torch.equal(largest(x, before[:, None]), torch.tensor(expected, dtype=torch.float64))


def test_what_has_been_let_go_stays_so_when_the_hold_grows():
    x, samples = noise(1, 300), 60 * noise(1, 300, seed=1).abs()
    expected, start = [], 0
    for t in range(300):
        start = max(start, t - int(samples[0, t]))
        expected.append(float(x[0, start : t + 1].max()))
    held = hold(x, samples.floor())
    assert held.tolist() == [expected]
    between = hold(x, samples)
    assert (between >= held).all() and (between <= hold(x, samples.floor() + 1).cummax(1).values).all()


def test_equal_samples_are_held_from_the_later_one():
    x = torch.tensor([[1.0, 1.0, 0.0, 0.0, 0.0]])
    assert hold(x, torch.tensor([[2.0]])).tolist() == [[1, 1, 1, 1, 0]]


def test_a_hold_between_two_samples_is_between_their_holds():
    x = noise()
    less, more = (hold(x, torch.full((4, 1), n, dtype=torch.float64)) for n in (9, 10))
    assert torch.allclose(hold(x, torch.full((4, 1), 9.25, dtype=torch.float64)), less + (more - less) / 4)


@pytest.mark.parametrize("samples", [1, 2, 3, 64, 501])
@pytest.mark.parametrize("run", [play, play_by_scan])
def test_play_is_its_definition(samples, run):
    low, width = noise(3, samples), noise(3, samples, seed=1).abs() * torch.tensor([[0.0], [0.3], [3.0]])
    assert torch.equal(run(low, low + width), plain_play(low, low + width))


def test_both_ways_have_the_same_gradient():
    x, before = noise().requires_grad_(), torch.tensor([[0], [3], [50], [900]])
    low, high = noise(seed=1).requires_grad_(), (noise(seed=1) + noise(seed=2).abs()).requires_grad_()
    weight = noise(seed=3)
    for run, ways, inputs in (
        ((x, before), (hold, largest_by_doubling), (x,)),
        ((low, high), (play, play_by_scan), (low, high)),
    ):
        first, second = (torch.autograd.grad((way(*run) * weight).sum(), inputs) for way in ways)
        for a, b in zip(first, second, strict=True):
            torch.testing.assert_close(a, b)


def test_gradcheck():
    samples = torch.tensor([[0.5], [3.2], [20.9], [700.4]], dtype=torch.float64).requires_grad_()
    x, low = noise(samples=40).requires_grad_(), noise(samples=40, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(hold, (x, samples))
    assert torch.autograd.gradcheck(lambda a, b: play(a, a + b.square()), (low, x))


def test_a_gate_opens_and_closes_at_its_two_thresholds():
    """A tone that rises from -60 dB to -20 dB and falls again: open from -40 dB on, closed from -50 dB on."""
    rate = 44_100
    time = np.arange(4 * rate) / rate
    level_db = -60 + 40 * np.minimum(time / 2, 2 - time / 2)
    tone = torch.tensor(10 ** (level_db / 20) * np.sin(2 * math.pi * 1_000 * time))[None, None]
    settings = dict(threshold_db=-40.0, hysteresis_db=10.0, range_db=60.0)
    times = dict(attack_ms=0.1, hold_ms=2.0, release_ms=5.0)
    y = registry["gate"](tone, rate, **settings, **times)
    peaks = y.unfold(2, rate // 100, rate // 100).abs().amax(-1)[0, 0] / 10 ** (
        torch.tensor(level_db).unfold(0, rate // 100, rate // 100).amax(-1) / 20
    )
    open_ = torch.nonzero(peaks > 0.7).flatten()
    assert level_db[open_[0] * rate // 100] == pytest.approx(-40, abs=0.5)
    assert level_db[open_[-1] * rate // 100] == pytest.approx(-50, abs=0.5)
    assert peaks[50:60].max() < 0.002


def test_an_expander_at_ratio_one_and_a_gate_without_range_do_nothing():
    x = music(2).float()
    torch.testing.assert_close(registry["expander"](x, 44_100, ratio=1.0), x)
    torch.testing.assert_close(registry["gate"](x, 44_100, range_db=0.0), x)
