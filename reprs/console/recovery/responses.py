"""What filters of a strip do to levels, in numbers that are cheap to ask for, and splines that do as much."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from reprs.console.bands import DESIGNS, LAYOUT
from reprs.effects import Effect, biquad

LOWEST_HZ, HIGHEST_HZ, POINTS = 20.0, 20_000.0, 101
OCTAVES = 0.25  # between splines
LIFT_DB = 0.15  # of a spline, for differences
NEPERS = math.log(10) / 20  # in a decibel
STEP = 1e-6
FITS, SMALL_GAINS = 4, 30.0  # of gains to a response: rounds, and what a gain of half its range costs
KNOBS_A_BAND = 3
BUTTERWORTH = 0.7071  # the q of a console's highpass


class Bands:
    """The bands of a parametric equaliser as functions of its knobs, behind a `highpass` if one is given.

    Knobs are the cutoff, if there is one, and those of the equaliser.
    """

    def __init__(self, effect: Effect, sample_rate: int, highpass: Effect | None = None) -> None:
        self.sample_rate, self.before = sample_rate, 0 if highpass is None else 1
        params = [*(highpass.params.values() if highpass else ()), *effect.params.values()]
        self.log = np.array([p.scale == "log" for p in params])
        low, high = (np.array([getattr(p, end) for p in params]) for end in ("min", "max"))
        self.low = np.where(self.log, np.log(np.where(self.log, low, 1.0)), low)
        self.span = np.where(self.log, np.log(np.where(self.log, high, 1.0)), high) - self.low
        self.at = np.sin(np.pi * grid_hz().clamp(max=sample_rate / 2).numpy() / sample_rate) ** 2
        self.gains = np.arange(len(params)) % KNOBS_A_BAND == self.before
        self.gains[: self.before] = False

    def each_db(self, z: np.ndarray) -> np.ndarray:
        """Response `(R, 6 or 7, POINTS)` of the highpass and each band, of knobs `(R, 18 or 19)`."""
        values = self.low + z * self.span
        values = np.where(self.log, np.exp(values), values)
        cutoff_hz, rest = np.split(values, [self.before], axis=1)
        rest = rest.reshape(len(z), len(LAYOUT), KNOBS_A_BAND)
        kinds = np.array(["", *LAYOUT.values()])[1 - self.before :]
        sections = np.empty((len(z), len(kinds), 6))
        if self.before:
            q = torch.full((len(z), 1), BUTTERWORTH, dtype=torch.float64)
            sections[:, :1] = biquad.highpass(self.sample_rate, torch.from_numpy(cutoff_hz), q).numpy()
        for kind, design in DESIGNS.items():
            gain_db, hz, q = torch.from_numpy(rest[:, kinds[self.before :] == kind]).unbind(-1)
            sections[:, kinds == kind] = design(self.sample_rate, gain_db, hz, q).numpy()
        above, below = (self._power(sections[..., at : at + 3]) for at in (0, 3))
        return 10 * np.log10(above / below)

    def slopes(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The response `(R, POINTS)` of knobs `(R, K)` and its slopes by each, `(R, POINTS, K)`."""
        by = np.where(z > 0.5, -STEP, STEP)
        # One knob of every band at a time: bands do not care for each other.
        kind = (np.arange(z.shape[1]) - self.before) % KNOBS_A_BAND
        kind[: self.before] = 0
        rows = np.concatenate([z, *(z + by * (kind == each) for each in range(KNOBS_A_BAND))])
        here, *moved = self.each_db(rows).reshape(4, len(z), -1, POINTS)
        apart = np.stack(moved, axis=2) - here[:, :, None]
        of_bands = apart[:, self.before :].reshape(len(z), -1, POINTS)
        apart = np.concatenate([apart[:, : self.before, 0], of_bands], axis=1)
        return here.sum(1), (apart / by[..., None]).transpose(0, 2, 1)

    def fitted(self, wanted_db: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Knobs `(R, K)` with the frequencies and widths of `z` and the gains that come nearest to a response
        `(POINTS,)` without being large, and how far off they are, in dB RMS `(R,)`."""
        z = np.where(self.gains, 0.5, z)
        for _ in range(FITS):
            response_db, slopes = self.slopes(z)
            by_gain = slopes[:, :, self.gains]
            curvature = by_gain.transpose(0, 2, 1) @ by_gain + SMALL_GAINS * np.eye(len(LAYOUT))
            downhill = by_gain.transpose(0, 2, 1) @ (wanted_db - response_db)[..., None]
            downhill -= SMALL_GAINS * (z[:, self.gains] - 0.5)[..., None]
            moved = z[:, self.gains] + np.linalg.solve(curvature, downhill)[..., 0]
            z[:, self.gains] = moved.clip(0, 1)
        return z, np.sqrt(np.square(self.slopes(z)[0] - wanted_db).mean(1))

    def _power(self, section: np.ndarray) -> np.ndarray:
        """|s0 + s1/z + s2/z²|² of `(…, 3)`, `(…, POINTS)`; in sin² of half the angle, for low bands."""
        s0, s1, s2 = np.moveaxis(section[..., None, :], -1, 0)
        return (s0 + s1 + s2) ** 2 - 4 * self.at * (s0 * s1 + 4 * s0 * s2 + s1 * s2 - 4 * s0 * s2 * self.at)


def grid_hz() -> Tensor:
    """Where responses are followed, in Hz."""
    return torch.logspace(math.log10(LOWEST_HZ), math.log10(HIGHEST_HZ), POINTS, dtype=torch.float64)


def splines(hz: Tensor, apart: float = OCTAVES) -> Tensor:
    """Cubic B-splines over the logarithm of frequency `(F,)`, so many octaves `apart`: `(K, F)`; everywhere
    they add up to 1."""
    octaves = torch.log2(hz.double().clamp(LOWEST_HZ, HIGHEST_HZ) / LOWEST_HZ) / apart
    count = math.ceil(math.log2(HIGHEST_HZ / LOWEST_HZ) / apart) + 3
    off = (octaves - torch.arange(-1, count - 1, dtype=torch.float64)[:, None]).abs()
    near, far = 2 / 3 - off.square() + off**3 / 2, (2 - off).clamp_min(0) ** 3 / 6
    return torch.where(off < 1, near, far)


def lifted(x: Tensor, sample_rate: int, apart: float = OCTAVES) -> Tensor:
    """`x` `(C, T)` with each spline lifted by `LIFT_DB`, at minimal phase like an equaliser: `(K, C, T)`."""
    size = 2 ** math.ceil(math.log2(x.shape[-1] + 2**13))
    hz = torch.fft.rfftfreq(size, 1 / sample_rate)
    spectrum = torch.fft.rfft(x, n=size)
    rows = []
    for level in splines(hz, apart).float():
        cepstrum = torch.fft.irfft(level, n=size)
        cepstrum[1 : size // 2] *= 2
        cepstrum[size // 2 + 1 :] = 0
        response = torch.exp(LIFT_DB * NEPERS * torch.fft.rfft(cepstrum))
        rows.append(torch.fft.irfft(spectrum * response, n=size)[..., : x.shape[-1]])
    return torch.stack(rows)
