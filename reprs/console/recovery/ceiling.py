"""What a limiter leaves in a mix."""

from __future__ import annotations

import torch
from torch import Tensor

ALIKE, SEVERAL = 1e-4, 4  # heights of peaks, and how many of them are no chance


def ceiling_db(reference: Tensor) -> float | None:
    """The ceiling of a limiter that a mix `(2, T)` went through, in dBFS; None where none was at work.

    A limiter leaves many peaks of exactly one height, where otherwise one is the highest.
    """
    height = reference.abs().amax(0)
    highest = height.max()
    peaks = (height[1:-1] >= height[:-2]) & (height[1:-1] >= height[2:])
    alike = peaks & (height[1:-1] >= (1 - ALIKE) * highest)
    several = int(alike.sum()) >= SEVERAL and float(highest) > 0
    return float(20 * torch.log10(highest)) if several else None
