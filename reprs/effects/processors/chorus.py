"""Chorus."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.delay_line import read
from reprs.effects.lfo import sine
from reprs.effects.mix import crossfade
from reprs.effects.spec import Param, effect


@effect
def chorus(
    x: Tensor,
    sample_rate: int,
    rate_hz: Annotated[Tensor, Param(0.1, 8, default=0.8, scale="log")],
    depth_ms: Annotated[Tensor, Param(0, 5, default=2)],
    centre_delay_ms: Annotated[Tensor, Param(6, 30, default=12, scale="log")],
    mix: Annotated[Tensor, Param(0, 1, default=0.5)],
) -> Tensor:
    """One voice whose delay swings as `centre + depth · sin(2π rate t)`, read with a cubic (Dattorro 1997).

    The channels swing a quarter turn apart, which is what widens a stereo signal.
    """
    swing = sine(rate_hz, sample_rate, x.shape[1], x.shape[2])
    # float64: float32 would blur a delay of thousands of samples.
    centre, depth = (ms.double()[:, None, None] * (sample_rate / 1000) for ms in (centre_delay_ms, depth_ms))
    delay = torch.addcmul(centre, depth, swing)
    wet = read(x.flatten(0, 1), delay.flatten(0, 1)).view_as(x)
    return crossfade(x, wet, mix)
