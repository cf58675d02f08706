"""Pan."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.spec import Param, effect


@effect
def pan(x: Tensor, sample_rate: int, position: Annotated[Tensor, Param(-1, 1, default=0)]) -> Tensor:
    """Move a stereo signal to the left (-1) or the right (1) at constant power; 0 leaves it as it is.

    The gains are √2 cos and √2 sin of an angle between 0 and 90°. Mono audio passes untouched. More than two
    channels: ValueError.
    """
    if x.shape[1] == 1:
        return x.clone()
    return x * balance(x, position[:, None])


def balance(x: Tensor, position: Tensor) -> Tensor:
    """Gains `(B, 2, T or 1)` for stereo `x`; `position` `(B, T or 1)` in [-1, 1]."""
    if x.shape[1] != 2:
        raise ValueError(f"panning needs one or two channels, got {x.shape[1]}: downmix first")
    angle = (position + 1) * (math.pi / 4)
    # sin(90° - a), for exactly nothing on the far side.
    return math.sqrt(2) * torch.sin(torch.stack([math.pi / 2 - angle, angle], dim=1))
