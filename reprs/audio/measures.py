"""What can be measured of a recording's sound in one pass: level, spectrum, width, dynamics.

Everything is differentiable, so that the same numbers that describe a recording can be followed by gradient.
"""

from __future__ import annotations

import functools
import itertools
import math

import torch
from torch import Tensor

from reprs.audio import loudness

BANDS, LOWEST_HZ, HIGHEST_HZ = 40, 30.0, 18_000.0
BAND_OCTAVES = 0.12  # standard deviation of a band; a little more than half of their distance
SIDE_BANDS = 8
# Edges in Hz of the regions whose movement is followed apart.
REGIONS_HZ = (0.0, 200.0, 2_500.0, 22_050.0)
SPECTRUM_S, FRAME_S = 0.093, 0.012
QUIETEST_DB = -60.0  # below the mean: what is fainter counts as this
SHARES = (0.1, 0.5, 0.95)
SILENT = 1e-10

NAMES: tuple[str, ...] = (
    "loudness",
    *(f"mid_{i}" for i in range(BANDS)),
    *(f"side_{i}" for i in range(SIDE_BANDS)),
    "balance",
    "correlation",
    "crest",
    *(
        f"{what}_{region}"
        for region in ("low", "middle", "high", "all")
        for what in ("p10", "p50", "p95", "rise", "fall")
    ),
)


def measure(x: Tensor, sample_rate: int) -> Tensor:
    """`(B, 1 or 2, T)` → `(B, len(NAMES))`, about one in size: decibels over 10, `correlation` as it is.

    Loudness is K-weighted and absolute; the spectrum is that of the mid signal, relative to its mean over
    bands, the side relative to the mid, balance left over right; crest is the peak over the RMS. Of the
    levels of 12 ms frames in three regions and in all: percentiles relative to the mean power, and the root
    mean square of their rises and falls (compression evens out the first, reverberation slows the last).
    """
    x = x.expand(-1, 2, -1) if x.shape[1] == 1 else x
    level = loudness.power(x, sample_rate)[:, None] / 10
    return torch.cat(
        [level, *_spectrum(x, sample_rate), _stereo(x), _crest(x), _dynamics(x, sample_rate)], dim=1
    )


def band_levels_db(x: Tensor, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Mean power of mid and of side in every band, in dB, `(B, BANDS)` each."""
    mid, side = (x[:, 0] + x[:, 1]) / 2, (x[:, 0] - x[:, 1]) / 2
    size = _power_of_two(SPECTRUM_S * sample_rate)
    power = [_power(v, size, size // 2).mean(-1) @ band_weights(size, sample_rate).to(v) for v in (mid, side)]
    return 10 * torch.log10(power[0] + SILENT), 10 * torch.log10(power[1] + SILENT)


@functools.lru_cache(maxsize=8)
def band_weights(size: int, sample_rate: int) -> Tensor:
    """Weights `(bins, BANDS)` that average the bins of a real FFT around every band's centre."""
    centres = torch.logspace(math.log10(LOWEST_HZ), math.log10(HIGHEST_HZ), BANDS, dtype=torch.float64)
    hz = torch.arange(size // 2 + 1, dtype=torch.float64) * (sample_rate / size)
    apart = torch.log2(hz.clamp(min=1e-3)[:, None] / centres)
    # At least as wide as a bin, where bins are coarse.
    width = torch.log2(1 + 0.6 * sample_rate / size / centres).clamp(min=BAND_OCTAVES)
    weights = torch.exp(-0.5 * (apart / width).square()) * (hz > 0)[:, None]
    return (weights / weights.sum(0).clamp(min=1e-12)).float()


def _spectrum(x: Tensor, sample_rate: int) -> list[Tensor]:
    mid, side = band_levels_db(x, sample_rate)
    mid = torch.maximum(mid, mid.amax(1, keepdim=True) + QUIETEST_DB)
    relative = mid - mid.mean(1, keepdim=True)
    ratio = (side - mid).clamp(-40, 20).unflatten(1, (SIDE_BANDS, -1)).mean(2)
    return [relative / 10, ratio / 10]


def _stereo(x: Tensor) -> Tensor:
    """Left over right in dB over 10, and their correlation."""
    power = x.square().mean(2) + SILENT
    balance = torch.log10(power[:, 0] / power[:, 1]).clamp(-3, 3)
    correlation = (x[:, 0] * x[:, 1]).mean(1) / (power[:, 0] * power[:, 1]).sqrt()
    return torch.stack([balance, correlation], dim=1)


def _crest(x: Tensor) -> Tensor:
    peak = x.abs().amax((1, 2)) + math.sqrt(SILENT)
    return (2 * torch.log10(peak / (x.square().mean((1, 2)) + SILENT).sqrt()))[:, None]


def _dynamics(x: Tensor, sample_rate: int) -> Tensor:
    """`(B, 4 · 5)`: how the levels of the three regions and of all move."""
    size = _power_of_two(2 * FRAME_S * sample_rate)
    power = torch.stack([_power(channel, size, size // 2) for channel in x.unbind(1)]).sum(0)
    hz = torch.arange(size // 2 + 1, device=x.device) * (sample_rate / size)
    within = [(hz >= low) & (hz < high) for low, high in itertools.pairwise(REGIONS_HZ)]
    regions = torch.stack([power[:, keep].sum(1) for keep in within] + [power.sum(1)], dim=1)
    relative = regions / (regions.mean(-1, keepdim=True) + SILENT)
    db = 10 * torch.log10(relative + 10 ** (QUIETEST_DB / 10))
    shares = torch.quantile(db, torch.tensor(SHARES, device=x.device, dtype=db.dtype), dim=-1).permute(
        1, 2, 0
    )
    step = db.diff(dim=-1)
    moves = [
        (part.square().mean(-1, keepdim=True) + 1e-4).sqrt()
        for part in (step.clamp(min=0), step.clamp(max=0))
    ]
    return torch.cat([shares / 10, *(m / 5 for m in moves)], dim=2).flatten(1)


def _power(x: Tensor, size: int, hop: int) -> Tensor:
    """Power spectrogram `(B, bins, frames)` of `(B, T)`, scaled so that a full sine is about 0 dB."""
    x = torch.nn.functional.pad(x, (0, max(0, size - x.shape[-1])))
    window = torch.hann_window(size, device=x.device, dtype=x.dtype)
    spectrum = torch.stft(x, size, hop, window=window, center=False, return_complex=True)
    return (spectrum.real.square() + spectrum.imag.square()) / window.sum().square() * 4


def _power_of_two(samples: float) -> int:
    return 2 ** round(math.log2(samples))
