"""Sample-rate conversion by soxr."""

from __future__ import annotations

import soxr
import torch
from torch import Tensor


def resample(x: Tensor, from_hz: int, to_hz: int) -> Tensor:
    """Band-limited resampling of `(..., T)` to `round(T · to_hz / from_hz)` samples, at least one.

    Runs on the CPU through libsoxr's high-quality linear-phase recipe, without delay; not differentiable. The
    result is on the device and in the floating-point type of `x`.
    """
    if from_hz <= 0 or to_hz <= 0:
        raise ValueError(f"sample rates are positive, got {from_hz} and {to_hz} Hz")
    if from_hz == to_hz:
        return x
    rows = x.detach().reshape(-1, x.shape[-1]).cpu()
    rows = rows if rows.dtype == torch.float64 else rows.float()
    y = torch.from_numpy(soxr.resample(rows.numpy().T, from_hz, to_hz)).T
    length = max(1, round(x.shape[-1] * to_hz / from_hz))
    y = torch.nn.functional.pad(y, (0, max(0, length - y.shape[1])))[:, :length]
    return y.reshape(*x.shape[:-1], length).to(device=x.device, dtype=x.dtype)
