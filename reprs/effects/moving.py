"""The recursions of the rack with knobs that change with every sample, and with a state from earlier blocks.

Automation and streams come here (see `reprs.audio.timeline`); knobs are `(R, T)` like the audio. Without a
slot a recursion starts from rest and is differentiable; with one it goes on from the slot's state. Audio on
another device visits the CPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from reprs.audio.timeline import Slot
from reprs.effects.delay_line import catmull_rom


def smooth(r: Tensor, rise: Tensor, fall: Tensor, *, slot: Slot | None = None) -> Tensor:
    """See `reprs.effects.ballistics.smooth`; `rise`, `fall` float64."""
    y, state = _smooth(r.cpu(), rise.cpu(), fall.cpu(), *_before(slot, (len(r),)))
    _keep(slot, state)
    return y.to(r.device)


def echoes(
    v: Tensor, delay: Tensor, feedback: Tensor, pole: Tensor, *, slot: Slot | None = None, reach: int = 0
) -> Tensor:
    """See `reprs.effects.echoes.echoes`; everything but `v` float64. A stream remembers `reach` samples."""
    whole = delay.detach().floor()
    inputs = (v, whole.long(), catmull_rom(delay - whole), feedback, pole)
    history = max(int(whole.max()) + 3, reach)
    before = _before(slot, (len(v), history), (len(v),))
    q, line, state = _echoes(*(tensor.cpu() for tensor in inputs), *before)
    _keep(slot, line[:, -history:].clone(), state)
    return q.to(v.device)


def cascade(x: Tensor, a: Tensor, feedback: Tensor, *, stages: int, slot: Slot | None = None) -> Tensor:
    """See `reprs.effects.allpasses.cascade`; `a`, `feedback` float64."""
    y, state = _cascade(x.cpu(), a.cpu(), feedback.cpu(), *_before(slot, (len(x), stages + 1)))
    _keep(slot, state)
    return y.to(x.device)


def _before(slot: Slot | None, *shapes: tuple[int, ...]) -> list[Tensor]:
    """The states in the slot, or rest."""
    if slot is None or slot.state is None:
        return [torch.zeros(shape, dtype=torch.float64) for shape in shapes]
    states: list[Tensor] = slot.state
    return states


def _keep(slot: Slot | None, *states: Tensor) -> None:
    if slot is not None:
        slot.state = list(states)


@torch.library.custom_op("reprs::moving_smooth", mutates_args=())
def _smooth(r: Tensor, rise: Tensor, fall: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    from reprs.effects.compiled import moving

    y, state = torch.empty_like(r, memory_format=torch.contiguous_format), before.clone()
    moving.smooth(*_arrays(r, rise, fall, state, y))
    return y, state


@torch.library.custom_op("reprs::moving_smooth_backward", mutates_args=())
def _smooth_backward(
    g: Tensor, r: Tensor, y: Tensor, rise: Tensor, fall: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    from reprs.effects.compiled import moving

    grads = _like(r, rise, fall)
    moving.smooth_backward(*_arrays(g, r, y, rise, fall, *grads))
    return grads[0], grads[1], grads[2]


@torch.library.custom_op("reprs::moving_echoes", mutates_args=())
def _echoes(
    v: Tensor, whole: Tensor, taps: Tensor, feedback: Tensor, pole: Tensor, earlier: Tensor, before: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    from reprs.effects.compiled import moving

    q, state = torch.empty_like(v, memory_format=torch.contiguous_format), before.clone()
    line = torch.cat([earlier, torch.zeros(v.shape, dtype=torch.float64)], dim=1)
    moving.echoes(*_arrays(v, whole, taps, feedback, pole, line, state, q))
    return q, line, state


@torch.library.custom_op("reprs::moving_echoes_backward", mutates_args=())
def _echoes_backward(
    g: Tensor, v: Tensor, whole: Tensor, taps: Tensor, feedback: Tensor, pole: Tensor, line: Tensor, q: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    from reprs.effects.compiled import moving

    grads = _like(v, taps, feedback, pole)
    moving.echoes_backward(*_arrays(g, whole, taps, feedback, pole, line, q, *grads))
    return grads[0], grads[1], grads[2], grads[3]


@torch.library.custom_op("reprs::moving_allpasses", mutates_args=())
def _cascade(x: Tensor, a: Tensor, feedback: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    from reprs.effects.compiled import moving

    y, state = torch.empty_like(x, memory_format=torch.contiguous_format), before.clone()
    moving.cascade(*_arrays(x, a, feedback, state, y))
    return y, state


@torch.library.custom_op("reprs::moving_allpasses_backward", mutates_args=())
def _cascade_backward(
    g: Tensor, x: Tensor, a: Tensor, feedback: Tensor, stages: int
) -> tuple[Tensor, Tensor, Tensor]:
    from reprs.effects.compiled import moving

    grads = _like(x, a, feedback)
    arguments: list[Any] = [*_arrays(g, x, a, feedback, *grads), stages]
    moving.cascade_backward(*arguments)
    return grads[0], grads[1], grads[2]


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def _like(*tensors: Tensor) -> list[Tensor]:
    return [torch.empty(tensor.shape, dtype=tensor.dtype) for tensor in tensors]


def _save_smooth(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(inputs[0], output[0], inputs[1], inputs[2])


def _save_echoes(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[:5], output[1], output[0])


def _save_cascade(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    ctx.stages = inputs[3].shape[1] - 1
    ctx.save_for_backward(*inputs[:3])


def _smooth_gradients(ctx: Any, g: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    return (*_smooth_backward(g, *ctx.saved_tensors), None)


def _echoes_gradients(ctx: Any, g: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    gv, gtaps, gfeedback, gpole = _echoes_backward(g, *ctx.saved_tensors)
    return gv, None, gtaps, gfeedback, gpole, None, None


def _cascade_gradients(ctx: Any, g: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    return (*_cascade_backward(g, *ctx.saved_tensors, ctx.stages), None)


_smooth.register_autograd(_smooth_gradients, setup_context=_save_smooth)
_echoes.register_autograd(_echoes_gradients, setup_context=_save_echoes)
_cascade.register_autograd(_cascade_gradients, setup_context=_save_cascade)
