"""The taste of an engineer: what the tracks of one mix have in common.

Knobs drawn one by one make a mix of many engineers at once; somebody who likes it bright turns up the treble
of most tracks. So a share of each knob's deviation is common to the mix. Every taste has two schools, one
for it and one against it, so that mixes of the same tracks fall into groups rather than around one middle.
"""

from __future__ import annotations

import fnmatch

import torch
from torch import Tensor

# Taste → what it does to knobs and switches, by name: correlation of their deviations with it.
TASTES: dict[str, dict[str, float]] = {
    "bright": {
        "*high_shelf_gain_db": 0.7,
        "*peak4_gain_db": 0.5,
        "*peak3_gain_db": 0.35,
        "*peak1_gain_db": -0.3,
        "*highpass.cutoff_hz": 0.4,
    },
    "full": {
        "*low_shelf_gain_db": 0.65,
        "*peak1_gain_db": 0.4,
        "*peak2_gain_db": -0.5,
        "*highpass.cutoff_hz": -0.4,
    },
    "dense": {
        "*compressor.threshold_db": -0.65,
        "*compressor.ratio": 0.6,
        "*compressor.attack_ms": -0.4,
        "*drive_db": 0.6,
        "*limiter.ceiling_db": -0.6,
        "*compressor": 0.6,
        "*distortion": 0.5,
        "*limiter": 0.5,
    },
    "wet": {
        "*reverb.send_db": 0.7,
        "*delay.send_db": 0.6,
        "*reverb.decay_s": 0.6,
        "*delay.feedback": 0.5,
        "reverb": 0.4,
        "delay": 0.4,
    },
    "wide": {"*width.width": 0.7, "*stereo_width": 0.5},
}
# Where a school stands, in deviations of the whole; its members lie around it so that the whole has 1.
SCHOOL = 0.9


def draw(batch: int, generator: torch.Generator) -> Tensor:
    """Tastes of `batch` engineers `(B, 5)`, each of mean 0 and deviation 1."""
    side = torch.randint(0, 2, (batch, len(TASTES)), generator=generator) * 2.0 - 1
    return SCHOOL * side + (1 - SCHOOL**2) ** 0.5 * torch.randn(batch, len(TASTES), generator=generator)


def leaning(name: str, taste: Tensor) -> tuple[Tensor, float]:
    """What the tastes `(B, 5)` do to a knob or a switch `(B,)`, and the deviation left to the track."""
    weights = torch.tensor([_first(of, name) for of in TASTES.values()])
    return taste @ weights, float((1 - weights.square().sum()).clamp(min=0).sqrt())


def deviating(name: str, shape: tuple[int, ...], taste: Tensor, generator: torch.Generator) -> Tensor:
    """Deviations `shape` `(B, …)` of a knob: mean 0, deviation 1, in part common to a mix."""
    common, left = leaning(name, taste)
    own = torch.randn(shape, generator=generator)
    return common.reshape(-1, *[1] * (len(shape) - 1)) + left * own


def _first(of: dict[str, float], name: str) -> float:
    return next((weight for pattern, weight in of.items() if fnmatch.fnmatchcase(name, pattern)), 0.0)
