"""Multiband limiter."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.crossover import split
from reprs.effects.processors.limiter import limiter
from reprs.effects.spec import Param, effect

BANDS = ("low", "mid", "high")


@effect
def multiband_limiter(
    x: Tensor,
    sample_rate: int,
    low_crossover_hz: Annotated[Tensor, Param(60, 800, default=150, scale="log")],
    high_crossover_hz: Annotated[Tensor, Param(1_000, 12_000, default=2_500, scale="log")],
    release_ms: Annotated[Tensor, Param(1, 2_000, default=100, scale="log")],
    *,
    stereo_link: bool = True,
    sidechain: Tensor | None = None,
    **ceilings_db: Annotated[Tensor, {f"{band}_ceiling_db": Param(-60, 0, default=-9) for band in BANDS}],
) -> Tensor:
    """Three limiters on bands that sum flat, one allpass in all (Linkwitz 1976).

    Each band stays below its own ceiling; where their peaks meet the sum can be up to 9.5 dB above the
    highest, so a `limiter` goes behind it if there is a limit to keep. A side-chain is split in the same
    places.
    """
    crossovers_hz = low_crossover_hz, high_crossover_hz
    parts = split(x, sample_rate, *crossovers_hz)
    keys = [None] * len(BANDS) if sidechain is None else split(sidechain, sample_rate, *crossovers_hz)
    limited = [
        limiter.function(part, sample_rate, ceiling_db, release_ms, stereo_link=stereo_link, sidechain=key)
        for part, key, ceiling_db in zip(parts, keys, ceilings_db.values(), strict=True)
    ]
    return torch.stack(limited).sum(dim=0)
