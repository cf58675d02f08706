"""Low-frequency oscillators."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reprs.audio import timeline

BLOCK = 512


def sine(rate_hz: Tensor, spread_deg: Tensor, sample_rate: int, channels: int, length: int) -> Tensor:
    """`sin(2π rate n / sample_rate + c spread)`, float64 `(B, C, T)`: channel c is c spreads ahead.

    The angle of sample 512 i + j is split into those of i and j, joined again by the addition theorem: as
    exact as a sine of every sample, with few sines.
    """
    fold, slot = timeline.folded(), timeline.carried()
    if fold is not None or slot is not None:
        return _sine_in_pieces(rate_hz, spread_deg, sample_rate, channels, length, fold, slot)
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


def _sine_in_pieces(
    rate_hz: Tensor,
    spread_deg: Tensor,
    sample_rate: int,
    channels: int,
    length: int,
    fold: timeline.Fold | None,
    slot: timeline.Slot | None,
) -> Tensor:
    """A block of a stream, which goes on where the last one ended; or rates that move, whose sum is phase."""
    cycles = rate_hz.double() / sample_rate
    if fold is not None:
        joined = cycles.view(fold.clips, fold.samples)
        phase = (joined.cumsum(1) - joined).reshape(-1, 1, 1)
    else:
        start = slot.state or 0  # type: ignore[union-attr]
        slot.state = start + length  # type: ignore[union-attr]
        now = torch.arange(start, start + length, dtype=torch.float64, device=rate_hz.device)
        phase = cycles[:, None, None] * now
    channel = torch.arange(channels, dtype=torch.float64, device=rate_hz.device)[:, None]
    offset = channel * spread_deg.double()[:, None, None] / 360
    return torch.sin(2 * math.pi * (phase + offset))
