"""`dry x + wet tanh(drive x)`: one compiled pass over float32 audio on a CPU, plain torch elsewhere."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from reprs.audio import timeline


def saturate(x: Tensor, drive: Tensor, dry: Tensor, wet: Tensor) -> Tensor:
    """`x` `(B, C, T)`, the rest `(B,)`, `drive` above 0. Differentiable in all."""
    if x.device.type == "cpu" and x.dtype == torch.float32 and timeline.folded() is None:
        rows = (knob.float().repeat_interleave(x.shape[1]) for knob in (drive, dry, wet))
        y: Tensor = _saturate(x.reshape(-1, x.shape[2]), *rows)
        return y.view(x.shape)
    drive, dry, wet = (knob[:, None, None] for knob in (drive, dry, wet))
    return torch.addcmul(x * dry, torch.tanh(x * drive), wet)


@torch.library.custom_op("reprs::saturate", mutates_args=())
def _saturate(x: Tensor, drive: Tensor, dry: Tensor, wet: Tensor) -> Tensor:
    from reprs.effects.compiled import saturation

    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    _over_rows(saturation.saturate, x, drive, dry, wet, y)
    return y


@torch.library.custom_op("reprs::saturate_backward", mutates_args=())
def _saturate_backward(
    g: Tensor, x: Tensor, drive: Tensor, dry: Tensor, wet: Tensor
) -> tuple[Tensor, Tensor]:
    from reprs.effects.compiled import saturation

    g_x = torch.empty_like(x, memory_format=torch.contiguous_format)
    g_knobs = torch.empty(len(x), 3, dtype=torch.float64)
    _over_rows(saturation.saturate_backward, g, x, drive, dry, wet, g_x, g_knobs)
    return g_x, g_knobs


@_saturate.register_fake
def _(x: Tensor, drive: Tensor, dry: Tensor, wet: Tensor) -> Tensor:
    return x.new_empty(x.shape)


@_saturate_backward.register_fake
def _(g: Tensor, x: Tensor, drive: Tensor, dry: Tensor, wet: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), x.new_empty(len(x), 3, dtype=torch.float64)


def _over_rows(kernel: Any, *tensors: Tensor) -> None:
    from reprs.audio.lanes import over_groups
    from reprs.effects.compiled.saturation import ROWS

    arrays = [tensor.detach().contiguous().numpy() for tensor in tensors]
    over_groups(functools.partial(kernel, *arrays), len(tensors[0]), torch.get_num_threads(), ROWS)


def _save(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
    g_x, g_knobs = _saturate_backward(g, *ctx.saved_tensors)
    return g_x, *g_knobs.to(g.dtype).unbind(1)


_saturate.register_autograd(_backward, setup_context=_save)
