"""Effect normalisation: bring the production of music to the corpus average before new effects are applied.

After Martínez-Ramírez 2022, with zero-phase equalisation, level riding and mid/side gain in place of their
matching processors: spectrum, dynamics and width of every segment move towards a running average over the
corpus. Loudness is `PairMaker`'s.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LOWEST_HZ, BANDS_PER_OCTAVE, BANDS = 31.25, 3, 29
FRAME_S = 0.05
LARGEST_DB = 12.0


class EffectNormaliser(nn.Module):
    """Moves segments `(B, 2, T)` to the average spectrum, level range and width of those seen so far.

    The average is a running one over batches with weight 1 / n, at least `1 - momentum`. Each correction
    is limited: ±12 dB a third-octave band, deviations of the 50 ms level scaled by 0.5 to 1.5, side gain
    ±6 dB.
    """

    def __init__(self, momentum: float = 0.99) -> None:
        super().__init__()
        self.momentum = momentum
        self.spectrum_db: Tensor
        self.range_db: Tensor
        self.width_db: Tensor
        self.batches: Tensor
        self.register_buffer("spectrum_db", torch.zeros(BANDS))
        self.register_buffer("range_db", torch.zeros(()))
        self.register_buffer("width_db", torch.zeros(()))
        self.register_buffer("batches", torch.zeros(()))

    @torch.no_grad()
    def learn(self, x: Tensor, sample_rate: int) -> None:
        """Hear segments without changing them."""
        self._learn(*self.measure(x, sample_rate))

    @torch.no_grad()
    def forward(self, x: Tensor, sample_rate: int, learn: bool = True) -> Tensor:
        spectrum_db, range_db, width_db = self.measure(x, sample_rate)
        if learn:
            self._learn(spectrum_db, range_db, width_db)
        x = _equalise(x, sample_rate, (self.spectrum_db - spectrum_db).clamp(-LARGEST_DB, LARGEST_DB))
        x = _scale_range(
            x, sample_rate, (self.range_db / self.measure(x, sample_rate)[1].clamp(min=0.1)).clamp(0.5, 1.5)
        )
        return _widen(x, (self.width_db - self.measure(x, sample_rate)[2]).clamp(-6, 6))

    @staticmethod
    def measure(x: Tensor, sample_rate: int) -> tuple[Tensor, Tensor, Tensor]:
        """Third-octave spectrum re its mean `(B, 29)`, deviation of the 50 ms level `(B,)`, side re mid
        `(B,)`; dB.
        """
        power = torch.fft.rfft(x).abs().square().sum(1)
        bands = power @ _band_edges(x.shape[-1], sample_rate).to(power)
        bands_db = 10 * torch.log10(bands + 1e-8 * bands.sum(1, keepdim=True) + 1e-12)
        level_db = _level_db(x, sample_rate)
        audible = level_db > level_db.amax(1, keepdim=True) - 40
        mean = (level_db * audible).sum(1, keepdim=True) / audible.sum(1, keepdim=True)
        variance = ((level_db - mean).square() * audible).sum(1) / audible.sum(1)
        mid, side = (x[:, 0] + x[:, 1]).square().mean(1), (x[:, 0] - x[:, 1]).square().mean(1)
        width_db = 10 * torch.log10((side + 1e-5 * mid + 1e-12) / (mid + 1e-12))
        return bands_db - bands_db.mean(1, keepdim=True), variance.sqrt(), width_db

    def _learn(self, *measured: Tensor) -> None:
        self.batches += 1
        weight = max(1 / float(self.batches), 1 - self.momentum)
        for average, values in zip((self.spectrum_db, self.range_db, self.width_db), measured, strict=True):
            average.lerp_(values.mean(0), weight)


def _equalise(x: Tensor, sample_rate: int, gain_db: Tensor) -> Tensor:
    """Zero-phase filter with the given third-octave gains `(B, 29)`, straight lines in dB over log
    frequency.
    """
    n = x.shape[-1] + round(FRAME_S * sample_rate)
    frequency_hz = torch.fft.rfftfreq(n, 1 / sample_rate, device=x.device).clamp(min=LOWEST_HZ)
    position = ((frequency_hz / LOWEST_HZ).log2() * BANDS_PER_OCTAVE).clamp(0, BANDS - 1)
    lower = position.floor().long().clamp(max=BANDS - 2)
    curve_db = torch.lerp(gain_db[:, lower], gain_db[:, lower + 1], (position - lower).to(gain_db))
    spectrum = torch.fft.rfft(x, n=n) * (10 ** (curve_db / 20))[:, None]
    return torch.fft.irfft(spectrum, n=n)[..., : x.shape[-1]]


def _scale_range(x: Tensor, sample_rate: int, ratio: Tensor) -> Tensor:
    """Scale the level's deviations from its mean, in dB, by `ratio` `(B,)`."""
    level_db = _level_db(x, sample_rate)
    level_db = level_db.clamp(min=level_db.amax(1, keepdim=True) - 40)
    gain_db = ((ratio - 1)[:, None] * (level_db - level_db.mean(1, keepdim=True))).clamp(
        -LARGEST_DB, LARGEST_DB
    )
    gain_db = F.interpolate(gain_db[:, None], size=x.shape[-1], mode="linear", align_corners=False)
    return x * 10 ** (gain_db / 20)


def _widen(x: Tensor, gain_db: Tensor) -> Tensor:
    mid, side = (x[:, 0] + x[:, 1]) / 2, (x[:, 0] - x[:, 1]) / 2
    side = side * (10 ** (gain_db / 20))[:, None]
    return torch.stack([mid + side, mid - side], dim=1)


def _level_db(x: Tensor, sample_rate: int) -> Tensor:
    """RMS over both channels in frames of 50 ms, `(B, frames)`, dB."""
    frame = min(x.shape[-1], round(FRAME_S * sample_rate))
    power = F.avg_pool1d(x.square().mean(1, keepdim=True), frame, ceil_mode=True)[:, 0]
    return 10 * torch.log10(power + 1e-10)


def _band_edges(samples: int, sample_rate: int) -> Tensor:
    """Which third-octave band every FFT bin belongs to, `(samples // 2 + 1, 29)` of 0 and 1, averaged per
    band.
    """
    frequency_hz = torch.fft.rfftfreq(samples, 1 / sample_rate).clamp(min=1e-3)
    band = ((frequency_hz / LOWEST_HZ).log2() * BANDS_PER_OCTAVE).round()
    member = (band[:, None] == torch.arange(BANDS)).float()
    return member / member.sum(0).clamp(min=1)
