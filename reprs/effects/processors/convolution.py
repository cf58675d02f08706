"""Reverb of an impulse response."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.effects.by_item import by_item
from reprs.effects.delay_line import shifted
from reprs.effects.fft import convolve
from reprs.effects.impulse_response import Source, decay_s, load
from reprs.effects.mix import crossfade
from reprs.effects.spec import Param, effect


@effect(linear=True)
def convolution(
    x: Tensor,
    sample_rate: int,
    decay: Annotated[Tensor, Param(0.1, 1, default=1, scale="log")],
    pre_delay_ms: Annotated[Tensor, Param(1, 200, default=1, scale="log")],
    mix: Annotated[Tensor, Param(0, 1, default=0.3)],
    *,
    impulse: Source = None,
    normalise: bool = True,
) -> Tensor:
    """Convolve with an impulse response of yours: a room, a cabinet, a spring.

    `impulse` is a file of any rate, or a tensor `(L,)` or `(C, L)` at the rate of the audio; without it, a
    second of decaying noise. Channel c is heard through channel c of the response, or through its only one;
    mono audio through the mean of all. `decay` shortens the response's time to -60 dB (Schroeder 1965) to
    that part of it. `normalise` gives the response unit energy. A file that cannot be read: `AudioError`.
    """
    if timeline.folded() is not None:
        timeline.whole_clip_only("a response of many samples belongs to one setting of the knobs")
    response = _for_channels(load(impulse, sample_rate), x.shape[1])
    seconds = decay_s(response, sample_rate)
    if normalise:
        response = response / response.square().sum(1).max().clamp(min=1e-30).sqrt()
    response = response.to(x.device)
    time = torch.arange(response.shape[1], device=x.device, dtype=torch.float64) / sample_rate

    def run(x: Tensor, decay: Tensor, pre_delay_ms: Tensor, mix: Tensor) -> Tensor:
        steeper = math.log(1000) / seconds * (1 / decay.double() - 1)
        faded = response * torch.exp(-steeper[:, None, None] * time)
        delay = (pre_delay_ms.double() * (sample_rate / 1000)).repeat_interleave(x.shape[1])
        late = shifted(x.flatten(0, 1), delay).view_as(x)
        return crossfade(x, convolve(late, faded.to(x.dtype)), mix)

    return by_item(run, x, decay, pre_delay_ms, mix, at_a_time=2)


def _for_channels(response: Tensor, channels: int) -> Tensor:
    if len(response) in (1, channels):
        return response.expand(channels, -1)
    if channels == 1:
        return response.mean(0, keepdim=True)
    raise ValueError(f"this impulse response has {len(response)} channels, the audio {channels}")
