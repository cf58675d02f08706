"""Multi-resolution STFT distance of two mixes, on mid and side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

SIZES = (512, 2048, 8192)
HOPS_A_WINDOW = 4
FLOOR_DB = -80.0
# Below this share of the whole, a nearly silent side no longer makes a small error an infinite one.
QUIETEST_SIDE_DB = -40.0


def multi_resolution_stft(
    x: Tensor, target: Tensor, sizes: Sequence[int] = SIZES, floor_db: float = FLOOR_DB
) -> Tensor:
    """Spectral convergence plus log-magnitude error of `x` against `target`, both `(B, C, T)` → `(B,)`.

    Mean over the window `sizes` (samples, hop a quarter) and over mid and side of stereo (Yamamoto 2020;
    sum and difference after Steinmetz 2020, 2021). Magnitudes count from `floor_db` re a full-scale sine
    upwards, so that silence is a level like any other: value and gradient are finite for it, equal silences
    are at distance 0, and a spectral convergence never divides by less than 1 % of the target's two
    channels together. The log part is in nats (1 nat = 8.7 dB). Not symmetric: the target is the unit.
    """
    if x.shape != target.shape or x.ndim != 3 or x.shape[1] not in (1, 2) or x.shape[2] == 0:
        raise ValueError(
            f"x and target are both (B, 1 or 2, T), got {tuple(x.shape)} and {tuple(target.shape)}"
        )
    both = torch.cat([mid_side(x), mid_side(target)])
    return torch.stack([_distance(both, size, floor_db) for size in sizes]).mean(dim=0)


def mid_side(x: Tensor) -> Tensor:
    """Half the sum and half the difference of stereo `(B, 2, T)`; mono `(B, 1, T)` is its own mid."""
    if x.shape[1] == 1:
        return x
    left, right = x.unbind(dim=1)
    return torch.stack([left + right, left - right], dim=1) / 2


def magnitudes(x: Tensor, size: int, floor_db: float = FLOOR_DB) -> Tensor:
    """Magnitudes `(…, F, N)` of `(…, T)` under a Hann window, 1 for a full-scale sine, at least the floor."""
    window = torch.hann_window(size, device=x.device, dtype=x.dtype)
    rows = F.pad(x.reshape(-1, x.shape[-1]), (size // 2, size // 2))
    spectrum = torch.stft(
        rows, size, max(size // HOPS_A_WINDOW, 1), window=window, center=False, return_complex=True
    )
    unit = float(window.sum()) / 2
    power = spectrum.real.square() + spectrum.imag.square()
    # Clamped before the root, whose slope at 0 is infinite.
    level = power.clamp_min((unit * 10 ** (floor_db / 20)) ** 2).sqrt() / unit
    return level.reshape(*x.shape[:-1], *level.shape[-2:])


def _distance(both: Tensor, size: int, floor_db: float) -> Tensor:
    """Both parts at one resolution, mean over channels; `both` is `(2 B, C, T)`, mixes and targets."""
    found, wanted = magnitudes(both, size, floor_db).chunk(2)
    error = torch.linalg.vector_norm(found - wanted, dim=(-2, -1))
    energy = wanted.square().sum(dim=(-2, -1))
    whole = energy.sum(dim=1, keepdim=True) * 10 ** (QUIETEST_SIDE_DB / 10)
    convergence = error / torch.maximum(energy, whole).sqrt()
    logarithmic = (found.log() - wanted.log()).abs().mean(dim=(-2, -1))
    return (convergence + logarithmic).mean(dim=1)
