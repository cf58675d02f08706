"""Phaser."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.allpasses import cascade
from reprs.effects.by_item import by_item
from reprs.effects.lfo import sine
from reprs.effects.mix import crossfade
from reprs.effects.spec import Param, effect


@effect
def phaser(
    x: Tensor,
    sample_rate: int,
    rate_hz: Annotated[Tensor, Param(0.05, 8, default=0.5, scale="log")],
    depth_octaves: Annotated[Tensor, Param(0, 4, default=1)],
    centre_hz: Annotated[Tensor, Param(200, 4_000, default=800, scale="log")],
    feedback: Annotated[Tensor, Param(-0.9, 0.9, default=0.3)],
    spread_deg: Annotated[Tensor, Param(0, 180, default=90)],
    mix: Annotated[Tensor, Param(0, 1, default=0.5)],
    *,
    stages: int = 4,
) -> Tensor:
    """First-order allpasses in series that sweep together and cancel against the dry sound (Smith 1984).

    Each allpass turns the phase by 90° at `centre · 2^(depth · sin(2π rate t))`, by the bilinear transform
    without prewarping, which is stable at any frequency. The coefficient follows every sample; the feedback
    from the last stage arrives one sample later. The right channel sweeps `spread_deg` ahead.
    """
    if stages < 1:
        raise ValueError(f"phaser: stages is at least 1, got {stages}")

    def run(x: Tensor, mix: Tensor, *knobs: Tensor) -> Tensor:
        return crossfade(x, _allpassed(x, sample_rate, stages, *knobs), mix)

    return by_item(run, x, mix, rate_hz, depth_octaves, centre_hz, feedback, spread_deg, at_a_time=4)


def _allpassed(
    x: Tensor,
    sample_rate: int,
    stages: int,
    rate_hz: Tensor,
    depth_octaves: Tensor,
    centre_hz: Tensor,
    feedback: Tensor,
    spread_deg: Tensor,
) -> Tensor:
    swing = sine(rate_hz, spread_deg, sample_rate, x.shape[1], x.shape[2])
    a = _sweep(swing, sample_rate, depth_octaves, centre_hz).flatten(0, 1)
    loop = feedback.repeat_interleave(x.shape[1])
    return cascade(x.flatten(0, 1), a, loop, stages).view_as(x)


def _sweep(swing: Tensor, sample_rate: int, depth_octaves: Tensor, centre_hz: Tensor) -> Tensor:
    """Allpass coefficients, float64 `(B, C, T)`; float32 is enough for the break frequency, not for them."""
    octaves = depth_octaves[:, None, None] * swing.to(depth_octaves.dtype)
    tangent = (math.pi / sample_rate) * centre_hz[:, None, None] * torch.exp2(octaves)
    return 1 - 2 / (1 + tangent.double())
