"""Rows without learning: spectral statistics and a hand-made vector of mixing features.

Every row has `.name`, `.model_hash` and `embed(audio (B, 2, T), sample_rate) -> (B, D)`. `Standardised`
z-scores a row on clips that no task uses; compare the result by cosine.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

FLOOR = 1e-10
N_FFT = 2048
HOP = 1024


class Row(Protocol):
    """One line of the table."""

    name: str
    model_hash: str

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        """`(B, C, T)` → `(B, D)`."""


class LogMelStatistics:
    """Mean and standard deviation over time of 64 log-mel bands of mid and side: 256 numbers."""

    name = "log-mel statistics"
    model_hash = "1"

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        mels = [_log_mel(channel, sample_rate, 64) for channel in _mid_side(audio)]
        return torch.cat([_statistics(m) for m in mels], dim=1)


class MfccStatistics:
    """Mean and standard deviation over time of 30 mel-frequency cepstral coefficients of the mono mix."""

    name = "MFCC statistics"
    model_hash = "1"

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        log_mel = _log_mel(_mid_side(audio)[0], sample_rate, 80)
        return _statistics(_cosine_matrix(80, 30).to(log_mel) @ log_mel)


class MixingFeatures:
    """What an engineer reads off meters: 12 numbers on dynamics, width and spectral shape.

    A longer vector (more time scales, width by band, octave bands) describes the content more than the
    effects and scored lower in the 20-way.
    """

    name = "mixing features"
    model_hash = "1"

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        mid = _power(_mid_side(audio)[0])
        return torch.cat([_dynamics(audio, sample_rate), _width(audio), _shape(mid, sample_rate)], dim=1)


class Standardised:
    """A row whose features are z-scored by a set of rendered clips outside every task."""

    def __init__(self, row: Row, reference: Tensor) -> None:
        self.row, self.name = row, row.name
        self.model_hash = f"{row.model_hash}, standardised"
        self.mean = reference.mean(dim=0)
        self.scale = reference.std(dim=0).clamp_min(1e-6)

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        return (self.row.embed(audio, sample_rate) - self.mean) / self.scale


BASELINES: tuple[Row, ...] = (LogMelStatistics(), MfccStatistics(), MixingFeatures())


def _mid_side(audio: Tensor) -> tuple[Tensor, Tensor]:
    left, right = audio[:, 0], audio[:, -1]
    return (left + right) / 2, (left - right) / 2


def _power(x: Tensor) -> Tensor:
    """Power spectrogram of `(B, T)`, `(B, F, N)`."""
    window = torch.hann_window(N_FFT, device=x.device)
    spectrum = torch.stft(x, N_FFT, HOP, window=window, return_complex=True)
    return spectrum.real**2 + spectrum.imag**2


def _log_mel(x: Tensor, sample_rate: int, bands: int) -> Tensor:
    """`(B, T)` → `(B, bands, N)` in dB."""
    return 10 * torch.log10(_mel_matrix(sample_rate, bands).to(x) @ _power(x) + 1e-6)


def _mel_matrix(sample_rate: int, bands: int) -> Tensor:
    """Triangles equally spaced on the mel scale (O'Shaughnessy 1987), 40 Hz to 16 kHz, `(bands, F)`."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (40, min(16_000, sample_rate / 2)))
    corners = 700 * (10 ** (torch.linspace(low, high, bands + 2) / 2595) - 1)
    hz = torch.linspace(0, sample_rate / 2, N_FFT // 2 + 1)
    rise = (hz - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    fall = (corners[2:, None] - hz) / (corners[2:] - corners[1:-1])[:, None]
    triangles = torch.minimum(rise, fall).clamp_min(0)
    return triangles / triangles.sum(dim=1, keepdim=True).clamp_min(FLOOR)


def _cosine_matrix(bands: int, coefficients: int) -> Tensor:
    """Orthonormal DCT-II, `(coefficients, bands)`, without the level coefficient 0."""
    k = torch.arange(1, coefficients + 1)[:, None]
    return math.sqrt(2 / bands) * torch.cos(math.pi / bands * (torch.arange(bands) + 0.5) * k)


def _statistics(frames: Tensor) -> Tensor:
    return torch.cat([frames.mean(dim=2), frames.std(dim=2)], dim=1)


def _db(power: Tensor) -> Tensor:
    return 10 * torch.log10(power + FLOOR)


def _dynamics(audio: Tensor, sample_rate: int) -> Tensor:
    """Crest factor, loudness range (95 to 10 % of the levels of 400 ms) and spread of 10 ms levels, in dB."""
    power = audio.square().mean(dim=1)
    crest_db = _db(audio.abs().amax(dim=(1, 2)).square()) - _db(power.mean(dim=1))
    slow, fast = (_levels_db(power, round(window_s * sample_rate)) for window_s in (0.4, 0.01))
    high, low = (slow.quantile(q, dim=1) for q in (0.95, 0.1))
    return torch.stack([crest_db, high - low, fast.std(dim=1), fast.diff(dim=1).abs().mean(dim=1)], dim=1)


def _levels_db(power: Tensor, samples: int) -> Tensor:
    whole = power[:, : power.shape[1] // samples * samples]
    return _db(whole.reshape(len(power), -1, samples).mean(dim=2))


def _width(audio: Tensor) -> Tensor:
    """Side-to-mid ratio in dB and the correlation of the channels."""
    left, right = audio[:, 0], audio[:, -1]
    mid, side = ((left + s * right).square().sum(dim=1) for s in (1, -1))
    energy = left.square().sum(dim=1) * right.square().sum(dim=1)
    correlation = (left * right).sum(dim=1) / (energy.sqrt() + FLOOR)
    return torch.stack([_db(side / (mid + FLOOR) + 1e-6), correlation], dim=1)


def _shape(power: Tensor, sample_rate: int) -> Tensor:
    """Centroid and its movement, spread, roll-off (octaves), flatness (dB) and flux (dB) of `(B, F, N)`."""
    hz = torch.linspace(0, sample_rate / 2, power.shape[1], device=power.device)
    octave = torch.log2(hz.clamp_min(20))[:, None]
    share = power / (power.sum(dim=1, keepdim=True) + FLOOR)
    centroid = (octave * share).sum(dim=1)
    spread = ((octave - centroid[:, None]).square() * share).sum(dim=1).sqrt()
    rolled = (share.cumsum(dim=1) < 0.85).sum(dim=1).clamp_max(len(octave) - 1)
    flatness = _db(power).mean(dim=1) - _db(power.mean(dim=1))
    flux = _db(share.sqrt().diff(dim=2).clamp_min(0).square().sum(dim=1))
    curves = [centroid, spread, octave[rolled, 0], flatness, flux]
    return torch.stack([*(c.mean(dim=1) for c in curves), centroid.std(dim=1)], dim=1)
