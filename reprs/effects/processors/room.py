"""Room reverb of combs and allpasses."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.echoes import delayed, echoes
from reprs.effects.mix import crossfade
from reprs.effects.spec import Param, effect

COMBS_MS = (50.0, 56.0, 61.0, 68.0, 72.0, 78.0)
ALLPASSES_MS = (6.0, 5.0, 1.7)
ALLPASS_GAIN = 0.7
# Every further channel's delays are this much longer, so that the sides differ.
SPREAD_MS = 0.52


@effect
def room(
    x: Tensor,
    sample_rate: int,
    size: Annotated[Tensor, Param(0.2, 1.2, default=0.6)],
    decay_s: Annotated[Tensor, Param(0.1, 8, default=1, scale="log")],
    damping_hz: Annotated[Tensor, Param(500, 16_000, default=5_000, scale="log")],
    pre_delay_ms: Annotated[Tensor, Param(1, 100, default=10, scale="log")],
    width: Annotated[Tensor, Param(0, 1, default=1)],
    mix: Annotated[Tensor, Param(0, 1, default=0.25)],
) -> Tensor:
    """Six parallel damped combs, then three allpasses in series (Schroeder 1962, Moorer 1979).

    Run as the exact recursion, with no cut-off. `size` scales Moorer's comb delays, read with a cubic;
    `decay_s` is the combs' time to -60 dB before damping; the allpass delays are whole samples. Each comb has
    unit energy for white input when it is not damped. `width` keeps the channels apart (1) or takes their
    mean (0).
    """

    def run(x: Tensor, width: Tensor, mix: Tensor, *knobs: Tensor) -> Tensor:
        wet = _late(x, sample_rate, *knobs)
        mean = wet.mean(1, keepdim=True)
        return crossfade(x, mean + width[:, None, None] * (wet - mean), mix)

    return by_item(run, x, width, mix, size, decay_s, damping_hz, pre_delay_ms, at_a_time=4)


def _late(x: Tensor, sample_rate: int, *knobs: Tensor) -> Tensor:
    """Every channel through its own combs and allpasses; `knobs`: size, decay_s, damping_hz, pre_delay_ms."""
    size, decay_s, damping_hz, pre_delay_ms = (k.double().repeat_interleave(x.shape[1]) for k in knobs)
    spread = (torch.arange(x.shape[1], device=x.device, dtype=torch.float64) * SPREAD_MS).repeat(len(x))
    late = delayed(x.flatten(0, 1), pre_delay_ms * (sample_rate / 1000))
    wet = _combs(late, sample_rate, size, decay_s, damping_hz, spread)
    for delay_ms in ALLPASSES_MS:
        wet = _allpass(wet, torch.round((delay_ms + spread) * (sample_rate / 1000)))
    return wet.view_as(x)


def _combs(
    v: Tensor, sample_rate: int, size: Tensor, decay_s: Tensor, damping_hz: Tensor, spread: Tensor
) -> Tensor:
    pole = torch.exp(damping_hz * (-2 * math.pi / sample_rate))
    total = torch.zeros_like(v)
    for delay_ms in COMBS_MS:
        delay = delay_ms * size + spread
        feedback = torch.exp(-math.log(1000) * delay / (1000 * decay_s))
        level = torch.sqrt((1 - feedback**2) / len(COMBS_MS)).to(v.dtype)
        comb = echoes(v, delay * (sample_rate / 1000), feedback, pole)
        total = torch.addcmul(total, level[:, None], comb)
    return total


def _allpass(v: Tensor, delay: Tensor) -> Tensor:
    """(G - g) / (1 - g G) with a plain delay G, as its direct sound and its echoes."""
    gain = torch.full_like(delay, ALLPASS_GAIN)
    again = echoes(v, delay, gain, torch.zeros_like(delay))
    return (1 - ALLPASS_GAIN**2) * again - ALLPASS_GAIN * v
