"""Flanger."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.effects import moving
from reprs.effects.by_item import by_item
from reprs.effects.lfo import sine
from reprs.effects.mix import crossfade
from reprs.effects.spec import Param, effect

# The cubic that reads the line needs the sample after the one it stands on.
NEAREST_SAMPLES = 2.0
LONGEST_MS = 15


@effect
def flanger(
    x: Tensor,
    sample_rate: int,
    rate_hz: Annotated[Tensor, Param(0.05, 5, default=0.3, scale="log")],
    delay_ms: Annotated[Tensor, Param(0.5, 5, default=1, scale="log")],
    depth_ms: Annotated[Tensor, Param(0, 8, default=3)],
    feedback: Annotated[Tensor, Param(-0.95, 0.95, default=0.5)],
    spread_deg: Annotated[Tensor, Param(0, 180, default=90)],
    mix: Annotated[Tensor, Param(0, 1, default=0.5)],
) -> Tensor:
    """A comb with feedback whose delay sweeps from `delay` to `delay + depth`, as a sine (Dattorro 1997).

    The recursion of every sample, the line read with a cubic. Every further channel is `spread_deg` ahead.
    """

    def run(x: Tensor, mix: Tensor, *knobs: Tensor) -> Tensor:
        return crossfade(x, _swept(x, sample_rate, *knobs), mix)

    return by_item(run, x, mix, rate_hz, delay_ms, depth_ms, feedback, spread_deg, at_a_time=2)


def _swept(
    x: Tensor,
    sample_rate: int,
    rate_hz: Tensor,
    delay_ms: Tensor,
    depth_ms: Tensor,
    feedback: Tensor,
    spread_deg: Tensor,
) -> Tensor:
    swing = sine(rate_hz, spread_deg, sample_rate, x.shape[1], x.shape[2])
    nearest, depth = (knob.double()[:, None, None] for knob in (delay_ms, depth_ms))
    delay = (nearest + depth / 2 * (1 + swing)) * (sample_rate / 1000)
    rows = (x, delay.clamp(min=NEAREST_SAMPLES), feedback.double()[:, None, None].expand(x.shape))
    v, lag, loop = (row.flatten(0, 1) for row in rows)
    return _comb(v, lag, loop, math.ceil(LONGEST_MS * sample_rate / 1000)).view_as(x)


def _comb(v: Tensor, delay: Tensor, feedback: Tensor, reach: int) -> Tensor:
    fold, slot = timeline.folded(), timeline.carried()
    undamped = torch.zeros_like(delay)
    if fold is None:
        return moving.echoes(v, delay, feedback, undamped, slot=slot, reach=reach)
    v, delay, feedback, undamped = (fold.join_rows(row) for row in (v, delay, feedback, undamped))
    return fold.split_rows(moving.echoes(v, delay, feedback, undamped))
