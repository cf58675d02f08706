"""Knobs as numbers that a person reads: the shortest ones that are read back as the very same setting."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reprs.effects import Param

ENOUGH_DIGITS = 4


def readable(param: Param, z: Tensor) -> list[float]:
    """Natural values of `z` `(n,)` in [0, 1], each as short as `from_readable` still returns its `z`."""
    exact = param.from_unit(z.detach().double().cpu())
    found, missing = exact.tolist(), torch.ones(len(exact), dtype=torch.bool)
    for digits in range(2, 18):
        shorter = [_rounded(value, digits) for value in exact.tolist()]
        same = missing & (from_readable(param, shorter) == z.detach().float().cpu())
        found = [new if now else old for new, old, now in zip(shorter, found, same.tolist(), strict=True)]
        missing &= ~same
        if not missing.any():
            break
    return found


def from_readable(param: Param, values: list[float]) -> Tensor:
    """`z` `(n,)` in float32 of natural values."""
    return param.to_unit(torch.tensor(values, dtype=torch.float64)).float()


def snapped(param: Param, z: Tensor) -> Tensor:
    """The nearest setting whose natural value has at most four digits."""
    exact = param.from_unit(z.detach().double().cpu())
    short = [_rounded(value, ENOUGH_DIGITS) for value in exact.flatten().tolist()]
    return from_readable(param, short).view(z.shape).to(z.device)


def number(value: object, what: str) -> float:
    """A finite number of a file; ValueError says `what` it should have been."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{what} is a number, not {value!r}")
    return float(value)


def _rounded(value: float, digits: int) -> float:
    """Significant digits, at most three decimals; never a negative zero."""
    return round(float(f"{value:.{digits}g}"), max(3, digits)) + 0.0
