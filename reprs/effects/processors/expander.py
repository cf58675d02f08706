"""Downward expander."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.ballistics import smooth_channels, step_size
from reprs.effects.by_item import by_item
from reprs.effects.compression import above
from reprs.effects.level import amplify, peak_db
from reprs.effects.spec import Param, effect


@effect
def expander(
    x: Tensor,
    sample_rate: int,
    threshold_db: Annotated[Tensor, Param(-80, 0, default=-40)],
    ratio: Annotated[Tensor, Param(1, 10, default=2, scale="log")],
    range_db: Annotated[Tensor, Param(0, 80, default=40)],
    attack_ms: Annotated[Tensor, Param(0.1, 200, default=1, scale="log")],
    release_ms: Annotated[Tensor, Param(5, 2_000, default=100, scale="log")],
    knee_db: Annotated[Tensor, Param(0, 24, default=6)],
    *,
    stereo_link: bool = True,
    sidechain: Tensor | None = None,
) -> Tensor:
    """Lower what is below the threshold: `ratio` dB out for each dB in, by at most `range_db`.

    The compressor's design turned round (Giannoulis, Massberg and Reiss 2012; Zölzer 2011): attack is the
    time to 63 % of opening, release that of closing. It starts open. Linked channels get one gain, from the
    louder one.
    """

    def wanted(key: Tensor, threshold_db: Tensor, ratio: Tensor, range_db: Tensor, knee_db: Tensor) -> Tensor:
        under_db = threshold_db - peak_db(key, stereo_link)
        return torch.minimum((ratio - 1) * above(under_db, knee_db), range_db)

    threshold_db, ratio, range_db, knee_db = (
        knob[:, None, None] for knob in (threshold_db, ratio, range_db, knee_db)
    )
    key = x if sidechain is None else sidechain
    reduction_db = by_item(wanted, key, threshold_db, ratio, range_db, knee_db)
    close, open_ = step_size(release_ms, sample_rate), step_size(attack_ms, sample_rate)
    reduction_db = smooth_channels(reduction_db, close, open_)
    return by_item(lambda x, reduction_db: amplify(x, -reduction_db), x, reduction_db)
