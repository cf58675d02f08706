"""Parametric equaliser."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.audio.lti import filter_sections
from reprs.effects import biquad
from reprs.effects.spec import Param, effect


@effect
def parametric_eq(
    x: Tensor,
    sample_rate: int,
    low_shelf_gain_db: Annotated[Tensor, Param(-18, 18, default=0)],
    low_shelf_hz: Annotated[Tensor, Param(20, 2_000, default=100, scale="log")],
    low_shelf_q: Annotated[Tensor, Param(0.3, 2, default=0.7071, scale="log")],
    peak1_gain_db: Annotated[Tensor, Param(-18, 18, default=0)],
    peak1_hz: Annotated[Tensor, Param(20, 20_000, default=200, scale="log")],
    peak1_q: Annotated[Tensor, Param(0.3, 10, default=1, scale="log")],
    peak2_gain_db: Annotated[Tensor, Param(-18, 18, default=0)],
    peak2_hz: Annotated[Tensor, Param(20, 20_000, default=600, scale="log")],
    peak2_q: Annotated[Tensor, Param(0.3, 10, default=1, scale="log")],
    peak3_gain_db: Annotated[Tensor, Param(-18, 18, default=0)],
    peak3_hz: Annotated[Tensor, Param(20, 20_000, default=1_800, scale="log")],
    peak3_q: Annotated[Tensor, Param(0.3, 10, default=1, scale="log")],
    peak4_gain_db: Annotated[Tensor, Param(-18, 18, default=0)],
    peak4_hz: Annotated[Tensor, Param(20, 20_000, default=5_000, scale="log")],
    peak4_q: Annotated[Tensor, Param(0.3, 10, default=1, scale="log")],
    high_shelf_gain_db: Annotated[Tensor, Param(-18, 18, default=0)],
    high_shelf_hz: Annotated[Tensor, Param(500, 20_000, default=8_000, scale="log")],
    high_shelf_q: Annotated[Tensor, Param(0.3, 2, default=0.7071, scale="log")],
) -> Tensor:
    """A low shelf, four bells and a high shelf in series."""
    gains_db = torch.stack([peak1_gain_db, peak2_gain_db, peak3_gain_db, peak4_gain_db], dim=1)
    hz = torch.stack([peak1_hz, peak2_hz, peak3_hz, peak4_hz], dim=1)
    q = torch.stack([peak1_q, peak2_q, peak3_q, peak4_q], dim=1)
    low = biquad.low_shelf(sample_rate, low_shelf_gain_db, low_shelf_hz, low_shelf_q)
    high = biquad.high_shelf(sample_rate, high_shelf_gain_db, high_shelf_hz, high_shelf_q)
    peaks = biquad.peak(sample_rate, gains_db, hz, q)
    return filter_sections(x, torch.cat([low.unsqueeze(1), peaks, high.unsqueeze(1)], dim=1))
