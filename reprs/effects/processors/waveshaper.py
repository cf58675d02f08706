"""Waveshaper with a curve of knobs."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.oversampling import oversampled
from reprs.effects.spec import Param, effect

# Levels between which the slopes hold, the same above and below zero.
EDGES = (0.0, 0.1, 0.25, 0.5, 1.0)
WIDTHS = tuple(b - a for a, b in pairwise(EDGES))
SIDES = ("below", "above")


def _slopes() -> dict[str, Param]:
    names = [f"{side}{i + 1}_slope_db" for side in SIDES for i in range(len(WIDTHS))]
    return {name: Param(-30, 12, default=-6 * (int(name[5]) - 1)) for name in names}


@effect
def waveshaper(
    x: Tensor,
    sample_rate: int,
    drive_db: Annotated[Tensor, Param(-12, 36, default=6)],
    output_db: Annotated[Tensor, Param(-24, 12, default=0)],
    mix: Annotated[Tensor, Param(0, 1, default=1)],
    *,
    oversample: int = 2,
    **slopes_db: Annotated[Tensor, _slopes()],
) -> Tensor:
    """A memoryless curve drawn by its knobs: a rising cubic spline through 0 (Fritsch and Butland 1984).

    The knobs are its mean slopes between the levels 0, 0.1, 0.25, 0.5 and 1 on either side; outside it goes
    on straight. It rises everywhere, so no setting folds. Run at 1, 2 or 4 times the rate against aliasing,
    without delay.
    """
    if oversample not in (1, 2, 4):
        raise ValueError(f"waveshaper: oversample is 1, 2 or 4, got {oversample}")
    slopes = 10 ** (torch.stack([slopes_db[name] for name in _slopes()], dim=1) / 20)

    def run(x: Tensor, drive: Tensor, level: Tensor, mix: Tensor, slopes: Tensor) -> Tensor:
        drive, cubics = (knob.repeat_interleave(x.shape[1], dim=0) for knob in (drive, _cubics(slopes)))
        wet = oversampled(x.flatten(0, 1), oversample, lambda v: _curve(v, drive, cubics))
        return torch.addcmul(x * (1 - mix), wet.view_as(x), level)

    level = mix * 10 ** (output_db / 20)
    return by_item(run, x, 10 ** (drive_db / 20), level[:, None, None], mix[:, None, None], slopes)


def _cubics(slopes: Tensor) -> Tensor:
    """Slopes `(B, 8)` → `(B, 2, 4, 4)`: for every piece of both sides, from 0 outwards, the coefficients of
    t, t² and t³ from its inner edge on, and the slope at its outer edge.

    The slope at an edge is Fritsch and Butland's weighted harmonic mean of those of its two pieces.
    """
    count = len(WIDTHS)
    chords = torch.cat([slopes[:, :count].flip(1), slopes[:, count:]], dim=1)
    widths = slopes.new_tensor((*WIDTHS[::-1], *WIDTHS))
    one, other = 2 * widths[1:] + widths[:-1], widths[1:] + 2 * widths[:-1]
    mean = (one + other) / (one / chords[:, :-1] + other / chords[:, 1:])
    edges = torch.cat([chords[:, :1], mean, chords[:, -1:]], dim=1)
    edges = torch.stack([edges[:, : count + 1].flip(1), edges[:, count:]], dim=1)
    inner, outer, chord, width = edges[..., :-1], edges[..., 1:], slopes.view(-1, 2, count), widths[count:]
    square, cube = (3 * chord - 2 * inner - outer) / width, (inner + outer - 2 * chord) / width**2
    return torch.stack([inner, square, cube, outer], dim=3)


def _curve(v: Tensor, drive: Tensor, cubics: Tensor) -> Tensor:
    """`v` `(R, …)`, `drive` `(R,)`, `cubics` `(R, 2, 4, 4)`: every piece adds what `v` climbs in it."""
    apart = (-1, *[1] * (v.ndim - 1))
    v = v * drive.view(apart)
    total = torch.zeros_like(v)
    for side, sign in enumerate((-1, 1)):
        u = sign * v
        for i, (start, width) in enumerate(zip(EDGES[:-1], WIDTHS, strict=True)):
            linear, square, cube, _ = (c.view(apart) for c in cubics[:, side, i].unbind(1))
            t = (u - start).clamp(0, width)
            total = total + sign * t * (linear + t * (square + t * cube))
        total = total + sign * torch.relu(u - EDGES[-1]) * cubics[:, side, -1, 3].view(apart)
    return total
