"""How far the levels of bands over time are from a target's: smooth residuals for least squares."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reprs.objectives.stft import mid_side

# Window, hop and bands of each resolution.
RESOLUTIONS = ((512, 512, 16), (2048, 1024, 36), (8192, 4096, 60))
LOWEST_HZ, HIGHEST_HZ = 35.0, 20_000.0
# A band below this many bins beats with its own phase: short windows leave low bands to long ones.
LOWEST_BIN = 6
AT_ONCE = 2  # rows whose spectra stay in a CPU's cache, in a third of the time of all together
# A band's level counts from this far below its mean in the target; and from this far below the whole.
FLOOR_DB, WHOLE_DB = -40.0, -70.0


class BandLevels:
    """Residuals of `(R, 2, T)` against a target `(1, 2, T)`, heard once: `residuals(y)` → `(R, F)`.

    Differences of log energies (nats) of left, right, mid and side in bands of equal octaves, at three
    resolutions; the sum of a row's squares is their mean over everything. Mid and side alone cannot tell a
    pan to the left from one to the right. The first `skipped` samples are not heard.
    """

    def __init__(self, target: Tensor, sample_rate: int, skipped: int = 0) -> None:
        self.skipped = skipped
        fitting = [r for r in RESOLUTIONS if r[0] <= target.shape[-1] - skipped]
        self._heard = [(size, hop, _bands(size, count, sample_rate)) for size, hop, count in fitting]
        if not self._heard:
            raise ValueError(f"levels need at least {RESOLUTIONS[0][0]} samples, got {target.shape[-1]}")
        energies = self._energies(target)
        self._floors = [
            e.mean(2, keepdim=True) * 10 ** (FLOOR_DB / 10)
            + e.mean((1, 2, 3), keepdim=True) * 10 ** (WHOLE_DB / 10)
            + 1e-12
            for e in energies
        ]
        self._wanted = [torch.log(e + floor) for e, floor in zip(energies, self._floors, strict=True)]

    def __call__(self, y: Tensor) -> Tensor:
        return torch.cat([self._off(rows) for rows in y.split(AT_ONCE)])

    def _off(self, y: Tensor) -> Tensor:
        parts = zip(self._energies(y), self._floors, self._wanted, strict=True)
        off = [(torch.log(e + floor) - wanted).flatten(1) for e, floor, wanted in parts]
        return torch.cat([each / math.sqrt(each.shape[1] * len(off)) for each in off], dim=1)

    def _energies(self, y: Tensor) -> list[Tensor]:
        """Mean power of each band and frame, `(R, 4, N, bands)` for each resolution."""
        y = y[..., self.skipped :]
        return [_powers(y.unfold(-1, size, hop)) @ bands for size, hop, bands in self._heard]


def _powers(frames: Tensor) -> Tensor:
    """Power of left, right, mid and side `(R, 4, N, bins)` of frames of stereo `(R, 2, N, size)`."""
    spectra = torch.fft.rfft(frames * torch.hann_window(frames.shape[-1]))
    spectra = torch.cat([spectra, mid_side(spectra)], dim=1)
    return spectra.real.square() + spectra.imag.square()


def _bands(size: int, count: int, sample_rate: int) -> Tensor:
    """Triangles in equal octaves that overlap by half, `(bins, bands)`; each adds up to 1."""
    lowest = max(LOWEST_HZ, LOWEST_BIN * sample_rate / size)
    highest = min(HIGHEST_HZ, 0.49 * sample_rate)
    edges = torch.linspace(math.log(lowest), math.log(highest), count + 2)
    at = torch.fft.rfftfreq(size, 1 / sample_rate).clamp_min(1.0).log()[:, None]
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    shape = torch.minimum((at - left) / (middle - left), (right - at) / (right - middle)).clamp_min(0)
    total = shape.sum(0)
    return shape[:, total > 0] / total[total > 0]
