"""Reverb made of decaying noise."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.decaying_noise import CENTRES_HZ, decaying_noise
from reprs.effects.echoes import delayed
from reprs.effects.fft import convolve
from reprs.effects.mix import crossfade
from reprs.effects.spec import Param, effect

# exp(-SIXTY_DB) is -60 dB.
SIXTY_DB = math.log(1000)


@effect(linear=True)
def reverb(
    x: Tensor,
    sample_rate: int,
    decay_s: Annotated[Tensor, Param(0.1, 6, default=1.2, scale="log")],
    damping: Annotated[Tensor, Param(0, 1, default=0.5)],
    pre_delay_ms: Annotated[Tensor, Param(1, 100, default=10, scale="log")],
    low_cut_hz: Annotated[Tensor, Param(20, 1_000, default=100, scale="log")],
    high_cut_hz: Annotated[Tensor, Param(1_000, 20_000, default=12_000, scale="log")],
    width: Annotated[Tensor, Param(0, 1, default=1)],
    mix: Annotated[Tensor, Param(0, 1, default=0.25)],
    *,
    seed: int = 0,
) -> Tensor:
    """Convolution with noise shaped in octave bands (Steinmetz 2021, "Filtered noise shaping").

    `decay_s` is the time to -60 dB up to 1 kHz; above, it falls to (1 - 0.9 damping) of it at 16 kHz. The
    cuts weigh the bands with second-order slopes. At width 0 both sides share one response, at 1 theirs are
    uncorrelated. The response has unit energy for white input when no band is damped or cut, and ends after
    6 s, where the longest decay has reached -60 dB. `seed` picks the noise.
    """

    def run(x: Tensor, pre_delay_ms: Tensor, width: Tensor, mix: Tensor, *knobs: Tensor) -> Tensor:
        gain, rate = _bands(sample_rate, *knobs)
        mid, side = decaying_noise(gain, rate, x.shape[2], sample_rate, seed).unbind(1)
        delay = (pre_delay_ms.double() * (sample_rate / 1000)).repeat_interleave(x.shape[1])
        late = delayed(x.flatten(0, 1), delay).view_as(x)
        return crossfade(x, convolve(late, spread(mid, side, width, x.shape[1])), mix)

    return by_item(run, x, pre_delay_ms, width, mix, decay_s, damping, low_cut_hz, high_cut_hz, at_a_time=4)


def _bands(
    sample_rate: int, decay_s: Tensor, damping: Tensor, low_cut_hz: Tensor, high_cut_hz: Tensor
) -> tuple[Tensor, Tensor]:
    """Level and decay per sample of each octave band, `(B, K)` each."""
    centre = torch.tensor(CENTRES_HZ, dtype=decay_s.dtype, device=decay_s.device)
    above = torch.log2(centre / 1000).clamp(min=0) / 4
    seconds = decay_s[:, None] * (1 - 0.9 * damping[:, None]) ** above
    rate = SIXTY_DB / (sample_rate * seconds)
    energy = -torch.expm1(-2 * SIXTY_DB / (sample_rate * decay_s))
    low = 1 / (1 + (low_cut_hz[:, None] / centre) ** 4)
    high = 1 / (1 + (centre / high_cut_hz[:, None]) ** 4)
    return torch.sqrt(energy[:, None] * low * high), rate


def spread(mid: Tensor, side: Tensor, width: Tensor, channels: int) -> Tensor:
    """`(B, C, L)` of equal power at every width; odd channels take the side with its sign turned."""
    angle = (width * (math.pi / 4))[:, None]
    mid, side = mid * torch.cos(angle), side * torch.sin(angle)
    return torch.stack([mid - side if c % 2 else mid + side for c in range(channels)], dim=1)
