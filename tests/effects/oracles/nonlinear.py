"""Distortion by stuffing zeros and filtering in full, and a plain quantiser."""

import numpy as np
from scipy.signal import firwin

SHAPES = {
    "tanh": np.tanh,
    "hard": lambda v: np.minimum(np.maximum(v, -1), 1),
    "soft": lambda v: np.where(np.abs(v) < 1.5, v - 4 * v**3 / 27, np.sign(v)),
    "asymmetric": lambda v: np.where(v > 0, np.tanh(v), np.tanh(2 * v) / 2),
    "arctan": lambda v: np.angle(1 + 0.5j * np.pi * v) / (np.pi / 2),
    "rectify": lambda v: np.where(v > 0, v, -v),
}


def distortion(x, sample_rate, drive_db, output_db, mix, shape="tanh", oversample=2):
    drive = 10 ** (drive_db / 20)
    wet = np.stack([_one_channel(drive * c, SHAPES[shape], oversample) for c in x])
    return (1 - mix) * x + mix * 10 ** (output_db / 20) * wet


def _one_channel(v, shape, factor):
    if factor == 1:
        return shape(v)
    half = 16 * factor
    taps = firwin(2 * half + 1, 1 / factor, window=("kaiser", 8.0), scale=False)
    stuffed = np.zeros(len(v) * factor)
    stuffed[::factor] = v
    fine = shape(factor * np.convolve(stuffed, taps))
    start = 2 * half
    return np.convolve(fine, taps)[start : start + len(v) * factor : factor]


def bitcrush(x, sample_rate, bits, mix):
    step = 2.0 ** (1 - bits)
    return (1 - mix) * x + mix * step * np.round(x / step)


ORACLES = {"distortion": distortion, "bitcrush": bitcrush}
VARIANTS = {
    "distortion": [
        {"shape": "hard"},
        {"shape": "soft"},
        {"shape": "asymmetric", "oversample": 4},
        {"shape": "arctan"},
        {"shape": "rectify"},
    ]
}
NONLINEAR = set(ORACLES)

# The quantiser's true slope is zero almost everywhere: its declared gradient passes through the rounding.
STRAIGHT_THROUGH = {"bitcrush"}
UNITLESS = {"bits", "mix"}
