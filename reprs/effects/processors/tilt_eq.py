"""Tilt equaliser."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from reprs.audio.lti import filter_sections
from reprs.effects import biquad
from reprs.effects.spec import Param, effect


@effect
def tilt_eq(
    x: Tensor,
    sample_rate: int,
    tilt_db: Annotated[Tensor, Param(-12, 12, default=0)],
    pivot_hz: Annotated[Tensor, Param(100, 8_000, default=650, scale="log")],
) -> Tensor:
    """Turn the spectrum about the pivot: `tilt_db` up above it, as much down below it, or the reverse.

    One first-order section, as in Quad's model 34 preamplifier (1982): 0 dB at the pivot.
    """
    return filter_sections(x, biquad.tilt(sample_rate, tilt_db, pivot_hz).unsqueeze(1))
