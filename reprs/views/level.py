"""Level of segments: a set RMS before a chain, the input's level after it."""

from __future__ import annotations

import torch
from torch import Tensor

SILENCE = 1e-6


def rms(x: Tensor) -> Tensor:
    """Root mean square over channels and time, `(B, 1, 1)`."""
    return x.square().mean((1, 2), keepdim=True).sqrt()


def set_level(x: Tensor, level_db: Tensor) -> Tensor:
    """Scale each item to an RMS of `level_db` `(B,)` dBFS; silence stays silent."""
    return x * ((10 ** (level_db / 20))[:, None, None].to(x) / rms(x).clamp(min=SILENCE))


def match_level(x: Tensor, reference: Tensor) -> Tensor:
    """Scale `x` to the RMS of `reference`; what is not finite becomes silence."""
    x = torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
    return x * (rms(reference) / rms(x).clamp(min=SILENCE))
