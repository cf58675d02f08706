"""Limiter."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.ballistics import step_size
from reprs.effects.compression import compress
from reprs.effects.spec import Param, effect

# Rounding in float32 must not lift a peak above the ceiling.
MARGIN_DB = 2e-5


@effect
def limiter(
    x: Tensor,
    sample_rate: int,
    ceiling_db: Annotated[Tensor, Param(-40, 0, default=-6)],
    release_ms: Annotated[Tensor, Param(1, 2_000, default=100, scale="log")],
    *,
    stereo_link: bool = True,
    sidechain: Tensor | None = None,
) -> Tensor:
    """Keep every sample at or below the ceiling: an instant attack, and `release_ms` to recover 63 %.

    Needs no lookahead, so it delays nothing.
    """
    fall = step_size(release_ms, sample_rate)
    none, all_of_it = torch.zeros_like(ceiling_db), torch.ones_like(ceiling_db)
    ceiling_db = ceiling_db - MARGIN_DB
    return compress(x, sidechain, ceiling_db, all_of_it, none, none, torch.ones_like(fall), fall, stereo_link)
