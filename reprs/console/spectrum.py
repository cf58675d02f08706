"""The long-term spectrum of a recording in third octaves."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

FRAME_S = 0.19
MOST_FRAMES = 1200
CENTRES_HZ = 1000 * 2 ** (np.arange(-17, 14) / 3)  # 20 Hz to 20 kHz


def third_octaves_db(x: Tensor, sample_rate: int) -> np.ndarray:
    """Mean power of `x` `(C, T)` in each third octave of `CENTRES_HZ`, summed over channels, in dB `(31,)`.

    0 dB is a full-scale square wave in one channel. Bands that reach beyond Nyquist hold what lies below
    it; bands that begin there, and silence, are at -200 dB. Long recordings are sampled in frames spread
    evenly.
    """
    size = min(2 ** round(np.log2(FRAME_S * sample_rate)), x.shape[1])
    count = min(x.shape[1] // size, MOST_FRAMES)
    starts = torch.linspace(0, x.shape[1] - size, count, dtype=torch.float64).long()
    window = torch.hann_window(size, periodic=True) if size > 8 else torch.ones(size)
    density = torch.zeros(size // 2 + 1, dtype=torch.float64)
    for some in starts.split(64):
        frames = torch.stack([x[:, s : s + size] for s in some.tolist()]).float()
        spectrum = torch.fft.rfft(frames * window)
        density += (spectrum.real.square() + spectrum.imag.square()).sum((0, 1)).double()
    density *= 2 / (count * size * float(window.square().sum()))
    return _in_bands(density.numpy(), sample_rate / size)


def _in_bands(density: np.ndarray, bin_hz: float) -> np.ndarray:
    """Power between the edges of each band; a bin counts by the part of it that lies inside."""
    upto = np.concatenate([[0.0], np.cumsum(density)])
    edge_hz = (np.arange(len(upto)) - 0.5) * bin_hz
    low, high = (np.interp(CENTRES_HZ * 2**side, edge_hz, upto) for side in (-1 / 6, 1 / 6))
    return 10 * np.log10(np.maximum(high - low, 0) + 1e-20)
