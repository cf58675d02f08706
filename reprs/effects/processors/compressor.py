"""Compressor."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.ballistics import smooth_channels, step_size
from reprs.effects.by_item import by_item
from reprs.effects.level import amplify, peak_db
from reprs.effects.spec import Param, effect

HARD_KNEE_DB = 1e-4


@effect
def compressor(
    x: Tensor,
    sample_rate: int,
    threshold_db: Annotated[Tensor, Param(-60, 0, default=-20)],
    ratio: Annotated[Tensor, Param(1, 20, default=4, scale="log")],
    attack_ms: Annotated[Tensor, Param(0.1, 200, default=10, scale="log")],
    release_ms: Annotated[Tensor, Param(5, 2_000, default=100, scale="log")],
    knee_db: Annotated[Tensor, Param(0, 24, default=6)],
    makeup_db: Annotated[Tensor, Param(0, 24, default=0)],
    *,
    stereo_link: bool = True,
    sidechain: Tensor | None = None,
) -> Tensor:
    """Reduce what is above the threshold by the ratio; attack and release are the time to 63 % of a jump.

    The smoothed, decoupled feed-forward design in the log domain of Giannoulis, Massberg and Reiss
    (2012). Linked channels get one gain, from the louder one.
    """

    def wanted(key: Tensor, threshold_db: Tensor, ratio: Tensor, knee_db: Tensor) -> Tensor:
        over_db = peak_db(key, stereo_link) - threshold_db
        return (1 - 1 / ratio) * above(over_db, knee_db)

    def applied(x: Tensor, makeup_db: Tensor, reduction_db: Tensor) -> Tensor:
        return amplify(x, makeup_db - reduction_db)

    threshold_db, ratio, knee_db, makeup_db = (
        knob[:, None, None] for knob in (threshold_db, ratio, knee_db, makeup_db)
    )
    rise, fall = step_size(attack_ms, sample_rate), step_size(release_ms, sample_rate)
    key = x if sidechain is None else sidechain
    reduction_db = smooth_channels(by_item(wanted, key, threshold_db, ratio, knee_db), rise, fall)
    return by_item(applied, x, makeup_db, reduction_db)


def above(over_db: Tensor, knee_db: Tensor) -> Tensor:
    """`max(over_db, 0)` with its corner rounded over `knee_db`."""
    # The floor is inaudible and keeps 0 / 0 out of the gradient of a hard knee.
    knee_db = knee_db.clamp(min=HARD_KNEE_DB)
    inside_db = torch.clamp(over_db + knee_db / 2, min=torch.zeros_like(knee_db), max=knee_db)
    return inside_db.square() / (2 * knee_db) + torch.relu(over_db - knee_db / 2)
