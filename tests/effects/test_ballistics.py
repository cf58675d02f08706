"""The branching smoother: compiled loop, parallel scans and gradients against each other and a plain loop."""

import pytest
import torch

from reprs.effects import ballistics
from reprs.effects.ballistics import linear_scan, smooth, smooth_backward, step_size


def example(rows=5, samples=1_001, seed=0):
    generator = torch.Generator().manual_seed(seed)
    r = 10 * torch.randn(rows, samples, generator=generator, dtype=torch.float64).cumsum(1).sin().relu()
    return r, *(torch.rand(rows, generator=generator, dtype=torch.float64) ** k for k in (1, 4))


def plain(r, rise, fall):
    y, state = torch.zeros_like(r), torch.zeros(len(r), dtype=r.dtype)
    for t in range(r.shape[1]):
        state = state + torch.where(r[:, t] > state, rise, fall) * (r[:, t] - state)
        y[:, t] = state
    return y


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("samples", [1, 255, 256, 257, 600])
def test_compiled_loop_is_the_definition(rows, samples):
    r, rise, fall = example(rows, samples)
    torch.testing.assert_close(smooth(r, rise, fall), plain(r, rise, fall), rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_iterated_scans_reach_the_loop(seed):
    r, rise, fall = example(samples=20_000, seed=seed)
    torch.testing.assert_close(
        ballistics.smooth_by_scans(r, rise, fall), smooth(r, rise, fall), rtol=0, atol=1e-9
    )


def test_scans_fall_back_to_the_loop_where_they_do_not_settle(monkeypatch):
    monkeypatch.setattr(ballistics, "SCANS", 1)
    r, rise, fall = example()
    assert torch.equal(ballistics.smooth_by_scans(r, rise, fall), smooth(r, rise, fall))


def test_a_level_that_stays_put_settles(monkeypatch):
    monkeypatch.setattr(ballistics, "SCANS", 12)
    monkeypatch.setattr(torch.Tensor, "cpu", None)
    r = torch.full((1, 5_000), 3.0, dtype=torch.float64)
    rates = torch.tensor([0.3], dtype=torch.float64)
    assert ballistics.smooth_by_scans(r, rates, rates)[0, -1] == pytest.approx(3)


def test_both_backward_passes_agree():
    r, rise, fall = example()
    g = torch.randn(r.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = smooth(r, rise, fall)
    loop = smooth_backward(g, r, y, rise, fall)
    for a, b in zip(loop, ballistics.smooth_backward_by_scan(g, r, y, rise, fall), strict=True):
        torch.testing.assert_close(a, b)


def test_gradcheck():
    r, rise, fall = example(rows=2, samples=60)
    # Off the corner at r = y, where no derivative exists.
    inputs = [tensor.requires_grad_() for tensor in (r + 0.1, rise, fall)]
    assert torch.autograd.gradcheck(smooth, inputs)


def test_custom_ops_are_well_formed():
    r, rise, fall = (tensor.requires_grad_() for tensor in example(rows=2, samples=40))
    torch.library.opcheck(smooth, (r, rise, fall))


@pytest.mark.parametrize("samples", [1, 2, 3, 100, 257])
def test_linear_scan_is_the_recursion(samples):
    generator = torch.Generator().manual_seed(0)
    keep, add = torch.rand(2, 3, samples, generator=generator, dtype=torch.float64)
    state = torch.zeros(3, dtype=torch.float64)
    for t, s in enumerate(linear_scan(keep, add).unbind(1)):
        state = keep[:, t] * state + add[:, t]
        torch.testing.assert_close(s, state)


def test_a_slow_release_in_float32_does_not_stall():
    """After 2 s of a 2 s release e⁻¹ is left, although each step is too small to change a float32 state."""
    r = torch.zeros(1, 192_000 * 2 + 1)
    r[0, 0] = 40
    one, fall = torch.ones(1, dtype=torch.float64), step_size(torch.tensor([2_000.0]), 192_000)
    assert smooth(r, one, fall)[0, -1] == pytest.approx(40 / 2.718281828, rel=1e-6)
