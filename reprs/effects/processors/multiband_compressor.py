"""Multiband compressor."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.ballistics import step_size
from reprs.effects.compression import compress
from reprs.effects.crossover import split
from reprs.effects.spec import Param, effect

KNOBS = {
    "threshold_db": Param(-60, 0, default=-24),
    "ratio": Param(1, 20, default=3, scale="log"),
    "attack_ms": Param(0.1, 200, default=10, scale="log"),
    "release_ms": Param(5, 2_000, default=100, scale="log"),
    "gain_db": Param(-12, 12, default=0),
}
BANDS = ("low", "mid", "high")


@effect
def multiband_compressor(
    x: Tensor,
    sample_rate: int,
    low_crossover_hz: Annotated[Tensor, Param(60, 800, default=150, scale="log")],
    high_crossover_hz: Annotated[Tensor, Param(1_000, 12_000, default=2_500, scale="log")],
    knee_db: Annotated[Tensor, Param(0, 24, default=6)],
    *,
    stereo_link: bool = True,
    sidechain: Tensor | None = None,
    **knobs: Annotated[Tensor, {f"{band}_{knob}": p for band in BANDS for knob, p in KNOBS.items()}],
) -> Tensor:
    """Three compressors on bands that sum flat, one allpass in all (Linkwitz 1976).

    In every band the design of `compressor` (Giannoulis, Massberg and Reiss 2012), with a gain behind it. A
    side-chain is split in the same places.
    """

    def compressed(band: str, x: Tensor, key: Tensor | None) -> Tensor:
        threshold_db, ratio, attack_ms, release_ms, gain_db = (knobs[f"{band}_{knob}"] for knob in KNOBS)
        rise, fall = step_size(attack_ms, sample_rate), step_size(release_ms, sample_rate)
        return compress(x, key, threshold_db, 1 - 1 / ratio, knee_db, gain_db, rise, fall, stereo_link)

    crossovers_hz = low_crossover_hz, high_crossover_hz
    parts = split(x, sample_rate, *crossovers_hz)
    keys = [None] * len(BANDS) if sidechain is None else split(sidechain, sample_rate, *crossovers_hz)
    return torch.stack([*map(compressed, BANDS, parts, keys)]).sum(dim=0)
