"""Distortion."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

import torch
from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.oversampling import oversampled
from reprs.effects.saturation import saturate
from reprs.effects.spec import Param, effect


@effect
def distortion(
    x: Tensor,
    sample_rate: int,
    drive_db: Annotated[Tensor, Param(0, 48, default=12)],
    output_db: Annotated[Tensor, Param(-24, 12, default=0)],
    mix: Annotated[Tensor, Param(0, 1, default=1)],
    *,
    shape: Literal["tanh", "hard", "soft", "asymmetric", "arctan", "rectify"] = "tanh",
    oversample: int = 2,
) -> Tensor:
    """A memoryless curve behind a drive gain, run at 1, 2 or 4 times the rate; the filters add no delay.

    `shape`: tanh; a hard clip; soft, a cubic; asymmetric, tanh with a lower half that saturates earlier;
    arctan, which gives in slowly; rectify, which turns the lower half up.
    """
    if shape not in SHAPES or oversample not in (1, 2, 4):
        raise ValueError(f"distortion: shape is one of {list(SHAPES)} and oversample 1, 2 or 4")

    level = mix * 10 ** (output_db / 20)
    if shape == "tanh" and oversample == 1:
        return saturate(x, 10 ** (drive_db / 20), 1 - mix, level)

    def run(x: Tensor, drive_db: Tensor, level: Tensor, mix: Tensor) -> Tensor:
        wet = _driven(x.flatten(0, 1), drive_db.repeat_interleave(x.shape[1]), SHAPES[shape], oversample)
        return torch.addcmul(x * (1 - mix), wet.view_as(x), level)

    return by_item(run, x, drive_db, level[:, None, None], mix[:, None, None])


def _driven(x: Tensor, drive_db: Tensor, curve: Callable[[Tensor], Tensor], oversample: int) -> Tensor:
    drive = 10 ** (drive_db / 20)
    return oversampled(x, oversample, lambda v: curve(v * drive.view(-1, *[1] * (v.ndim - 1))))


def _hard(v: Tensor) -> Tensor:
    return v.clamp(-1, 1)


def _soft(v: Tensor) -> Tensor:
    """A cubic that meets ±1 with a level slope."""
    v = v.clamp(-1.5, 1.5)
    return v - v * v * v * (4 / 27)


def _asymmetric(v: Tensor) -> Tensor:
    """tanh whose lower half saturates at -1/2: even harmonics, as from a single-ended stage."""
    return torch.tanh(v.clamp(min=0)) + 0.5 * torch.tanh(2 * v.clamp(max=0))


def _arctan(v: Tensor) -> Tensor:
    return torch.atan(v * (math.pi / 2)) * (2 / math.pi)


SHAPES: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "hard": _hard,
    "soft": _soft,
    "asymmetric": _asymmetric,
    "arctan": _arctan,
    "rectify": torch.abs,
}
