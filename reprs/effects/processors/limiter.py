"""Limiter."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.ballistics import smooth_channels, step_size
from reprs.effects.by_item import by_item
from reprs.effects.level import amplify, peak_db
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

    def wanted(key: Tensor, ceiling_db: Tensor) -> Tensor:
        return torch.relu(peak_db(key, stereo_link) - (ceiling_db - MARGIN_DB))

    fall = step_size(release_ms, sample_rate)
    key = x if sidechain is None else sidechain
    excess_db = by_item(wanted, key, ceiling_db[:, None, None])
    reduction_db = smooth_channels(excess_db, torch.ones_like(fall), fall)
    return by_item(lambda x, reduction_db: amplify(x, -reduction_db), x, reduction_db)
