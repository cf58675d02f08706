"""Chorus."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.by_item import by_item
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

    def run(x: Tensor, mix: Tensor, *knobs: Tensor) -> Tensor:
        return crossfade(x, _voice(x, sample_rate, *knobs), mix)

    return by_item(run, x, mix, rate_hz, depth_ms, centre_delay_ms, at_a_time=2)


def _voice(x: Tensor, sample_rate: int, rate_hz: Tensor, depth_ms: Tensor, centre_delay_ms: Tensor) -> Tensor:
    swing = sine(rate_hz, sample_rate, x.shape[1], x.shape[2])
    # float64: float32 would blur a delay of thousands of samples.
    centre, depth = (ms.double()[:, None, None] * (sample_rate / 1000) for ms in (centre_delay_ms, depth_ms))
    delay = torch.addcmul(centre, depth, swing)
    return read(x.flatten(0, 1), delay.flatten(0, 1)).view_as(x)
