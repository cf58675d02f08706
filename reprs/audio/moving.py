"""Second-order sections whose coefficients change with every sample, differentiable.

They run in input-normal coordinates, in which A Aᵀ + B Bᵀ = I. Then no A stretches a state, whatever the
sections before it were: the filter stays stable and quiet however fast its knobs move, where the direct forms
click or blow up.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from reprs.audio.lti import input_normal_sections


def filter_moving_sections(x: Tensor, sections: Tensor) -> Tensor:
    """`x` `(B, C, T)` through biquads `(B, T, K, 6)`, a cascade of its own for every sample, from rest."""
    clips, samples, count = sections.shape[:3]
    parts = input_normal_sections(sections.double().flatten(0, 1))
    packed = torch.cat([part.flatten(2) for part in parts], dim=2).view(clips, samples, count, 9)
    home, y = x.device, x.cpu()
    for k in range(count):
        y = _section(y, packed[:, :, k].cpu())
    return y.to(home)


@torch.library.custom_op("reprs::moving_section", mutates_args=())
def _section(x: Tensor, packed: Tensor) -> Tensor:
    """`packed` `(B, T, 9)` float64: a row by row, b, c, d."""
    from reprs.audio import moving_compiled

    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    moving_compiled.section(x.contiguous().numpy(), packed.contiguous().numpy(), y.numpy())
    return y


@torch.library.custom_op("reprs::moving_section_backward", mutates_args=())
def _section_backward(g: Tensor, x: Tensor, packed: Tensor) -> tuple[Tensor, Tensor]:
    from reprs.audio import moving_compiled

    gx = torch.empty_like(x, memory_format=torch.contiguous_format)
    gpacked = torch.zeros(packed.shape, dtype=packed.dtype)
    arrays: list[Any] = [t.contiguous().numpy() for t in (g, x, packed, gx, gpacked)]
    moving_compiled.section_backward(*arrays)
    return gx, gpacked


@_section.register_fake
def _(x: Tensor, packed: Tensor) -> Tensor:
    return x.new_empty(x.shape)


@_section_backward.register_fake
def _(g: Tensor, x: Tensor, packed: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), packed.new_empty(packed.shape)


def _save(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
    gradients: tuple[Tensor, Tensor] = _section_backward(g, *ctx.saved_tensors)
    return gradients


_section.register_autograd(_backward, setup_context=_save)
