"""Compressor."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from reprs.effects.ballistics import step_size
from reprs.effects.compression import compress
from reprs.effects.spec import Param, effect


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
    rise, fall = step_size(attack_ms, sample_rate), step_size(release_ms, sample_rate)
    slope = 1 - 1 / ratio
    return compress(x, sidechain, threshold_db, slope, knee_db, makeup_db, rise, fall, stereo_link)
