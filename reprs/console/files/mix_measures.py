"""What a report shows of a recording: loudness over time, spectrogram, level, crest and width."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reprs.audio import loudness

SHORT_TERM_S, EVERY_S = 3.0, 1.0
FRAMES, FRAME = 500, 4096
LOWEST_HZ, HIGHEST_HZ, POINTS = 30.0, 20_000.0, 200
QUIETEST_DB = -100.0


@dataclass(frozen=True)
class Figures:
    """Integrated loudness, peak, crest (peak over RMS) and width (side over mid, in dB) of a recording."""

    loudness_lufs: float
    peak_db: float
    crest_db: float
    width_db: float


def figures(x: Tensor, sample_rate: int) -> Figures:
    """The figures of `x` `(2, T)`; silence is at -100 dB."""
    peak, rms = float(x.abs().max()), float(x.double().square().mean().sqrt())
    mid, side = ((x[0] + sign * x[1]).double().square().mean().sqrt() for sign in (1, -1))
    return Figures(
        round(float(loudness.integrated(x[None].float(), sample_rate)), 2),
        round(_db(peak), 2),
        round(_db(peak) - _db(rms), 2),
        round(max(QUIETEST_DB, _db(float(side)) - _db(float(mid))), 2),
    )


def short_term_lufs(x: Tensor, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Times in s and K-weighted levels of the 3 s before each, one a second, of `x` `(C, T)`."""
    window, hop = round(SHORT_TERM_S * sample_rate), round(EVERY_S * sample_rate)
    window = min(window, x.shape[1])
    parts = x.unfold(-1, window, hop).transpose(0, 1)
    level = torch.cat([loudness.power(part.contiguous(), sample_rate) for part in parts.split(16)])
    times = (np.arange(len(level)) * hop + window) / sample_rate
    return times, level.numpy()


def spectrogram_db(x: Tensor, sample_rate: int) -> np.ndarray:
    """Levels in dB `(POINTS, frames)` of the mean of both channels, from `LOWEST_HZ` to `HIGHEST_HZ` on a
    logarithmic axis, frames spread evenly."""
    mid = x.float().mean(0)
    mid = torch.nn.functional.pad(mid, (0, max(0, FRAME - len(mid))))
    count = min(FRAMES, max(1, (len(mid) - FRAME) // (FRAME // 4) + 1))
    starts = torch.linspace(0, len(mid) - FRAME, count, dtype=torch.float64).long().tolist()
    frames = torch.stack([mid[s : s + FRAME] for s in starts]) * torch.hann_window(FRAME)
    level = 20 * torch.log10(torch.fft.rfft(frames).abs() / (FRAME / 4) + 1e-6)
    # The loudest bin between two points, or the nearest; beyond Nyquist there is nothing.
    bins = np.geomspace(LOWEST_HZ, HIGHEST_HZ, POINTS) * (FRAME / sample_rate)
    first = np.minimum(np.round(bins).astype(int), FRAME // 2)
    found = np.maximum.reduceat(level.T.numpy(), first)
    found[bins > FRAME / 2] = -120.0
    return found


def _db(amplitude: float) -> float:
    return max(QUIETEST_DB, 20 * math.log10(amplitude)) if amplitude > 0 else QUIETEST_DB
