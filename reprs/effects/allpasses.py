"""Modulated first-order allpasses in series with feedback: a recursion of every sample, so one compiled loop.

Audio on another device visits the CPU: the coefficients change with every sample, which leaves a GPU no
parallel form that is as exact.
"""

from __future__ import annotations

import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.effects import moving


def cascade(x: Tensor, a: Tensor, feedback: Tensor, stages: int) -> Tensor:
    """`stages` times `y = a u + s; s ← u - a y`, entered by `u = x + feedback · last output`.

    `x` `(R, T)`; `a` float64 `(R, T)` in (-1, 1), shared by the stages; `feedback` `(R,)`, |feedback| < 1.
    """
    home = x.device
    fold, slot = timeline.folded(), timeline.carried()
    if fold is not None:
        joined = [fold.join_rows(tensor) for tensor in (x, a, feedback.double())]
        return fold.split_rows(moving.cascade(*joined, stages=stages))
    if slot is not None:
        return moving.cascade(x, a, feedback.double()[:, None].expand_as(a), stages=stages, slot=slot)
    y = _cascade(x.cpu(), a.cpu(), feedback.double().cpu(), stages)
    return y.to(home)


@torch.library.custom_op("reprs::allpasses", mutates_args=())
def _cascade(x: Tensor, a: Tensor, feedback: Tensor, stages: int) -> Tensor:
    from reprs.effects.compiled import allpasses

    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    arguments = [*_arrays(x, a, feedback, y), stages]
    allpasses.cascade(*arguments)
    return y


@torch.library.custom_op("reprs::allpasses_backward", mutates_args=())
def _cascade_backward(
    g: Tensor, x: Tensor, a: Tensor, feedback: Tensor, stages: int
) -> tuple[Tensor, Tensor, Tensor]:
    from reprs.effects.compiled import allpasses

    gx, ga, gfeedback = (torch.empty(t.shape, dtype=t.dtype) for t in (x, a, feedback))
    arguments = [*_arrays(g, x, a, feedback, gx, ga, gfeedback), stages]
    allpasses.cascade_backward(*arguments)
    return gx, ga, gfeedback


@_cascade.register_fake
def _(x: Tensor, a: Tensor, feedback: Tensor, stages: int) -> Tensor:
    return x.new_empty(x.shape)


@_cascade_backward.register_fake
def _(g: Tensor, x: Tensor, a: Tensor, feedback: Tensor, stages: int) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape), a.new_empty(a.shape), feedback.new_empty(feedback.shape)


def _arrays(*tensors: Tensor) -> list:
    return [t.contiguous().numpy() for t in tensors]


def _save(ctx, inputs, output) -> None:
    ctx.stages = inputs[3]
    ctx.save_for_backward(*inputs[:3])


def _backward(ctx, g: Tensor):
    return *_cascade_backward(g, *ctx.saved_tensors, ctx.stages), None


_cascade.register_autograd(_backward, setup_context=_save)
