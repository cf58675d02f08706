"""Rows without learning: spectral statistics and a hand-made vector of mixing features.

Every row has `.name` and `embed(audio (B, 2, T), sample_rate) -> (B, D)`. `Standardised` z-scores a row on
clips that no task uses; compare the result by cosine.
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

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        """`(B, C, T)` → `(B, D)`."""


class LogMelStatistics:
    """Mean and standard deviation over time of 64 log-mel bands of mid and side: 256 numbers."""

    name = "log-mel statistics"

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        mels = [_log_mel(channel, sample_rate, 64) for channel in _mid_side(audio)]
        return torch.cat([_statistics(m) for m in mels], dim=1)


class MfccStatistics:
    """Mean and standard deviation over time of 30 mel-frequency cepstral coefficients of the mono mix."""

    name = "MFCC statistics"

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        log_mel = _log_mel(_mid_side(audio)[0], sample_rate, 80)
        return _statistics(_cosine_matrix(80, 30).to(log_mel) @ log_mel)


class MixingFeatures:
    """What an engineer reads off meters: dynamics at several time scales, width, and spectral shape.

    Crest factor, spread of short-term levels (loudness range), rate of level change, side-to-mid ratio and
    channel correlation in four bands, octave-band energies, centroid, spread, roll-off, flatness and flux.
    """

    name = "mixing features"

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        power = _power(audio, sample_rate)
        mid = _power(_mid_side(audio)[0][:, None], sample_rate)[:, 0]
        parts = [_dynamics(audio, sample_rate), _width(audio, sample_rate), _shape(mid, sample_rate)]
        return torch.cat([*parts, _bands_db(power.mean(dim=(1, 3)), sample_rate)], dim=1)


class Standardised:
    """A row whose features are z-scored by a set of rendered clips outside every task."""

    def __init__(self, row: Row, reference: Tensor) -> None:
        self.row, self.name = row, row.name
        self.mean = reference.mean(dim=0)
        self.scale = reference.std(dim=0).clamp_min(1e-6)

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        return (self.row.embed(audio, sample_rate) - self.mean) / self.scale


BASELINES: tuple[Row, ...] = (LogMelStatistics(), MfccStatistics(), MixingFeatures())


def _mid_side(audio: Tensor) -> tuple[Tensor, Tensor]:
    left, right = audio[:, 0], audio[:, -1]
    return (left + right) / 2, (left - right) / 2


def _power(audio: Tensor, sample_rate: int) -> Tensor:
    """Power spectrogram `(B, C, F, N)`."""
    flat = audio.reshape(-1, audio.shape[-1])
    window = torch.hann_window(N_FFT, device=audio.device)
    spectrum = torch.stft(flat, N_FFT, HOP, window=window, return_complex=True)
    return (spectrum.real**2 + spectrum.imag**2).reshape(*audio.shape[:2], *spectrum.shape[-2:])


def _log_mel(x: Tensor, sample_rate: int, bands: int) -> Tensor:
    """`(B, T)` → `(B, bands, N)` in dB."""
    power = _power(x[:, None], sample_rate)[:, 0]
    return 10 * torch.log10(_mel_matrix(sample_rate, bands).to(x) @ power + 1e-6)


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
    """Crest factor and the spread and movement of levels in windows of 10, 50 and 400 ms, in dB."""
    power = audio.square().mean(dim=1)
    columns = [_db(audio.abs().amax(dim=(1, 2)).square()) - _db(power.mean(dim=1))]
    for window_s in (0.01, 0.05, 0.4):
        samples = round(window_s * sample_rate)
        levels = _db(power.unfold(1, samples, samples).mean(dim=2))
        q = torch.quantile(levels, torch.tensor([0.1, 0.5, 0.95], device=audio.device), dim=1)
        columns += [q[2] - q[0], q[2] - q[1], levels.std(dim=1), levels.diff(dim=1).abs().mean(dim=1)]
    return torch.stack(columns, dim=1)


def _width(audio: Tensor, sample_rate: int) -> Tensor:
    """Side-to-mid ratio in dB and channel correlation, over all and below 200, 2,000, 8,000 Hz and above."""
    spectrum = torch.fft.rfft(audio[:, [0, -1]])
    hz = torch.fft.rfftfreq(audio.shape[-1], 1 / sample_rate).to(audio.device)
    columns = []
    for low, high in ((0, 1e6), (0, 200), (200, 2_000), (2_000, 8_000), (8_000, 1e6)):
        left, right = spectrum[:, :, (hz >= low) & (hz < high)].unbind(dim=1)
        side, mid = (left - right).abs().square().sum(1), (left + right).abs().square().sum(1)
        cross = (left * right.conj()).real.sum(1)
        energy = left.abs().square().sum(1) * right.abs().square().sum(1)
        columns += [_db(side / (mid + FLOOR) + 1e-6), cross / (energy.sqrt() + FLOOR)]
    return torch.stack(columns, dim=1)


def _shape(power: Tensor, sample_rate: int) -> Tensor:
    """Mean and spread over time of centroid, spread, roll-off, flatness, and flux; `power` is `(B, F, N)`."""
    octave = torch.log2(torch.linspace(0, sample_rate / 2, power.shape[1], device=power.device).clamp_min(20))
    share = power / (power.sum(dim=1, keepdim=True) + FLOOR)
    centroid = (octave[:, None] * share).sum(dim=1)
    spread = ((octave[:, None] - centroid[:, None]).square() * share).sum(dim=1).sqrt()
    rolled = (share.cumsum(dim=1) < 0.85).sum(dim=1).clamp_max(len(octave) - 1)
    flatness = _db(power).mean(dim=1) - _db(power.mean(dim=1))
    flux = share.sqrt().diff(dim=2).clamp_min(0).square().sum(dim=1)
    curves = torch.stack([centroid, spread, octave[rolled], flatness], dim=1)
    return torch.cat([_statistics(curves), _db(flux.mean(dim=1, keepdim=True))], dim=1)


def _bands_db(spectrum: Tensor, sample_rate: int) -> Tensor:
    """Energy in ten octave bands from 31 Hz to 16 kHz against the whole, in dB; `spectrum` is `(B, F)`."""
    hz = torch.linspace(0, sample_rate / 2, spectrum.shape[1], device=spectrum.device)
    centres = 31.25 * 2.0 ** torch.arange(10)
    bands = [spectrum[:, (hz >= c / 2**0.5) & (hz < c * 2**0.5)].sum(dim=1) for c in centres.tolist()]
    return _db(torch.stack(bands, dim=1) / (spectrum.sum(dim=1, keepdim=True) + FLOOR) + 1e-7)
