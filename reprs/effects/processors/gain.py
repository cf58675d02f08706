"""Gain."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from reprs.effects.spec import Param, effect


@effect
def gain(x: Tensor, sample_rate: int, gain_db: Annotated[Tensor, Param(-24, 24, default=0)]) -> Tensor:
    """Multiply by a constant level."""
    return x * (10 ** (gain_db / 20))[:, None, None]
