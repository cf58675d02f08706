"""Graphic equalisers whose response passes through every slider.

Neighbouring bands of a cascade add up, so a band set to its slider's gain overshoots. Välimäki and Liski
(2017, "Accurate cascade graphic equalizer") choose bands that give a fixed share of their gain, in dB, at
their neighbours' centres, and solve for the gains whose sum is wanted, by least squares with one correction.
Here the same bands are solved for exactly at the centres, by Newton's method; the gradient follows from the
implicit function theorem.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.effects import biquad

# What a band keeps of its gain, in dB, at its neighbours' centres: all sliders up are flat within 0.5 dB.
LEAKAGE = 0.4
# It is at rounding level after five.
NEWTON_STEPS = 6
DB_PER_NEPER = 20 / math.log(10)


def bands(sliders_db: Tensor, centres_hz: Sequence[float], sample_rate: int) -> Tensor:
    """Sections `(B, K, 6)` of the cascade that meets `sliders_db` `(B, M)` at `centres_hz`, to rounding.

    A centre above `biquad.HIGHEST` of the sample rate has no band, and its slider no effect.
    """
    if timeline.folded() is not None:
        timeline.whole_clip_only("its bands are solved for once a clip")
    heard = [hz for hz in centres_hz if hz <= biquad.HIGHEST * sample_rate]
    wanted_db = sliders_db[:, : len(heard)].double()
    distance, reach = _distances(torch.tensor(heard, dtype=torch.float64), sample_rate)
    distance, reach = distance.to(wanted_db.device), reach.to(wanted_db.device)
    gain_db = _solve(wanted_db, distance, reach)
    hz = torch.tensor(heard, dtype=torch.float64, device=gain_db.device).expand_as(gain_db)
    return biquad.peak(sample_rate, gain_db, hz, 1 / (reach * _narrowing(gain_db)))


def _distances(centres_hz: Tensor, sample_rate: int) -> tuple[Tensor, Tensor]:
    """How far every centre is from every band, `(M, M)`, and from a band to its neighbours, `(M,)`.

    The distance of two prewarped frequencies is v/w - w/v, what a band-pass of centre w has in its response.
    """
    below = centres_hz[:1] ** 2 / centres_hz[1:2]
    warped = torch.tan(math.pi / sample_rate * torch.cat([below, centres_hz]))
    step = warped[1:] / warped[:-1] - warped[:-1] / warped[1:]
    reach = torch.cat([torch.sqrt(step[:-1] * step[1:]), step[-1:]])
    centre = warped[1:]
    return centre[:, None] / centre - centre / centre[:, None], reach


def _solve(wanted_db: Tensor, distance: Tensor, reach: Tensor) -> Tensor:
    """Gains `(B, M)` whose bands add up to `wanted_db` at the centres."""
    with torch.no_grad():
        gain_db = torch.zeros_like(wanted_db)
        for _ in range(NEWTON_STEPS):
            response_db, slopes = _response(gain_db, distance, reach)
            gain_db = gain_db + torch.linalg.solve(slopes, wanted_db - response_db.sum(dim=2))
        response_db, slopes = _response(gain_db, distance, reach)
    return gain_db + torch.linalg.solve(slopes, wanted_db - response_db.sum(dim=2))


def _response(gain_db: Tensor, distance: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """Response `(B, centre, band)` of each band in dB, and its slope in the band's gain."""
    v = (gain_db / DB_PER_NEPER)[:, None]
    width = (reach * _narrowing(gain_db))[:, None].square()
    above, below = distance**2 + width * v.exp(), distance**2 + width * (-v).exp()
    # The logarithmic derivative of `width` in v.
    growth = LEAKAGE * _langevin(LEAKAGE * v) - (1 - LEAKAGE) * _langevin((1 - LEAKAGE) * v)
    slope = width * ((1 + growth) * v.exp() / above + (1 - growth) * (-v).exp() / below)
    return DB_PER_NEPER / 2 * torch.log(above / below), slope / 2


def _narrowing(gain_db: Tensor) -> Tensor:
    """Width of a band, relative to `reach`, with which `LEAKAGE` of its gain remains at `reach`.

    The square root of sinh(c v) / sinh((1 - c) v), v the gain in nepers: even in v and smooth at 0.
    """
    v = gain_db / DB_PER_NEPER
    share = _sinh_over(LEAKAGE * v) / _sinh_over((1 - LEAKAGE) * v)
    return torch.sqrt(LEAKAGE / (1 - LEAKAGE) * share)


def _sinh_over(v: Tensor) -> Tensor:
    """sinh(v) / v."""
    small = v.abs() < 1e-3
    safe = torch.where(small, 1.0, v)
    return torch.where(small, 1 + v * v / 6, torch.sinh(safe) / safe)


def _langevin(v: Tensor) -> Tensor:
    """coth(v) - 1 / v."""
    small = v.abs() < 1e-3
    safe = torch.where(small, 1.0, v)
    return torch.where(small, v / 3 - v**3 / 45, 1 / torch.tanh(safe) - 1 / safe)
