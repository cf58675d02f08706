"""Levels in dB, sample by sample: what a dynamics processor measures and applies."""

from __future__ import annotations

import math

import torch
from torch import Tensor

FLOOR_DB = -120.0
NEPERS_PER_DB = math.log(10) / 20


def peak_db(x: Tensor, stereo_link: bool) -> Tensor:
    """Magnitude of every sample of `x` `(B, C, T)`, at least `FLOOR_DB`.

    Linked channels share the loudest one's level, `(B, 1, T)`: a sum would move with the correlation of the
    channels.
    """
    magnitude = x.abs()
    if stereo_link and x.shape[1] > 1:
        magnitude = magnitude.amax(dim=1, keepdim=True)
    return magnitude.clamp(min=10 ** (FLOOR_DB / 20)).log() * (1 / NEPERS_PER_DB)


def amplify(x: Tensor, gain_db: Tensor) -> Tensor:
    """`x` times a gain that moves with time; `gain_db` broadcasts to `x`."""
    return x * torch.exp(gain_db * NEPERS_PER_DB)
