"""Mid and side."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.spec import Param, effect


@effect
def mid_side(
    x: Tensor,
    sample_rate: int,
    mid_gain_db: Annotated[Tensor, Param(-24, 12, default=0)],
    side_gain_db: Annotated[Tensor, Param(-24, 12, default=0)],
) -> Tensor:
    """Gains for what both sides share (mid, (L+R)/2) and for what tells them apart (side, (L-R)/2).

    Mono audio is all mid. More than two channels: ValueError.
    """
    mid_gain, side_gain = (10 ** (knob / 20)[:, None] for knob in (mid_gain_db, side_gain_db))
    if x.shape[1] == 1:
        return x * mid_gain[:, None]
    if x.shape[1] != 2:
        raise ValueError(f"mid_side needs one or two channels, got {x.shape[1]}: downmix first")
    mid, side = mid_gain * (x[:, 0] + x[:, 1]), side_gain * (x[:, 0] - x[:, 1])
    return torch.stack([mid + side, mid - side], dim=1) / 2
