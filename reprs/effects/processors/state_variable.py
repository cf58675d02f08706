"""State-variable filter."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from reprs.audio.lti import filter_sections
from reprs.effects import biquad
from reprs.effects.spec import Param, effect


@effect
def state_variable(
    x: Tensor,
    sample_rate: int,
    cutoff_hz: Annotated[Tensor, Param(20, 20_000, default=1_000, scale="log")],
    q: Annotated[Tensor, Param(0.3, 20, default=0.7071, scale="log")],
    low: Annotated[Tensor, Param(-1, 1, default=1)],
    band: Annotated[Tensor, Param(-1, 1, default=0)],
    high: Annotated[Tensor, Param(-1, 1, default=0)],
) -> Tensor:
    """A mix of the low-, band- and high-pass outputs of one resonant filter; low + high is a notch.

    The trapezoidal, delay-free form (Zavalishin 2012, Simper 2013), stable at every cutoff where
    Chamberlin's is not. With knobs at rest that is the bilinear transform of the analogue filter, so it runs
    as one biquad. low - high is a peak, low - band + high an allpass; the band-pass peaks at 0 dB.
    """
    return filter_sections(x, biquad.mixture(sample_rate, cutoff_hz, q, low, band, high).unsqueeze(1))
