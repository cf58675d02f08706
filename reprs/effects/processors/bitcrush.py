"""Bit depth reduction."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.mix import crossfade
from reprs.effects.spec import Param, effect


@effect
def bitcrush(
    x: Tensor,
    sample_rate: int,
    bits: Annotated[Tensor, Param(4, 16, default=8)],
    mix: Annotated[Tensor, Param(0, 1, default=1)],
) -> Tensor:
    """Round to steps of 2^(1 - bits), where `bits` need not be whole; full scale is not clipped.

    The gradient passes straight through the rounding, in the audio and in the step (Esser 2020, "Learned step
    size quantization"): the declared slope, not the true one, which is zero almost everywhere.
    """
    return by_item(_crush, x, bits, mix)


def _crush(x: Tensor, bits: Tensor, mix: Tensor) -> Tensor:
    # float64: in float32 a sample near the middle of two steps could fall to the other one.
    step = torch.exp2(1 - bits.double())[:, None, None]
    v = x.double() / step
    wet = step * (v + (v.round() - v).detach())
    return crossfade(x, wet.to(x.dtype), mix)
