"""Panning, mid and side, imaging, and loudness by pyloudnorm's gates behind scipy's filters."""

import math

import numpy as np
import pyloudnorm
from scipy.signal import lfilter, sosfilt

from tests.effects.oracles.eq import _digital, _warped


def pan(x, sample_rate, position):
    angle = math.pi / 4 * (1 + position)
    if len(x) == 1:
        return x.copy()
    return x * math.sqrt(2) * np.array([[math.cos(angle)], [math.sin(angle)]])


def mid_side(x, sample_rate, mid_gain_db, side_gain_db):
    mid = x.mean(axis=0, keepdims=True)
    return 10 ** (mid_gain_db / 20) * mid + 10 ** (side_gain_db / 20) * (x - mid)


def imager(x, sample_rate, low_width, mid_width, high_width, low_hz, high_hz):
    if len(x) == 1:
        return x.copy()
    mid, side = (x[0] + x[1]) / 2, (x[0] - x[1]) / 2
    low = sosfilt([_digital([1], [1, 1], _warped(sample_rate, low_hz))], side)
    high = sosfilt([_digital([1, 0], [1, 1], _warped(sample_rate, high_hz))], side)
    wide = low_width * low + mid_width * (side - low - high) + high_width * high
    return np.stack([mid + wide, mid - wide])


def loudness(x, sample_rate, target_lufs):
    meter = pyloudnorm.Meter(sample_rate, filter_class="DeMan")
    if x.shape[1] >= 0.4 * sample_rate:
        measured = meter.integrated_loudness(x.T)
    else:
        weighted = x
        for stage in meter._filters.values():
            weighted = stage.passband_gain * lfilter(stage.b, stage.a, weighted)
        measured = -0.691 + 10 * math.log10(np.mean(weighted**2, axis=1).sum())
    measured = max(measured, -70.0)
    return x * 10 ** ((target_lufs - measured) / 20)


ORACLES = {"pan": pan, "mid_side": mid_side, "imager": imager, "loudness": loudness}
NONLINEAR = {"loudness"}
MAKES_STEREO = {"pan", "loudness"}
UNITLESS = {"position", "low_width", "mid_width", "high_width"}
