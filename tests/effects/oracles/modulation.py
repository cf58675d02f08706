"""Swept delays and gains, one sample after the other."""

import math

import numpy as np

from tests.effects.oracles.time import cubic


def _swing(rate_hz, n, sample_rate, spread_deg=0.0, channel=0):
    return math.sin(2 * math.pi * rate_hz * n / sample_rate + math.radians(channel * spread_deg))


def flanger(x, sample_rate, rate_hz, delay_ms, depth_ms, feedback, spread_deg, mix):
    wet = np.zeros_like(x)
    for c in range(len(x)):
        line = np.zeros(x.shape[1])
        for n in range(x.shape[1]):
            up = (1 + _swing(rate_hz, n, sample_rate, spread_deg, c)) / 2
            lag = max((delay_ms + depth_ms * up) / 1000 * sample_rate, 2)
            wet[c, n] = cubic(line[:n], n - lag)
            line[n] = x[c, n] + feedback * wet[c, n]
    return (1 - mix) * x + mix * wet


def vibrato(x, sample_rate, rate_hz, depth_ms):
    y = np.zeros_like(x)
    for n in range(x.shape[1]):
        late_ms = 1 + depth_ms * (1 + _swing(rate_hz, n, sample_rate))
        y[:, n] = [cubic(row, n - late_ms / 1000 * sample_rate) for row in x]
    return y


def tremolo(x, sample_rate, rate_hz, depth, spread_deg):
    y = np.zeros_like(x)
    for c, n in np.ndindex(x.shape):
        down = (1 - _swing(rate_hz, n, sample_rate, spread_deg, c)) / 2
        y[c, n] = x[c, n] * (1 - depth * down)
    return y


def auto_pan(x, sample_rate, rate_hz, depth):
    y = x.copy()
    if len(x) == 2:
        for n in range(x.shape[1]):
            angle = math.pi / 4 * (1 + depth * _swing(rate_hz, n, sample_rate))
            y[:, n] *= math.sqrt(2) * np.array([math.cos(angle), math.sin(angle)])
    return y


ORACLES = {"flanger": flanger, "vibrato": vibrato, "tremolo": tremolo, "auto_pan": auto_pan}
NONLINEAR = set(ORACLES)
MAKES_STEREO = {"flanger", "tremolo", "auto_pan"}
UNITLESS = {"depth", "feedback", "mix"}
