"""Chorus."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.delay_line import read
from reprs.effects.spec import Param, effect


@effect
def chorus(
    x: Tensor,
    sample_rate: int,
    rate_hz: Annotated[Tensor, Param(0.1, 8, default=0.8, scale="log")],
    depth_ms: Annotated[Tensor, Param(0, 5, default=2)],
    centre_delay_ms: Annotated[Tensor, Param(6, 30, default=12, scale="log")],
    mix: Annotated[Tensor, Param(0, 1, default=0.5)],
) -> Tensor:
    """One voice whose delay swings as `centre + depth · sin(2π rate t)`, read with a cubic (Dattorro 1997).

    The channels swing a quarter turn apart, which is what widens a stereo signal.
    """
    delay = _swing(x.shape[1], x.shape[2], sample_rate, rate_hz, depth_ms, centre_delay_ms)
    wet = read(x.flatten(0, 1), delay.flatten(0, 1)).view_as(x)
    return x + mix[:, None, None] * (wet - x)


def _swing(
    channels: int, length: int, sample_rate: int, rate_hz: Tensor, depth_ms: Tensor, centre_delay_ms: Tensor
) -> Tensor:
    """Delay in samples, float64 `(B, C, T)`: float32 would blur a delay of thousands of samples."""
    seconds = torch.arange(length, dtype=torch.float64, device=rate_hz.device) / sample_rate
    offset = torch.arange(channels, dtype=torch.float64, device=rate_hz.device) * (math.pi / 2)
    phase = 2 * math.pi * rate_hz.double()[:, None, None] * seconds + offset[:, None]
    swing = depth_ms.double()[:, None, None] * torch.sin(phase)
    return (centre_delay_ms.double()[:, None, None] + swing) * (sample_rate / 1000)
