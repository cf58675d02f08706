"""Pointwise work in pieces that fit the processor's cache."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def by_item(function: Callable[..., Tensor], *batched: Tensor) -> Tensor:
    """`function(*batched)`, item after item on a CPU: a chain of small operations on one clip stays in
    the cache.

    Every tensor is batched in its first dimension. With a gradient, or on a GPU, it is one plain call.
    """
    wants_gradient = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in batched)
    first = batched[0]
    if wants_gradient or first.device.type != "cpu" or len(first) == 1:
        return function(*batched)
    pieces = zip(*(tensor.split(1) for tensor in batched), strict=True)
    head = function(*next(pieces))
    y = head.new_empty(len(first), *head.shape[1:])
    y[:1] = head
    for i, piece in enumerate(pieces, start=1):
        y[i : i + 1] = function(*piece)
    return y
