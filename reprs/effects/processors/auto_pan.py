"""Auto-pan."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.lfo import sine
from reprs.effects.processors.pan import balance
from reprs.effects.spec import Param, effect


@effect
def auto_pan(
    x: Tensor,
    sample_rate: int,
    rate_hz: Annotated[Tensor, Param(0.05, 12, default=1, scale="log")],
    depth: Annotated[Tensor, Param(0, 1, default=0.7)],
) -> Tensor:
    """Swing a stereo signal between right and left at constant power, `depth · sin(2π rate t)` as in `pan`.

    Mono audio passes untouched. More than two channels: ValueError.
    """
    if x.shape[1] == 1:
        return x.clone()

    def run(x: Tensor, rate_hz: Tensor, depth: Tensor) -> Tensor:
        swing = sine(rate_hz, torch.zeros_like(rate_hz), sample_rate, 1, x.shape[2])[:, 0].to(x.dtype)
        return x * balance(x, depth[:, None] * swing)

    return by_item(run, x, rate_hz, depth)
