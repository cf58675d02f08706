"""How far a mix is from the one it should be, in numbers that an engineer knows and by encoders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eval.baselines import MixingFeatures
from eval.music import SAMPLE_RATE
from reprs.audio import loudness
from reprs.objectives.stft import magnitudes, mid_side, multi_resolution_stft

SIZE = 2048
MELS, LOWEST_HZ, HIGHEST_HZ = 80, 40.0, 16_000.0
OCTAVES_HZ = tuple(62.5 * 2**i for i in range(9))
WIDEST_DB = 30.0


@torch.no_grad()
def distances(y: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Name → `(B,)` of mixes and targets `(B, 2, T)`; 0 for equal ones."""
    return {
        "STFT": multi_resolution_stft(y, target),
        "mel dB": (mel_db(y) - mel_db(target)).abs().mean((1, 2, 3)),
        "stereo dB": (stereo_db(y) - stereo_db(target)).abs().mean((1, 2)),
    } | differences(y, target)


@torch.no_grad()
def differences(y: Tensor, reference: Tensor) -> dict[str, Tensor]:
    """Those numbers that may be compared across contents: loudness in LU and crest in dB, `(B,)`."""
    levels = [loudness.integrated(x, SAMPLE_RATE) for x in (y, reference)]
    crests = [crest_db(x) for x in (y, reference)]
    return {"loudness LU": (levels[0] - levels[1]).abs(), "crest dB": (crests[0] - crests[1]).abs()}


def mel_db(x: Tensor) -> Tensor:
    """Log-mel power of mid and side of `(B, 2, T)`, `(B, 2, MELS, N)` in dB, from -80 up."""
    power = magnitudes(mid_side(x), SIZE).square()
    return 10 * torch.log10((_triangles() @ power).clamp_min(1e-8))


def stereo_db(x: Tensor) -> Tensor:
    """Side to mid, and left to right, in octaves of `(B, 2, T)`: `(B, 2, 9)` in dB, from -30 to 30."""
    ratios = []
    for pair in (mid_side(x).flip(1), x):
        power = magnitudes(pair, SIZE).square().mean(-1)
        bands = torch.stack([power[..., _octave(hz)].sum(-1) for hz in OCTAVES_HZ], dim=-1)
        ratios.append(10 * torch.log10(bands[:, 0] / bands[:, 1]))
    return torch.stack(ratios, dim=1).clamp(-WIDEST_DB, WIDEST_DB)


def crest_db(x: Tensor) -> Tensor:
    """Peak over RMS of both channels, `(B,)`."""
    rms = x.square().mean((1, 2)).sqrt().clamp_min(1e-6)
    return 20 * torch.log10(x.abs().amax((1, 2)).clamp_min(1e-6) / rms)


class Ears:
    """A listener that says how far apart two productions are: 1 - cosine of its embeddings."""

    def __init__(self, row: Any, name: str | None = None) -> None:
        self.row, self.name = row, name or row.name
        self.model_hash = str(row.model_hash)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """`(B, 2, T)` → `(B, D)` of unit length."""
        parts = [self.row.embed(part, SAMPLE_RATE).float() for part in x.split(8)]
        return torch.nn.functional.normalize(torch.cat(parts), dim=1)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Of embeddings `(B, D)`, `(B,)`."""
        return 1 - (a * b).sum(1)


class Meters(Ears):
    """The mixing features that have no training in them: RMS difference in deviations over given mixes."""

    def __init__(self, mixes: Sequence[Tensor]) -> None:
        super().__init__(MixingFeatures())
        known = torch.cat([self.row.embed(x[None], SAMPLE_RATE) for x in mixes])
        self.mean, self.scale = known.mean(0), known.std(0).clamp_min(1e-6)
        self.model_hash += str([round(float(v), 4) for v in torch.cat([self.mean, self.scale])])

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        parts = [self.row.embed(part, SAMPLE_RATE) for part in x.split(8)]
        return ((torch.cat(parts) - self.mean) / self.scale).clamp(-8, 8)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).square().mean(1).sqrt()


def _triangles() -> Tensor:
    """Triangles equally spaced on the mel scale (O'Shaughnessy 1987), `(MELS, F)`."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    corners = 700 * (10 ** (torch.linspace(low, high, MELS + 2) / 2595) - 1)
    hz = torch.linspace(0, SAMPLE_RATE / 2, SIZE // 2 + 1)
    rise = (hz - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    fall = (corners[2:, None] - hz) / (corners[2:] - corners[1:-1])[:, None]
    triangles = torch.minimum(rise, fall).clamp_min(0)
    # A triangle between two bins takes the nearest one.
    nearest = (hz - corners[1:-1, None]).abs().argmin(1)
    triangles[torch.arange(MELS), nearest] = triangles[torch.arange(MELS), nearest].clamp_min(1e-3)
    return triangles / triangles.sum(1, keepdim=True)


def _octave(centre_hz: float) -> slice:
    bin_hz = SAMPLE_RATE / SIZE
    return slice(round(centre_hz / math.sqrt(2) / bin_hz), round(centre_hz * math.sqrt(2) / bin_hz) + 1)
