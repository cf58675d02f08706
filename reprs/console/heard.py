"""What a setting does, in closed form and in the units of the ear: what sounds the same is the same.

Knobs cannot be compared one by one: six bells make one curve in many ways, a low threshold with a low ratio
is a high one with a high ratio, makeup is a fader. So rows of knobs become responses in dB, static curves in
dB, widths and sends, which are what a listener can tell, and are differentiable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from reprs.console.bands import frequency_response
from reprs.console.fader import gain
from reprs.effects import Chain, Effect, Param, biquad
from reprs.effects.compression import above

FREQUENCIES_HZ = torch.logspace(math.log10(40), math.log10(16_000), 48, dtype=torch.float64)
# Levels around a track's RMS at which its dynamics are looked at: quiet passages to peaks.
AROUND_DB = torch.tensor([-18.0, -9.0, 0.0, 6.0, 12.0])
SAMPLE_RATE = 44_100
PEAKS = ("parametric_eq", "highpass", "lowpass")


@dataclass(frozen=True)
class Heard:
    """Rows of settings: filters' `response_db` `(R, F)`, gain of compressors, limiters and drives at
    `AROUND_DB` in `curve_db` `(R, 5)`, `width` `(R,)`, and `ballistics` `(R, 2)`, the logarithms of attack
    and release in octaves, with how much reduction there is to hear them by, `reduction_db` `(R,)`.
    """

    response_db: Tensor
    curve_db: Tensor
    width: Tensor
    ballistics: Tensor
    reduction_db: Tensor


def heard(chain: Chain, z: Tensor, level_db: Tensor, on: Tensor | None = None) -> Heard:
    """Knobs `z` `(R, P)` of a strip or a master for inputs of `level_db` `(R,)`, RMS in dBFS.

    `on` `(R, E)` is true where an effect is on; None is all on. Effects that are none of equaliser,
    high-pass, low-pass, compressor, limiter, distortion or width are not heard.
    """
    rows = len(z)
    response = torch.zeros(rows, len(FREQUENCIES_HZ), dtype=z.dtype)
    level = level_db.to(z)[:, None] + AROUND_DB.to(z)
    start, width = level, torch.ones(rows, dtype=z.dtype)
    ballistics, reduction = torch.zeros(rows, 2, dtype=z.dtype), torch.zeros(rows, dtype=z.dtype)
    for index, effect in enumerate(chain.effects):
        active = torch.ones(rows, dtype=z.dtype) if on is None else on[:, index].to(z)
        knobs = effect.from_unit(z[:, chain.slices[index]])
        kind = effect.name
        if kind in PEAKS:
            response = response + active[:, None] * filter_db(effect, knobs, rows).to(z)
        elif kind == "compressor":
            taken = active[:, None] * reduced_db(knobs, level)
            ballistics = torch.stack([torch.log2(knobs["attack_ms"]), torch.log2(knobs["release_ms"])], dim=1)
            reduction = taken[:, -2]
            level = level - taken + (active * knobs["makeup_db"])[:, None]
        elif kind == "limiter":
            level = level - active[:, None] * torch.relu(level + 3 - knobs["ceiling_db"][:, None])
        elif kind == "distortion":
            level = level + active[:, None] * drive_db(effect, knobs, level)
        elif kind == "stereo_width":
            width = 1 + active * (knobs["width"] - 1)
    return Heard(response, level - start, width, ballistics, reduction)


def filter_db(effect: Effect, knobs: Mapping[str, Tensor], rows: int) -> Tensor:
    """Response in dB `(R, F)` at `FREQUENCIES_HZ` of an equaliser, a high-pass or a low-pass."""
    if effect.name == "parametric_eq":
        bells = [biquad.peak(SAMPLE_RATE, *_band(knobs, f"peak{i}")) for i in range(1, 5)]
        low = biquad.low_shelf(SAMPLE_RATE, *_band(knobs, "low_shelf"))
        high = biquad.high_shelf(SAMPLE_RATE, *_band(knobs, "high_shelf"))
        sections = torch.stack([low, *bells, high], dim=1)
    else:
        design = biquad.highpass if effect.name == "highpass" else biquad.lowpass
        # A shipped strip fixes Q; its knob is not there then.
        q = knobs.get("q", torch.full((rows,), math.sqrt(0.5)))
        sections = design(SAMPLE_RATE, knobs["cutoff_hz"], q)[:, None]
    response = frequency_response(sections, SAMPLE_RATE, FREQUENCIES_HZ)
    return 10 * torch.log10(response.real.square() + response.imag.square() + 1e-12)


def reduced_db(knobs: Mapping[str, Tensor], level_db: Tensor) -> Tensor:
    """What a compressor takes, at rest, from levels `(R, L)`."""
    slope = (1 - 1 / knobs["ratio"])[:, None]
    return slope * above(level_db - knobs["threshold_db"][:, None], knobs["knee_db"][:, None])


def drive_db(effect: Effect, knobs: Mapping[str, Tensor], level_db: Tensor) -> Tensor:
    """Gain of a tanh drive for sines of levels `(R, L)`, by their peaks."""
    amplitude = 10 ** ((level_db.clamp(-80, 20) + 3) / 20)
    driven = torch.tanh(10 ** (knobs["drive_db"][:, None] / 20) * amplitude)
    wet = 10 ** (knobs["output_db"][:, None] / 20) * driven
    mix = knobs["mix"][:, None]
    return 20 * torch.log10((mix * wet + (1 - mix) * amplitude) / amplitude + 1e-6)


def sent(param: Param, z: Tensor) -> Tensor:
    """Amplitude of a send at knob `z`, nothing at its lower end."""
    return gain(param, param.from_unit(z))


def _band(knobs: Mapping[str, Tensor], band: str) -> tuple[Tensor, Tensor, Tensor]:
    return knobs[f"{band}_gain_db"], knobs[f"{band}_hz"], knobs[f"{band}_q"]
