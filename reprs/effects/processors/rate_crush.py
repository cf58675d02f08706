"""Sample-rate reduction."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.effects.by_item import by_item
from reprs.effects.mix import crossfade
from reprs.effects.spec import Param, effect


@effect
def rate_crush(
    x: Tensor,
    sample_rate: int,
    rate_hz: Annotated[Tensor, Param(500, 20_000, default=8_000, scale="log")],
    mix: Annotated[Tensor, Param(0, 1, default=1)],
) -> Tensor:
    """Hold the sample of every tick of a slower clock, unfiltered, so that it aliases.

    The true slope in the rate is zero almost everywhere. The declared one takes the error of a held sample as
    proportional to the period, as "Learned step size quantization" (Esser 2020) takes the rounding error as
    proportional to the step; the gradient in the audio is the true one.
    """

    def run(x: Tensor, rate_hz: Tensor, mix: Tensor) -> Tensor:
        return crossfade(x, _held(x, rate_hz, sample_rate), mix)

    return by_item(run, x, rate_hz, mix)


def _held(x: Tensor, rate_hz: Tensor, sample_rate: int) -> Tensor:
    fold, slot = timeline.folded(), timeline.carried()
    if fold is not None:
        cycles = (rate_hz.detach().double() / sample_rate).view(fold.clips, fold.samples)
        # One more before the first, so that the clock ticks at the first sample.
        phase = torch.nn.functional.pad(cycles.cumsum(1) - cycles, (1, 0), value=-1.0)
        wet = fold.split(_hold(torch.nn.functional.pad(fold.join(x), (1, 0)), phase))
    else:
        start, last = (0, torch.zeros_like(x[..., :1])) if slot is None or slot.state is None else slot.state
        # float64: the count of ticks passes what float32 can tell apart.
        now = torch.arange(start - 1, start + x.shape[2], device=x.device, dtype=torch.float64)
        wet = _hold(torch.cat([last, x], dim=2), now * rate_hz.detach().double()[:, None] / sample_rate)
        if slot is not None:
            slot.state = (start + x.shape[2], wet[..., -1:])
    return wet + (wet - x).detach() * (rate_hz.detach() / rate_hz - 1)[:, None, None]


def _hold(x: Tensor, phase: Tensor) -> Tensor:
    """`(B, C, 1 + T)` without the first sample, each as it was when the phase last passed a whole number."""
    tick = phase.floor()
    fresh = torch.nn.functional.pad(tick[:, 1:] > tick[:, :-1], (1, 0), value=True)
    taken = torch.where(fresh, torch.arange(x.shape[2], device=x.device), 0).cummax(dim=1).values
    return x.gather(2, taken[:, None].expand(x.shape))[..., 1:]
