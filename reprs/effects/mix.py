"""Dry and wet."""

from __future__ import annotations

import torch
from torch import Tensor


def crossfade(dry: Tensor, wet: Tensor, mix: Tensor) -> Tensor:
    """`(1 - mix) dry + mix wet`: audio `(B, C, T)`, `mix` `(B,)`.

    Not `dry + mix (wet - dry)`, which loses a quiet result between two loud terms in float32.
    """
    mix = mix[:, None, None]
    return torch.addcmul(dry * (1 - mix), wet, mix)
