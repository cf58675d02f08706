"""De-esser."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.ballistics import smooth_channels, step_size
from reprs.effects.by_item import by_item
from reprs.effects.crossover import split
from reprs.effects.level import amplify, peak_db
from reprs.effects.spec import Param, effect


@effect
def de_esser(
    x: Tensor,
    sample_rate: int,
    crossover_hz: Annotated[Tensor, Param(2_000, 12_000, default=5_000, scale="log")],
    threshold_db: Annotated[Tensor, Param(-60, 0, default=-30)],
    ratio: Annotated[Tensor, Param(1, 20, default=4, scale="log")],
    range_db: Annotated[Tensor, Param(0, 24, default=12)],
    attack_ms: Annotated[Tensor, Param(0.1, 50, default=1, scale="log")],
    release_ms: Annotated[Tensor, Param(5, 500, default=60, scale="log")],
    *,
    wideband: bool = False,
    stereo_link: bool = True,
    sidechain: Tensor | None = None,
) -> Tensor:
    """Compress what is above the crossover, by at most `range_db`.

    Low and high sum to an allpass (Linkwitz 1976); the gain is that of a compressor without a knee
    (Giannoulis, Massberg and Reiss 2012). `wideband` turns everything down while the high band is too loud.
    """

    def wanted(key: Tensor, threshold_db: Tensor, ratio: Tensor, range_db: Tensor) -> Tensor:
        over_db = torch.relu(peak_db(key, stereo_link) - threshold_db)
        return torch.minimum((1 - 1 / ratio) * over_db, range_db)

    low, high = split(x, sample_rate, crossover_hz)
    key = high if sidechain is None else split(sidechain, sample_rate, crossover_hz)[1]
    knobs = (knob[:, None, None] for knob in (threshold_db, ratio, range_db))
    rise, fall = step_size(attack_ms, sample_rate), step_size(release_ms, sample_rate)
    gain_db = -smooth_channels(by_item(wanted, key, *knobs), rise, fall)
    return by_item(amplify, x, gain_db) if wideband else low + by_item(amplify, high, gain_db)
