"""Equaliser bands: what a user reads and edits, and the filters they stand for.

An engine turns the knobs `z` of `parametric_eq`; `bands_of` says what they mean, rounded as they are printed.
Audio is filtered by the rounded bands, so that what is printed is what is heard.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reprs.audio.lti import filter_sections
from reprs.effects import Effect, biquad, registry

# Knob group of `parametric_eq` → the type of its section, in the order they are applied.
LAYOUT = {
    "low_shelf": "low_shelf",
    "peak1": "peak",
    "peak2": "peak",
    "peak3": "peak",
    "peak4": "peak",
    "high_shelf": "high_shelf",
}
DESIGNS = {"low_shelf": biquad.low_shelf, "peak": biquad.peak, "high_shelf": biquad.high_shelf}
MAX_BANDS, MAX_GAIN_DB, Q_RANGE = len(LAYOUT), 12.0, (0.3, 4.0)
# Where each kind of band works like its name says; a shelf in the middle is a peak's business.
RANGES_HZ = {"low_shelf": (30.0, 400.0), "peak": (30.0, 16_000.0), "high_shelf": (1_500.0, 16_000.0)}
STEEPEST_SHELF_Q = 1.0  # steeper ones overshoot
HIGHEST = 0.45  # of the sample rate; above it a bilinear bell is squeezed against Nyquist
LOWEST_RATE_HZ = 4_000


@dataclass(frozen=True)
class Band:
    """One band of the Audio EQ Cookbook: `type` is "low_shelf", "peak" or "high_shelf"."""

    type: str
    frequency_hz: float
    gain_db: float
    q: float

    def __post_init__(self) -> None:
        if self.type not in DESIGNS:
            raise ValueError(f"a band's type is one of {', '.join(DESIGNS)}, not {self.type!r}")
        values = (self.frequency_hz, self.gain_db, self.q)
        if not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values):
            raise ValueError(f"a band needs numbers for frequency_hz, gain_db and q, got {values}")
        if self.frequency_hz <= 0 or not 0.01 <= self.q <= 100 or abs(self.gain_db) > 40:
            raise ValueError(
                f"a band needs frequency_hz > 0, q in 0.01 … 100, gain_db within ±40, got {values}"
            )

    @property
    def octaves(self) -> float | None:
        """Width of a peak between its points of half the gain in dB; None for a shelf."""
        return 2 / math.log(2) * math.asinh(1 / (2 * self.q)) if self.type == "peak" else None


def equaliser(
    sample_rate: int, max_gain_db: float = MAX_GAIN_DB, q_range: tuple[float, float] = Q_RANGE
) -> Effect:
    """`parametric_eq` within these limits, its frequencies below Nyquist; what the engines turn."""
    if sample_rate < LOWEST_RATE_HZ:
        raise ValueError(f"an equaliser needs audio of at least {LOWEST_RATE_HZ} Hz, got {sample_rate:g} Hz")
    if not 0 < max_gain_db <= 18 or not 0.3 <= q_range[0] < min(q_range[1], STEEPEST_SHELF_Q) <= 10:
        raise ValueError("bands are limited to max_gain_db in (0, 18] and q_range from 0.3 … 1 up to 10")
    effect: Effect = registry["parametric_eq"]
    ranges: dict[str, tuple[float, float]] = {}
    for name, kind in LAYOUT.items():
        low_hz, high_hz = RANGES_HZ[kind]
        top_q = q_range[1] if kind == "peak" else min(q_range[1], STEEPEST_SHELF_Q)
        ranges[f"{name}_gain_db"] = (-max_gain_db, max_gain_db)
        ranges[f"{name}_hz"] = (low_hz, min(high_hz, HIGHEST * sample_rate))
        ranges[f"{name}_q"] = (q_range[0], top_q)
    return effect.narrow(**ranges)


def knob_sections(effect: Effect, sample_rate: int, z: Tensor) -> Tensor:
    """The filters of knobs `z` `(B, P)` as sections `(B, 6, 6)`; differentiable."""
    knobs = effect.from_unit(z)
    rows = [
        DESIGNS[kind](sample_rate, knobs[f"{name}_gain_db"], knobs[f"{name}_hz"], knobs[f"{name}_q"])
        for name, kind in LAYOUT.items()
    ]
    return torch.stack(rows, dim=1)


def band_sections(bands: Sequence[Band], sample_rate: int) -> Tensor:
    """The filters of `bands` as sections `(1, K, 6)` in float64."""
    rows = [
        DESIGNS[b.type](sample_rate, *(torch.tensor([v]) for v in _doubles(b.gain_db, b.frequency_hz, b.q)))
        for b in bands
    ]
    return torch.stack(rows, dim=1) if rows else torch.zeros(1, 0, 6, dtype=torch.float64)


def frequency_response(sections: Tensor, sample_rate: int, frequencies_hz: Tensor) -> Tensor:
    """Complex response `(B, F)` of sections `(B, K, 6)`; differentiable, and held above Nyquist."""
    omega = 2 * math.pi * frequencies_hz.double().clamp(max=sample_rate / 2) / sample_rate
    powers = torch.exp(-1j * omega * torch.arange(3, dtype=torch.float64)[:, None])
    sections = sections.to(powers.dtype)
    return ((sections[..., :3] @ powers) / (sections[..., 3:] @ powers)).prod(dim=1)


def response_db(bands: Sequence[Band], sample_rate: int, frequencies_hz: Any) -> np.ndarray:
    """Gain of the bands in dB at each frequency, without any preamp; the shape of `frequencies_hz`."""
    frequencies = torch.as_tensor(np.asarray(frequencies_hz, dtype=np.float64))
    response = frequency_response(band_sections(bands, sample_rate), sample_rate, frequencies.reshape(-1))
    return (20 * torch.log10(response.abs()[0])).reshape(frequencies.shape).numpy()


def bands_of(effect: Effect, z: Tensor, amount: float = 1.0, max_gain_db: float = MAX_GAIN_DB) -> list[Band]:
    """The bands of knobs `z` `(1, P)`, gains times `amount`, as printed; those at 0.0 dB are left out."""
    knobs = {name: float(value) for name, value in effect.from_unit(z.double()).items()}
    bands = []
    for name, kind in LAYOUT.items():
        gain_db = round(min(max(amount * knobs[f"{name}_gain_db"], -max_gain_db), max_gain_db), 1)
        if gain_db:
            q = round(knobs[f"{name}_q"], 2)
            bands.append(Band(kind, printed_hz(knobs[f"{name}_hz"]), gain_db, q))
    return sorted(bands, key=lambda b: (list(DESIGNS).index(b.type), b.frequency_hz))


def apply_bands(x: Tensor, sample_rate: int, bands: Sequence[Band], preamp_db: float = 0.0) -> Tensor:
    """Filter `x` `(C, T)` from rest by the bands and scale it; no bands and 0 dB leave it as it is."""
    y = x
    if bands:
        sections = band_sections(bands, sample_rate)
        y = torch.cat([filter_sections(channel[None, None], sections)[0] for channel in x])
    return y * 10 ** (preamp_db / 20) if preamp_db else y


def printed_hz(frequency_hz: float) -> float:
    """Three significant digits, whole numbers from 100 Hz on."""
    rounded = float(f"{frequency_hz:.3g}")
    return rounded if rounded < 100 else float(round(rounded))


def _doubles(*values: float) -> list[np.float64]:
    return [np.float64(v) for v in values]
