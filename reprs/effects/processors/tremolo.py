"""Tremolo."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.lfo import sine
from reprs.effects.spec import Param, effect


@effect
def tremolo(
    x: Tensor,
    sample_rate: int,
    rate_hz: Annotated[Tensor, Param(0.1, 20, default=5, scale="log")],
    depth: Annotated[Tensor, Param(0, 1, default=0.5)],
    spread_deg: Annotated[Tensor, Param(0, 180, default=0)],
) -> Tensor:
    """A gain that swings between 1 and 1 - depth, as a sine.

    Every further channel is `spread_deg` ahead: at 180° one side of a stereo signal swells while the other
    fades.
    """

    def run(x: Tensor, rate_hz: Tensor, depth: Tensor, spread_deg: Tensor) -> Tensor:
        swing = sine(rate_hz, spread_deg, sample_rate, x.shape[1], x.shape[2]).to(x.dtype)
        half = depth[:, None, None] / 2
        return x * (1 - half + half * swing)

    return by_item(run, x, rate_hz, depth, spread_deg)
