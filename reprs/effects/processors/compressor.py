"""Compressor."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.ballistics import smooth_channels, step_size
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
) -> Tensor:
    """Reduce what is above the threshold by the ratio; attack and release are the time to 63 % of a jump.

    The smoothed, decoupled feed-forward design in the log domain of Giannoulis, Massberg and Reiss
    (2012). Linked channels get one gain, from the louder one.
    """
    over_db = peak_db(x, stereo_link) - threshold_db[:, None, None]
    reduction_db = (1 - 1 / ratio)[:, None, None] * above(over_db, knee_db[:, None, None])
    rise, fall = step_size(attack_ms, sample_rate), step_size(release_ms, sample_rate)
    return amplify(x, makeup_db[:, None, None] - smooth_channels(reduction_db, rise, fall))


def above(over_db: Tensor, knee_db: Tensor) -> Tensor:
    """`max(over_db, 0)` with its corner rounded over `knee_db`."""
    # The floor is inaudible and keeps 0 / 0 out of the gradient of a hard knee.
    knee_db = knee_db.clamp(min=HARD_KNEE_DB)
    inside_db = torch.clamp(over_db + knee_db / 2, min=torch.zeros_like(knee_db), max=knee_db)
    return inside_db.square() / (2 * knee_db) + torch.relu(over_db - knee_db / 2)
