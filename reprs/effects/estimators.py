"""Gradients of a renderer that has none: finite differences and simultaneous perturbation.

An estimator is called as `estimate(render, z, g)`: `render(z)` → `(B, C, T)` without a gradient, `z` `(B, P)`
in [0, 1], `g` the gradient of the loss in the audio. It returns the gradient in `z`. Knobs never leave
[0, 1], so a perturbation at a bound is cut short, and every difference is divided by the perturbation that
was applied, knob by knob. Dividing by what was asked for halves the gradient at every bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Render = Callable[[Tensor], Tensor]
Estimator = Callable[[Render, Tensor, Tensor], Tensor]


def finite_differences(render: Render, z: Tensor, g: Tensor, step: float = 0.01) -> Tensor:
    """A central difference for every knob, one-sided at a bound: 2 P renders, error O(step²) inside."""
    columns = []
    for i in range(z.shape[1]):
        asked = torch.zeros_like(z)
        asked[:, i] = step
        slope, applied = _difference(render, z, asked, g)
        columns.append(slope / applied[:, i])
    return torch.stack(columns, dim=1) if columns else torch.zeros_like(z)


def spsa(
    render: Render,
    z: Tensor,
    g: Tensor,
    step: float = 0.01,
    draws: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """All knobs at once, each up or down by a coin of its own, `2 draws` renders (Spall 1992).

    The applied perturbations of different knobs are independent and symmetric about 0 even at a bound, so
    that the other knobs' share in each estimate has mean 0. Items of a batch draw apart from each other.
    """
    total = torch.zeros_like(z)
    for _ in range(draws):
        coins = torch.randint(0, 2, z.shape, generator=generator, device="cpu").to(z)
        total += one_draw(render, z, g, 2 * coins - 1, step)
    return total / draws


def one_draw(render: Render, z: Tensor, g: Tensor, coins: Tensor, step: float) -> Tensor:
    """SPSA with given `coins` `(B, P)` of +1 and -1."""
    slope, applied = _difference(render, z, step * coins, g)
    return slope[:, None] / applied


def _difference(render: Render, z: Tensor, asked: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """`⟨g, render(up) - render(down)⟩` `(B,)`, and `up - down` after both were cut to [0, 1]."""
    up, down = (z + asked).clamp(0, 1), (z - asked).clamp(0, 1)
    change = (render(up) - render(down)).double() * g.double()
    return change.sum((1, 2)).to(z.dtype), up - down


def estimated(render: Render, z: Tensor, estimator: Estimator) -> Tensor:
    """`render(z)`, whose gradient in `z` comes from `estimator`."""
    y: Tensor = _Estimated.apply(z, render, estimator)
    return y


def substitute(exact: Tensor, proxy: Tensor) -> Tensor:
    """The value of `exact` with the gradient of `proxy`."""
    y: Tensor = _Substituted.apply(exact, proxy)
    return y


class _Estimated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, render: Render, estimator: Estimator) -> Tensor:
        ctx.save_for_backward(z)
        ctx.render, ctx.estimator = render, estimator
        return render(z)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (z,) = ctx.saved_tensors
        return ctx.estimator(ctx.render, z, grads[0]), None, None


class _Substituted(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, exact: Tensor, proxy: Tensor) -> Tensor:
        return exact.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        return None, grads[0]
