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
    depth_ms: Annotated[Tensor, Param(0, 10, default=2)],
    centre_delay_ms: Annotated[Tensor, Param(2, 40, default=12, scale="log")],
    spread_deg: Annotated[Tensor, Param(0, 180, default=90)],
    mix: Annotated[Tensor, Param(0, 1, default=0.5)],
) -> Tensor:
    """One voice whose delay swings as `centre + depth · sin(2π rate t)`, read with a cubic (Dattorro 1997).

    The right channel swings `spread_deg` ahead, which is what widens a stereo signal. Where the swing would
    pass zero the delay stays at one sample.
    """

    def run(x: Tensor, mix: Tensor, *knobs: Tensor) -> Tensor:
        return crossfade(x, _voice(x, sample_rate, *knobs), mix)

    return by_item(run, x, mix, rate_hz, depth_ms, centre_delay_ms, spread_deg, at_a_time=2)


def _voice(
    x: Tensor,
    sample_rate: int,
    rate_hz: Tensor,
    depth_ms: Tensor,
    centre_delay_ms: Tensor,
    spread_deg: Tensor,
) -> Tensor:
    swing = sine(rate_hz, spread_deg, sample_rate, x.shape[1], x.shape[2])
    # float64: float32 would blur a delay of thousands of samples.
    centre, depth = (ms.double()[:, None, None] * (sample_rate / 1000) for ms in (centre_delay_ms, depth_ms))
    delay = torch.addcmul(centre, depth, swing).clamp(min=1)
    return read(x.flatten(0, 1), delay.flatten(0, 1)).view_as(x)
