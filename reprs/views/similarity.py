"""What every band and frame of a degraded clip has kept of its original: the heart of ViSQOL, made fast.

The aligned case of ViSQOL v3 in audio mode (Chinen et al. 2020): 32 gammatone bands in frames of 80 ms, the
neurogram similarity NSIM (Hines and Harte 2012) over patches of 0.6 s, and the mean of every band through the
authors' support vector regression, whose numbers are read out of the package visqol-python. Its filters are
played in the frequency domain, and its search for where a patch went is left out: the clips are aligned.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

RATE_HZ, BANDS = 48_000, 32
SIZE, HOP, POINTS, PATCH = 3_840, 960, 5_120, 30
FLOOR_DB, RANGE_DB = -45.0, 45.0
LUMINANCE, STRUCTURE = 1e-4, 4.5e-4
# Less alike than this has the lowest score, whatever the regression says.
LEAST_ALIKE = 0.15


def similarity(reference: np.ndarray, degraded: np.ndarray) -> np.ndarray:
    """Of the gammatone levels of two aligned clips `(BANDS, frames)`, equally loud: NSIM of every patch, band
    and frame, `(patches, BANDS, PATCH)`; raises ValueError under a second.
    """
    pair = [10 * np.log10(np.maximum(levels, 1e-16)) for levels in (reference, degraded)]
    floor_db = np.maximum(np.maximum(*(x.max(axis=0) for x in pair)) - RANGE_DB, FLOOR_DB)
    pair = [np.maximum(x, floor_db) for x in pair]
    starts = range(PATCH // 2 - 1, pair[0].shape[1] - PATCH - 1, PATCH)
    if not starts:
        raise ValueError("too short for ViSQOL: it needs more than a second")
    lowest_db = min(float(x.min()) for x in pair)
    return nsim(*(np.stack([x[:, s : s + PATCH] for s in starts]) - lowest_db for x in pair))


def score(bands: np.ndarray) -> float:
    """MOS-LQO of the mean similarity of every band `(BANDS,)`; raises ValueError without visqol-python."""
    weights, vectors, offset, gamma = _regression()
    if bands.mean() < LEAST_ALIKE:
        return 1.0
    near = np.exp(-gamma * np.square(vectors - bands).sum(axis=1))
    return float(np.clip(weights @ near - offset, 1, 5))


def gammatone(x: np.ndarray) -> np.ndarray:
    """Rms of every band in frames of 80 ms, `(T,)` at 48 kHz → `(BANDS, frames)`, lowest band first."""
    from scipy.fft import rfft

    frames = np.lib.stride_tricks.sliding_window_view(x.astype(np.float32), SIZE)[::HOP]
    spectrum = rfft(frames * np.hanning(SIZE).astype(np.float32), POINTS, axis=1)
    return np.sqrt((spectrum.real**2 + spectrum.imag**2) @ _responses()).T.astype(np.float64)


def nsim(reference: np.ndarray, degraded: np.ndarray) -> np.ndarray:
    """Luminance times structure of patches in dB above the lowest, all `(…, bands, frames)`."""
    r, d = _smooth(reference), _smooth(degraded)
    rr, dd = (_smooth(x * x) - m * m for x, m in ((reference, r), (degraded, d)))
    rd = _smooth(reference * degraded) - r * d
    spread = np.sqrt(np.maximum(rr * dd, 0))
    return (2 * r * d + LUMINANCE) / (r * r + d * d + LUMINANCE) * (rd + STRUCTURE) / (spread + STRUCTURE)


def _smooth(x: np.ndarray) -> np.ndarray:
    """A Gaussian of 3 x 3 cells, edges repeated."""
    side, middle = 0.1064615, 0.787077
    x = np.concatenate([x[..., :1, :], x, x[..., -1:, :]], axis=-2)
    x = middle * x[..., 1:-1, :] + side * (x[..., :-2, :] + x[..., 2:, :])
    x = np.concatenate([x[..., :1], x, x[..., -1:]], axis=-1)
    return middle * x[..., 1:-1] + side * (x[..., :-2] + x[..., 2:])


@cache
def _responses() -> np.ndarray:
    """Power response of the gammatone filters (Slaney 1993) on the bins, `(POINTS / 2 + 1, BANDS)`."""
    wide = 9.26449 * 24.7
    top_hz = RATE_HZ / 2 + wide
    centre_hz = top_hz * np.exp(np.arange(BANDS, 0, -1) / BANDS * np.log((50 + wide) / top_hz)) - wide
    turn = 2 * np.pi * centre_hz / RATE_HZ
    decay = np.exp(-2 * np.pi * 1.019 * (centre_hz / 9.26449 + 24.7) / RATE_HZ)
    z = np.exp(-2j * np.pi * np.arange(POINTS // 2 + 1) / POINTS)[:, None]
    at = np.exp(-1j * turn)

    def response(z: np.ndarray) -> np.ndarray:
        poles = 1 - 2 * decay * np.cos(turn) * z + decay**2 * z * z
        shifts = [s * np.sqrt(3 + t * 2**1.5) for s in (1, -1) for t in (1, -1)]
        zeros = [1 - decay * (np.cos(turn) + shift * np.sin(turn)) * z for shift in shifts]
        return np.prod(zeros, axis=0) / poles**4

    power = np.square(np.abs(response(z) / response(at)))
    sides = np.where(np.arange(POINTS // 2 + 1) % (POINTS // 2), 2.0, 1.0)[:, None]
    return (power * sides / POINTS / SIZE).astype(np.float32)


@cache
def _regression() -> tuple[np.ndarray, np.ndarray, float, float]:
    """Weights, support vectors, offset and gamma of the authors' model, out of libsvm's text format."""
    from importlib.util import find_spec

    found = find_spec("visqol")
    if found is None or not found.origin:
        raise ValueError("ViSQOL is not installed: pip install 'reprs[quality]'")
    text = (Path(found.origin).parent / "model" / "libsvm_nu_svr_model.txt").read_text()
    head, _, body = text.partition("\nSV\n")
    numbers = dict(line.split(" ", 1) for line in head.splitlines())
    rows = [line.split() for line in body.splitlines() if line.strip()]
    vectors = np.zeros((len(rows), BANDS))
    for row, (_, *cells) in zip(vectors, rows, strict=True):
        for cell in cells:
            place, _, value = cell.partition(":")
            row[int(place) - 1] = float(value)
    weights = np.array([float(first) for first, *_ in rows])
    return weights, vectors, float(numbers["rho"]), float(numbers["gamma"])
