"""High-pass and low-pass filters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor

from reprs.audio.lti import filter_sections
from reprs.effects import biquad
from reprs.effects.spec import Param, effect


@effect
def highpass(
    x: Tensor,
    sample_rate: int,
    cutoff_hz: Annotated[Tensor, Param(20, 20_000, default=80, scale="log")],
    q: Annotated[Tensor, Param(0.3, 10, default=0.7071, scale="log")],
    *,
    order: int = 2,
) -> Tensor:
    """Attenuate what is below the cutoff, by 6 dB an octave for each `order`: 1, 2 or 4.

    At `q` = 0.7071 orders 2 and 4 are Butterworth filters; order 1 has no resonance and ignores `q`.
    """
    designs = biquad.one_pole_highpass, biquad.highpass
    return filter_sections(x, _sections("highpass", sample_rate, cutoff_hz, q, order, *designs))


@effect
def lowpass(
    x: Tensor,
    sample_rate: int,
    cutoff_hz: Annotated[Tensor, Param(20, 20_000, default=8_000, scale="log")],
    q: Annotated[Tensor, Param(0.3, 10, default=0.7071, scale="log")],
    *,
    order: int = 2,
) -> Tensor:
    """Attenuate what is above the cutoff, by 6 dB an octave for each `order`: 1, 2 or 4.

    At `q` = 0.7071 orders 2 and 4 are Butterworth filters; order 1 has no resonance and ignores `q`.
    """
    designs = biquad.one_pole_lowpass, biquad.lowpass
    return filter_sections(x, _sections("lowpass", sample_rate, cutoff_hz, q, order, *designs))


def _sections(
    name: str,
    sample_rate: int,
    cutoff_hz: Tensor,
    q: Tensor,
    order: int,
    first: Callable[[int, Tensor], Tensor],
    second: Callable[[int, Tensor, Tensor], Tensor],
) -> Tensor:
    """A cascade `(B, K, 6)` of `order`, from the designs of first and of second order."""
    if order == 1:
        return first(sample_rate, cutoff_hz).unsqueeze(1)
    if order not in (2, 4):
        raise ValueError(f"{name}: order is 1, 2 or 4, got {order}")
    scaled = q.double() * math.sqrt(2)
    rows = [second(sample_rate, cutoff_hz, scaled * each) for each in biquad.butterworth_qs(order)]
    return torch.stack(rows, dim=1)
