"""Estimated gradients against autodiff and closed forms."""

import itertools

import pytest
import torch

from reprs.effects import registry
from reprs.effects.estimators import estimated, finite_differences, one_draw, spsa, substitute
from tests.effects.signals import knobs, music

EQ, COMPRESSOR = registry["tilt_eq"], registry["compressor"]


def problem(effect, z, samples=2_000):
    """The renderer of one effect in float64, a gradient for its output, and autodiff's answer."""
    x = music(len(z), samples=samples)
    render = lambda z: effect(x, 44_100, z)  # noqa: E731
    z = z.clone().requires_grad_()
    y = render(z)
    g = torch.randn(y.shape, generator=torch.Generator().manual_seed(0), dtype=y.dtype)
    (exact,) = torch.autograd.grad(y, z, g)
    return render, g, exact


@pytest.mark.parametrize("effect", [EQ, COMPRESSOR, registry["distortion"]], ids=lambda e: e.name)
def test_finite_differences_are_the_gradient(effect):
    z = knobs(effect, 3, low=0.2, high=0.8)
    render, g, exact = problem(effect, z)
    torch.testing.assert_close(finite_differences(render, z, g, step=1e-5), exact, rtol=1e-4, atol=1e-4)


def test_the_error_of_finite_differences_falls_with_the_square_of_the_step():
    z = knobs(EQ, 4, low=0.3, high=0.7)
    render, g, exact = problem(EQ, z)
    errors = [
        (finite_differences(render, z, g, step=step) - exact).abs().max() for step in (0.04, 0.02, 0.01)
    ]
    assert 3.5 < errors[0] / errors[1] < 4.5 and 3.5 < errors[1] / errors[2] < 4.5


@pytest.mark.parametrize("bound", [0.0, 1.0])
def test_finite_differences_hold_at_a_bound(bound):
    z = torch.full((1, 2), bound, dtype=torch.float64)
    render, g, exact = problem(EQ, z)
    torch.testing.assert_close(finite_differences(render, z, g, step=1e-6), exact, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("bound", [[0.0, 1.0, 0.5, 0.999], [0.5, 0.5, 0.5, 0.5]])
def test_the_mean_of_all_coins_is_the_gradient_even_at_a_bound(bound):
    """A linear renderer has no error of the step: the mean over all 2^P coins has to be exact."""
    z = torch.tensor([bound], dtype=torch.float64)
    basis = music(4, 1, 50)
    render = lambda z: torch.einsum("bp,pct->bct", z, basis)  # noqa: E731
    g = music(1, 1, 50, seed=1)
    exact = torch.einsum("bct,pct->bp", g, basis)
    mean = torch.zeros_like(z)
    for coins in itertools.product([0, 1], repeat=4):
        mean += one_draw(render, z, g, 2 * torch.tensor([coins]).to(z) - 1, step=0.01) / 16
    torch.testing.assert_close(mean, exact)


def test_the_mean_of_many_draws_is_the_gradient():
    z = knobs(EQ, 1, low=0.2, high=0.8)
    z[0, 0] = 1.0
    render, g, exact = problem(EQ, z, samples=40)
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([spsa(render, z, g, step=1e-4, generator=generator) for _ in range(256)])
    standard_error = draws.std(0) / 16
    assert ((draws.mean(0) - exact).abs() < 4 * standard_error + 1e-3 * exact.abs()).all()
    averaged = torch.stack([spsa(render, z, g, step=1e-4, draws=16, generator=generator) for _ in range(24)])
    ratio = draws.var(0) / averaged.var(0)
    assert (ratio > 6).all() and (ratio < 45).all()


def test_items_of_a_batch_do_not_mix():
    z = knobs(EQ, 3, low=0.2, high=0.8)
    render, g, _ = problem(EQ, z)
    g[1] = 0
    for estimate in (finite_differences(render, z, g), spsa(render, z, g, draws=3)):
        assert (estimate[1] == 0).all() and (estimate[[0, 2]] != 0).all()


def test_the_same_generator_gives_the_same_draws_and_leaves_the_global_one_alone():
    z = knobs(EQ, 2)
    render, g, _ = problem(EQ, z, samples=100)
    state = torch.get_rng_state()
    first, second = (spsa(render, z, g, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second) and torch.equal(state, torch.get_rng_state())


def test_autograd_carries_the_estimate_and_the_value():
    z = knobs(EQ, 2, low=0.3, high=0.7)
    render, g, exact = problem(EQ, z)
    logits = torch.logit(z).requires_grad_()
    y = estimated(render, logits.sigmoid(), finite_differences)
    assert torch.equal(y, render(logits.detach().sigmoid()))
    (y * g).sum().backward()
    torch.testing.assert_close(logits.grad, exact * z * (1 - z), rtol=1e-2, atol=1e-2)


def test_a_substitute_has_the_value_of_one_and_the_gradient_of_the_other():
    a, b = torch.randn(3), torch.randn(3, requires_grad=True)
    y = substitute(a, 2 * b)
    assert torch.equal(y, a)
    y.sum().backward()
    assert torch.equal(b.grad, torch.full((3,), 2.0))
