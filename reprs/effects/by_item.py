"""Pointwise work in pieces that fit the processor's cache."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from reprs.audio import timeline


def by_item(function: Callable[..., Tensor], *batched: Tensor, at_a_time: int = 1) -> Tensor:
    """`function(*batched)`, a few items after another on a CPU: small operations on a clip stay in the cache.

    Every tensor is batched in its first dimension. With a gradient, on a GPU, and for parts of clips it is
    one plain call.
    """
    wants_gradient = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in batched)
    first = batched[0]
    if timeline.in_pieces() or wants_gradient or first.device.type != "cpu" or len(first) <= at_a_time:
        return function(*batched)
    pieces = zip(*(tensor.split(at_a_time) for tensor in batched), strict=True)
    head = function(*next(pieces))
    y = head.new_empty(len(first), *head.shape[1:])
    y[:at_a_time] = head
    for i, piece in enumerate(pieces, start=1):
        y[i * at_a_time : (i + 1) * at_a_time] = function(*piece)
    return y
