"""Stereo imager."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.audio.lti import filter_sections
from reprs.effects import biquad
from reprs.effects.spec import Param, effect


@effect
def imager(
    x: Tensor,
    sample_rate: int,
    low_width: Annotated[Tensor, Param(0, 2, default=0.5)],
    mid_width: Annotated[Tensor, Param(0, 2, default=1)],
    high_width: Annotated[Tensor, Param(0, 2, default=1.2)],
    low_hz: Annotated[Tensor, Param(40, 800, default=150, scale="log")],
    high_hz: Annotated[Tensor, Param(1_000, 16_000, default=4_000, scale="log")],
) -> Tensor:
    """Scale the side signal below `low_hz`, above `high_hz` and in between: 0 is mono, 1 as it was.

    The bands are a one-pole low-pass, a one-pole high-pass and what both leave over, so that they add up to
    the side itself, without a turn of phase; the mid is not touched. Mono audio passes untouched. More than
    two channels: ValueError.
    """
    if x.shape[1] == 1:
        return x.clone()
    if x.shape[1] != 2:
        raise ValueError(f"imager needs one or two channels, got {x.shape[1]}: downmix first")
    mid, side = x[:, :1] + x[:, 1:], x[:, :1] - x[:, 1:]
    low = filter_sections(side, biquad.one_pole_lowpass(sample_rate, low_hz).unsqueeze(1))
    high = filter_sections(side, biquad.one_pole_highpass(sample_rate, high_hz).unsqueeze(1))
    low_width, mid_width, high_width = (knob[:, None, None] for knob in (low_width, mid_width, high_width))
    side = low_width * low + mid_width * (side - low - high) + high_width * high
    return torch.cat([mid + side, mid - side], dim=1) / 2
