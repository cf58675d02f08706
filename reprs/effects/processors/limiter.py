"""Limiter."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.effects.ballistics import step_size
from reprs.effects.by_item import by_item
from reprs.effects.compression import compress
from reprs.effects.level import amplify, peak_db
from reprs.effects.lookahead import ahead
from reprs.effects.spec import Param, effect
from reprs.effects.true_peak import true_peak as between_samples

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
    lookahead_ms: float = 0.0,
    true_peak: bool = False,
    sidechain: Tensor | None = None,
) -> Tensor:
    """Keep every sample at or below the ceiling: an instant attack, and `release_ms` to recover 63 %.

    With `lookahead_ms` the gain moves in a smooth ramp that ends at the peak (Hämäläinen 2002); the output is
    not delayed. `true_peak` listens between the samples too, at four times the rate (ITU-R BS.1770 annex 2);
    with a lookahead of a millisecond or more even white noise stays within 0.2 dB of the ceiling there.
    """
    fall = step_size(release_ms, sample_rate)
    ceiling_db = ceiling_db - MARGIN_DB
    if lookahead_ms == 0 and not true_peak:
        none, all_of_it = torch.zeros_like(ceiling_db), torch.ones_like(ceiling_db)
        return compress(
            x, sidechain, ceiling_db, all_of_it, none, none, torch.ones_like(fall), fall, stereo_link
        )
    if true_peak:
        timeline.whole_clip_only("its true-peak detector looks ahead (true_peak=False does not)")

    def wanted(key: Tensor, ceiling_db: Tensor) -> Tensor:
        return torch.relu(peak_db(between_samples(key) if true_peak else key, stereo_link) - ceiling_db)

    excess_db = by_item(wanted, x if sidechain is None else sidechain, ceiling_db[:, None, None])
    reduction_db = ahead(excess_db, round(lookahead_ms * sample_rate / 1000), fall)
    return by_item(lambda x, reduction_db: amplify(x, -reduction_db), x, reduction_db)
