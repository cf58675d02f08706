"""Reverb of filtered noise, a level and a decay for every octave."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.decaying_noise import CENTRES_HZ, decaying_noise
from reprs.effects.delay_line import shifted
from reprs.effects.fft import convolve
from reprs.effects.mix import crossfade
from reprs.effects.processors.reverb import SIXTY_DB, spread
from reprs.effects.spec import Param, effect

BANDS = range(1, len(CENTRES_HZ) + 1)


def _declared() -> dict[str, Param]:
    levels = {f"band{k}_gain_db": Param(-60, 6, default=-2.0 * abs(k - 5)) for k in BANDS}
    return levels | {f"band{k}_decay_s": Param(0.05, 6, default=1.6 - 0.15 * k, scale="log") for k in BANDS}


@effect(linear=True)
def noise_reverb(
    x: Tensor,
    sample_rate: int,
    pre_delay_ms: Annotated[Tensor, Param(1, 100, default=10, scale="log")],
    width: Annotated[Tensor, Param(0, 1, default=1)],
    mix: Annotated[Tensor, Param(0, 1, default=0.25)],
    *,
    seed: int = 0,
    **bands: Annotated[Tensor, _declared()],
) -> Tensor:
    """Convolution with filtered noise, every octave with knobs of its own.

    Filtered noise shaping after Steinmetz, Ichapuram Comunità and Reiss (2021); `reverb` is the same with
    few knobs. Bands 1 to 9 are octaves around 62.5 Hz to 16 kHz, each with its share of unit energy, in dB,
    and its time to -60 dB. At width 0 both sides share one response, at 1 theirs are uncorrelated. The
    response ends after 6 s; `seed` picks the noise.
    """
    gains_db, decays_s = (
        torch.stack([bands[f"band{k}_{knob}"] for k in BANDS], dim=1) for knob in ("gain_db", "decay_s")
    )

    def run(x: Tensor, delay_ms: Tensor, width: Tensor, mix: Tensor, gains: Tensor, decays: Tensor) -> Tensor:
        rate = SIXTY_DB / (sample_rate * decays)
        level = 10 ** (gains / 20) * torch.sqrt(-torch.expm1(-2 * rate))
        mid, side = decaying_noise(level, rate, x.shape[2], sample_rate, seed).unbind(1)
        delay = (delay_ms.double() * (sample_rate / 1000)).repeat_interleave(x.shape[1])
        late = shifted(x.flatten(0, 1), delay).view_as(x)
        return crossfade(x, convolve(late, spread(mid, side, width, x.shape[1])), mix)

    return by_item(run, x, pre_delay_ms, width, mix, gains_db, decays_s, at_a_time=4)
