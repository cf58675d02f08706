"""Stereo width."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.spec import Param, effect


@effect
def stereo_width(x: Tensor, sample_rate: int, width: Annotated[Tensor, Param(0, 2, default=1)]) -> Tensor:
    """Scale the side signal: 0 is mono, 1 leaves the audio as it is, 2 doubles the side.

    Mono audio passes untouched. More than two channels: ValueError.
    """
    if x.shape[1] == 1:
        return x.clone()
    if x.shape[1] != 2:
        raise ValueError(f"stereo_width needs one or two channels, got {x.shape[1]}: downmix first")
    mid, side = x[:, 0] + x[:, 1], width[:, None] * (x[:, 0] - x[:, 1])
    return torch.stack([mid + side, mid - side], dim=1) / 2
