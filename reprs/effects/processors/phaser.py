"""Phaser."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.allpasses import cascade
from reprs.effects.spec import Param, effect


@effect
def phaser(
    x: Tensor,
    sample_rate: int,
    rate_hz: Annotated[Tensor, Param(0.05, 8, default=0.5, scale="log")],
    depth_octaves: Annotated[Tensor, Param(0, 2, default=1)],
    centre_hz: Annotated[Tensor, Param(200, 4_000, default=800, scale="log")],
    feedback: Annotated[Tensor, Param(-0.9, 0.9, default=0.3)],
    mix: Annotated[Tensor, Param(0, 1, default=0.5)],
    *,
    stages: int = 4,
) -> Tensor:
    """First-order allpasses in series that sweep together and cancel against the dry sound (Smith 1984).

    Each allpass turns the phase by 90° at `centre · 2^(depth · sin(2π rate t))`, by the bilinear transform
    without prewarping, which is stable at any frequency. The coefficient follows every sample; the feedback
    from the last stage arrives one sample later. The channels sweep a quarter turn apart.
    """
    a = _sweep(x.shape[1], x.shape[2], sample_rate, rate_hz, depth_octaves, centre_hz)
    loop = feedback.repeat_interleave(x.shape[1])
    wet = cascade(x.flatten(0, 1), a.flatten(0, 1), loop, stages).view_as(x)
    return x + mix[:, None, None] * (wet - x)


def _sweep(
    channels: int, length: int, sample_rate: int, rate_hz: Tensor, depth_octaves: Tensor, centre_hz: Tensor
) -> Tensor:
    """Allpass coefficients, float64 `(B, C, T)`."""
    device = rate_hz.device
    seconds = torch.arange(length, dtype=torch.float64, device=device) / sample_rate
    offset = torch.arange(channels, dtype=torch.float64, device=device) * (math.pi / 2)
    phase = 2 * math.pi * rate_hz.double()[:, None, None] * seconds + offset[:, None]
    octaves = depth_octaves.double()[:, None, None] * torch.sin(phase)
    tangent = (math.pi / sample_rate) * centre_hz.double()[:, None, None] * torch.exp2(octaves)
    return 1 - 2 / (1 + tangent)
