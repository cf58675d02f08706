"""Low-frequency oscillators."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BLOCK = 512


def sine(rate_hz: Tensor, spread_deg: Tensor, sample_rate: int, channels: int, length: int) -> Tensor:
    """`sin(2π rate n / sample_rate + c spread)`, float64 `(B, C, T)`: channel c is c spreads ahead.

    The angle of sample 512 i + j is split into those of i and j, joined again by the addition theorem: as
    exact as a sine of every sample, with few sines.
    """
    device = rate_hz.device
    step = rate_hz.double()[:, None, None] * (2 * math.pi / sample_rate)
    channel = torch.arange(channels, dtype=torch.float64, device=device)[:, None]
    offset = channel * spread_deg.double()[:, None, None] * (math.pi / 180)
    starts = torch.arange(-(-length // BLOCK), dtype=torch.float64, device=device) * BLOCK
    coarse = (step * starts + offset)[..., None]
    fine = (step * torch.arange(BLOCK, dtype=torch.float64, device=device))[:, :, None]
    swing = torch.sin(coarse) * torch.cos(fine)
    swing = torch.addcmul(swing, torch.cos(coarse), torch.sin(fine))
    return swing.flatten(2)[:, :, :length]
