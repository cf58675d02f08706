"""Vibrato."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.delay_line import read
from reprs.effects.lfo import sine
from reprs.effects.spec import Param, effect

NEAREST_MS = 1.0


@effect
def vibrato(
    x: Tensor,
    sample_rate: int,
    rate_hz: Annotated[Tensor, Param(0.5, 12, default=5, scale="log")],
    depth_ms: Annotated[Tensor, Param(0, 4, default=0.5)],
) -> Tensor:
    """Pitch that swings by ±2π rate · depth: all of the sound comes late by `1 ms + depth + depth · sin`.

    The delay line is read with a cubic (Dattorro 1997); the channels swing together.
    """

    def run(x: Tensor, rate_hz: Tensor, depth_ms: Tensor) -> Tensor:
        swing = sine(rate_hz, torch.zeros_like(rate_hz), sample_rate, 1, x.shape[2])
        depth = depth_ms.double()[:, None, None]
        delay = (NEAREST_MS + depth + depth * swing) * (sample_rate / 1000)
        return read(x.flatten(0, 1), delay.expand(x.shape).flatten(0, 1)).view_as(x)

    return by_item(run, x, rate_hz, depth_ms, at_a_time=2)
