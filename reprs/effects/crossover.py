"""Splitting audio into bands that sum flat (Linkwitz 1976, "Active crossover networks for noncoincident
drivers").

A Linkwitz–Riley crossover of fourth order is two Butterworth sections in a row on each side; low and high are
in phase and add up to an allpass. Where there are more bands, each one passes the allpasses of the crossovers
that it is not split by, so that all of them together are one allpass.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from reprs.audio.lti import filter_sections
from reprs.effects import biquad

BUTTERWORTH_Q = 0.5**0.5


def split(x: Tensor, sample_rate: int, *crossovers_hz: Tensor) -> list[Tensor]:
    """The bands of `x` `(B, C, T)`, lowest first, for rising crossovers `(B,)`."""
    bands = range(len(crossovers_hz) + 1)
    return [filter_sections(x, _band(sample_rate, crossovers_hz, band)) for band in bands]


def _band(sample_rate: int, crossovers_hz: Sequence[Tensor], band: int) -> Tensor:
    """Sections of one band."""
    rows = []
    for i, hz in enumerate(crossovers_hz):
        q = torch.full_like(hz, BUTTERWORTH_Q, dtype=torch.float64)
        if i > band:
            rows.append(biquad.allpass(sample_rate, hz, q))
        else:
            side = biquad.lowpass if i == band else biquad.highpass
            rows += [side(sample_rate, hz, q)] * 2
    return torch.stack(rows, dim=1)
