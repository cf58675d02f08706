"""Delay."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.echoes import echoes
from reprs.effects.mix import crossfade
from reprs.effects.spec import Param, effect


@effect
def delay(
    x: Tensor,
    sample_rate: int,
    delay_ms: Annotated[Tensor, Param(20, 1_000, default=250, scale="log")],
    feedback: Annotated[Tensor, Param(0, 0.9, default=0.4)],
    ping_pong: Annotated[Tensor, Param(0, 1, default=0)],
    damping_hz: Annotated[Tensor, Param(500, 16_000, default=8_000, scale="log")],
    mix: Annotated[Tensor, Param(0, 1, default=0.3)],
) -> Tensor:
    """Echoes, each one darker by a one-pole low-pass at `damping_hz`, run as the exact recursion.

    `ping_pong` p blends two routings of a stereo pair. At 0 each side echoes into itself; at 1 the mean of
    both sides enters on the left and every echo changes sides. In between the left side receives
    (1-p)·L + p·(L+R)/2, the right one (1-p)·R, and p of each side's feedback crosses over. Audio that is not
    stereo ignores `ping_pong`.
    """

    def run(x: Tensor, mix: Tensor, *knobs: Tensor) -> Tensor:
        return crossfade(x, recirculated(x, sample_rate, *knobs), mix)

    return by_item(run, x, mix, delay_ms, feedback, ping_pong, damping_hz, at_a_time=4)


def recirculated(
    x: Tensor, sample_rate: int, delay_ms: Tensor, feedback: Tensor, ping_pong: Tensor, damping_hz: Tensor
) -> Tensor:
    """The echoes alone."""
    if x.shape[1] == 2:
        return _stereo(x, sample_rate, delay_ms, feedback, ping_pong, damping_hz)
    return _echo(x, sample_rate, delay_ms, feedback[:, None].expand(x.shape[:2]), damping_hz)


def _stereo(
    x: Tensor, sample_rate: int, delay_ms: Tensor, feedback: Tensor, ping_pong: Tensor, damping_hz: Tensor
) -> Tensor:
    """Crossed feedback [[1-p, p], [p, 1-p]] is diagonal in mid and side, with 1 and 1-2p: two echoes."""
    p = ping_pong[:, None]
    left = x[:, 0] + p / 2 * (x[:, 1] - x[:, 0])
    right = (1 - p) * x[:, 1]
    pair = torch.stack([left + right, left - right], dim=1)
    loop = torch.stack([feedback, feedback * (1 - 2 * ping_pong)], dim=1)
    mid, side = _echo(pair, sample_rate, delay_ms, loop, damping_hz).unbind(1)
    return torch.stack([mid + side, mid - side], dim=1) / 2


def _echo(x: Tensor, sample_rate: int, delay_ms: Tensor, feedback: Tensor, damping_hz: Tensor) -> Tensor:
    """`feedback` `(B, C)`; the knobs become samples in float64, where a second still has a fine fraction."""
    samples = delay_ms.double() * (sample_rate / 1000)
    pole = torch.exp(damping_hz.double() * (-2 * math.pi / sample_rate))
    each = [knob[:, None].expand(x.shape[:2]).reshape(-1) for knob in (samples, pole)]
    return echoes(x.flatten(0, 1), each[0], feedback.reshape(-1), each[1]).view_as(x)
