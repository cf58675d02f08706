"""A cascade of biquads in compiled lanes, with its gradient: the operator that torch sees."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor


def filter_rows(x: Tensor, coefficients: Tensor) -> Tensor:
    """Filter rows `x` `(R, T)` on the CPU by `coefficients` `(K, 5, R)` float64: b0, b1, b2, a1, a2.

    Differentiable in both. For the way back states are kept, 16 bytes a section, row and tile of 128 samples.
    """
    y: Tensor = _filter(x, coefficients)[0]
    return y


@torch.library.custom_op("reprs::filter_lanes", mutates_args=())
def _filter(x: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    from reprs.audio import lanes

    sections, _, rows = coefficients.shape
    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    history = coefficients.new_empty(-(-x.shape[1] // lanes.TILE), sections, 2, rows)
    arrays = _arrays(x, coefficients, coefficients.new_zeros(sections, 2, rows), history, y)
    run: Any = lanes.filter_sections
    kernel = functools.partial(run, *arrays, x.shape[1])
    lanes.over_groups(kernel, rows, torch.get_num_threads())
    return y, history


@torch.library.custom_op("reprs::filter_lanes_backward", mutates_args=())
def _filter_backward(g: Tensor, x: Tensor, coefficients: Tensor, history: Tensor) -> tuple[Tensor, Tensor]:
    from reprs.audio import lanes, lanes_backward

    g_x = torch.empty_like(x, memory_format=torch.contiguous_format)
    g_coefficients = torch.empty_like(coefficients, memory_format=torch.contiguous_format)
    arrays = _arrays(g, x, coefficients, history, g_x, g_coefficients)
    kernel = functools.partial(lanes_backward.filter_sections_backward, *arrays)
    lanes.over_groups(kernel, len(x), torch.get_num_threads())
    return g_x, g_coefficients


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


@_filter.register_fake
def _(x: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    sections, _, rows = coefficients.shape
    return x.new_empty(x.shape), coefficients.new_empty(-(-x.shape[1] // 128), sections, 2, rows)


@_filter_backward.register_fake
def _(g: Tensor, x: Tensor, coefficients: Tensor, history: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), coefficients.new_empty(coefficients.shape)


def _save(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs, output[1])


def _backward(ctx: Any, g: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    gradients: tuple[Tensor, Tensor] = _filter_backward(g, *ctx.saved_tensors)
    return gradients


_filter.register_autograd(_backward, setup_context=_save)
