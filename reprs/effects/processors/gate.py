"""Noise gate."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.ballistics import smooth_channels, step_size
from reprs.effects.by_item import by_item
from reprs.effects.level import amplify, peak_db
from reprs.effects.selections import hold_channels, play_channels
from reprs.effects.spec import Param, effect

# A gate that jumped would have no gradient in its threshold; this one closes at a ratio of 10 : 1.
SLOPE = 9.0


@effect
def gate(
    x: Tensor,
    sample_rate: int,
    threshold_db: Annotated[Tensor, Param(-80, 0, default=-40)],
    hysteresis_db: Annotated[Tensor, Param(0, 24, default=4)],
    range_db: Annotated[Tensor, Param(0, 80, default=60)],
    attack_ms: Annotated[Tensor, Param(0.1, 200, default=1, scale="log")],
    hold_ms: Annotated[Tensor, Param(1, 500, default=20, scale="log")],
    release_ms: Annotated[Tensor, Param(5, 2_000, default=100, scale="log")],
    *,
    stereo_link: bool = True,
    sidechain: Tensor | None = None,
) -> Tensor:
    """Lower by `range_db` what falls below the threshold less the hysteresis, until it passes the threshold.

    The level is the largest of the last `hold_ms`. Between its two thresholds the gate stays as it is, a play
    operator that is differentiable in both (Visintin 1994). Attack is the time to 63 % of opening, release
    that of closing, in dB (Giannoulis, Massberg and Reiss 2012). It starts open.
    """

    def wanted(held_db: Tensor, threshold_db: Tensor, hysteresis_db: Tensor, range_db: Tensor) -> Tensor:
        under_db = threshold_db - held_db
        both = torch.stack([under_db - hysteresis_db, under_db], dim=1)
        return torch.minimum(torch.relu(SLOPE * both), range_db[:, None])

    key = x if sidechain is None else sidechain
    level_db = by_item(lambda key: peak_db(key, stereo_link), key)
    held_db = hold_channels(level_db, hold_ms.double() * (sample_rate / 1000))
    knobs = (knob[:, None, None] for knob in (threshold_db, hysteresis_db, range_db))
    close_db, open_db = by_item(wanted, held_db, *knobs).unbind(1)
    reduction_db = play_channels(close_db, open_db)
    rise, fall = step_size(release_ms, sample_rate), step_size(attack_ms, sample_rate)
    reduction_db = smooth_channels(reduction_db, rise, fall)
    return by_item(lambda x, reduction_db: amplify(x, -reduction_db), x, reduction_db)
