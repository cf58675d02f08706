"""Graphic equalisers: ten octave bands, or thirty-one third-octave bands."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.audio.lti import filter_sections
from reprs.effects import graphic
from reprs.effects.spec import Param, effect

# Preferred frequencies of ISO 266.
THIRDS_HZ = [
    hz * decade
    for decade in (10, 100, 1_000, 10_000)
    for hz in (1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8)
    if 20 <= hz * decade <= 20_000
]
OCTAVES_HZ = THIRDS_HZ[2::3]


def _sliders(centres_hz: list[float]) -> dict[str, Param]:
    """`gain_31_5hz_db` and so on."""
    return {f"gain_{hz:g}hz_db".replace(".", "_"): Param(-12, 12, default=0) for hz in centres_hz}


@effect(linear=True)
def graphic_eq(x: Tensor, sample_rate: int, **gains_db: Annotated[Tensor, _sliders(OCTAVES_HZ)]) -> Tensor:
    """Ten sliders an octave apart; the response passes through every one of them.

    Välimäki and Liski (2017), solved exactly; sliders all at one gain are flat within 0.5 dB between them.
    A slider above 0.49 of the sample rate does nothing.
    """
    return filter_sections(x, graphic.bands(_stacked(gains_db), OCTAVES_HZ, sample_rate))


@effect(linear=True)
def third_octave_eq(
    x: Tensor, sample_rate: int, **gains_db: Annotated[Tensor, _sliders(THIRDS_HZ)]
) -> Tensor:
    """Thirty-one sliders a third of an octave apart, otherwise as `graphic_eq`."""
    return filter_sections(x, graphic.bands(_stacked(gains_db), THIRDS_HZ, sample_rate))


def _stacked(gains_db: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(gains_db.values()), dim=1)
