"""A drawn curve by scipy's splines, and a sample-and-hold."""

import numpy as np
from scipy.interpolate import CubicHermiteSpline, PchipInterpolator

from tests.effects.oracles.nonlinear import _one_channel

EDGES = np.array([-1, -0.5, -0.25, -0.1, 0, 0.1, 0.25, 0.5, 1])
NAMES = [f"below{i}_slope_db" for i in (4, 3, 2, 1)] + [f"above{i}_slope_db" for i in (1, 2, 3, 4)]


def waveshaper(x, sample_rate, drive_db, output_db, mix, oversample=2, **slopes_db):
    slopes = 10 ** (np.array([slopes_db[name] for name in NAMES]) / 20)
    heights = np.concatenate([[0], np.cumsum(slopes * np.diff(EDGES))])
    heights -= heights[4]
    # Inside, PCHIP's slopes are those of Fritsch and Butland; at the ends the line goes on straight.
    tangents = PchipInterpolator(EDGES, heights).derivative()(EDGES)
    tangents[0], tangents[-1] = slopes[0], slopes[-1]
    inside = CubicHermiteSpline(EDGES, heights, tangents)

    def curve(v):
        return inside(v.clip(-1, 1)) + slopes[0] * np.minimum(v + 1, 0) + slopes[-1] * np.maximum(v - 1, 0)

    wet = np.stack([_one_channel(10 ** (drive_db / 20) * row, curve, oversample) for row in x])
    return (1 - mix) * x + mix * 10 ** (output_db / 20) * wet


def rate_crush(x, sample_rate, rate_hz, mix):
    held, ticks = np.zeros_like(x), -1
    for n in range(x.shape[1]):
        if n * rate_hz / sample_rate >= ticks + 1:
            ticks = np.floor(n * rate_hz / sample_rate)
            now = x[:, n]
        held[:, n] = now
    return (1 - mix) * x + mix * held


ORACLES = {"waveshaper": waveshaper, "rate_crush": rate_crush}
VARIANTS = {"waveshaper": [{"oversample": 1}, {"oversample": 4}]}
NONLINEAR = set(ORACLES)
# The true slope in the rate is zero almost everywhere: the declared one is not.
STRAIGHT_THROUGH = {"rate_crush"}
