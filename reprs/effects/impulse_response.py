"""Impulse responses of rooms and devices, as a convolution needs them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reprs.audio import files
from reprs.effects.decaying_noise import CENTRES_HZ, decaying_noise

Source = str | Path | Tensor | None
BUILT_IN_S = 1.0
# The part of the decay that its rate is read from.
FROM_DB, TO_DB = -5.0, -25.0


def load(source: Source, sample_rate: int) -> Tensor:
    """Float64 `(C, L)` at `sample_rate` from a file, or from a tensor `(L,)` or `(C, L)` of that rate.

    Without a source: one second of decaying noise, two sides. Raises `AudioError` for a file that cannot be
    used and ValueError for a tensor that is no response.
    """
    if source is None:
        return _built_in(sample_rate)
    if not isinstance(source, Tensor):
        path = Path(source)
        return _from_file(path, path.stat().st_mtime_ns if path.exists() else 0, sample_rate)
    response = source.detach().double().cpu()
    response = response[None] if response.ndim == 1 else response
    if response.ndim != 2 or response.numel() == 0 or not response.isfinite().all():
        raise ValueError(f"an impulse response is (L,) or (C, L), finite, got {tuple(source.shape)}")
    return response


@lru_cache(maxsize=32)
def _from_file(path: Path, changed: int, sample_rate: int) -> Tensor:
    return files.read(path, sample_rate=sample_rate)[0].double()


@lru_cache(maxsize=8)
def _built_in(sample_rate: int) -> Tensor:
    centres = torch.tensor(CENTRES_HZ, dtype=torch.float64)
    rate = np.log(1000) / sample_rate * (1 + centres / 8_000)
    length = round(BUILT_IN_S * sample_rate)
    mid, side = decaying_noise(torch.ones_like(rate)[None], rate[None], length, sample_rate, seed=0)[0]
    return torch.stack([mid + side, mid - side])[:, :length]


def decay_s(response: Tensor, sample_rate: int) -> float:
    """Time to -60 dB of a response `(C, L)`, from a line through its backward integral (Schroeder 1965).

    A response too short for that decays over its own length.
    """
    rest = response.square().sum(dim=0).flip(0).cumsum(0).flip(0).numpy()
    rest_db = 10 * np.log10(np.maximum(rest / max(rest[0], 1e-300), 1e-30))
    inside = np.flatnonzero((rest_db <= FROM_DB) & (rest_db >= TO_DB))
    if len(inside) < 2:
        return len(rest) / sample_rate
    return float(-60 / np.polyfit(inside / sample_rate, rest_db[inside], 1)[0])
