"""Delay, chorus and phaser, sample by sample as their papers draw them."""

import math

import numpy as np


def cubic(line, position):
    """Catmull and Rom's spline through `line` at a fractional index, from its four Hermite basis polynomials.

    The line is silent outside.
    """
    i = math.floor(position)
    t = position - i
    before, here, after, later = (line[j] if 0 <= j < len(line) else 0.0 for j in range(i - 1, i + 3))
    start, end = (after - before) / 2, (later - here) / 2
    return (
        (2 * t**3 - 3 * t**2 + 1) * here
        + (t**3 - 2 * t**2 + t) * start
        + (-2 * t**3 + 3 * t**2) * after
        + (t**3 - t**2) * end
    )


def delay(x, sample_rate, delay_ms, feedback, ping_pong, damping_hz, mix):
    channels, length = x.shape
    lag = delay_ms / 1000 * sample_rate
    pole = math.exp(-2 * math.pi * damping_hz / sample_rate)
    p = ping_pong if channels == 2 else 0.0
    entering = np.array([[1 - p / 2, p / 2], [0, 1 - p]]) if channels == 2 else np.eye(channels)
    crossing = (1 - p) * np.eye(channels) + p * np.eye(channels)[::-1]
    line = np.zeros((channels, length))
    wet = np.zeros((channels, length))
    lowpassed = np.zeros(channels)
    for n in range(length):
        # The spline needs the line no later than sample n - lag + 2, which is already written.
        heard = np.array([cubic(line[c, :n], n - lag) for c in range(channels)])
        lowpassed = (1 - pole) * heard + pole * lowpassed
        wet[:, n] = lowpassed
        line[:, n] = entering @ x[:, n] + feedback * crossing @ lowpassed
    return (1 - mix) * x + mix * wet


def chorus(x, sample_rate, rate_hz, depth_ms, centre_delay_ms, spread_deg, mix):
    wet = np.zeros_like(x)
    for c in range(len(x)):
        for n in range(x.shape[1]):
            swing = math.sin(2 * math.pi * rate_hz * n / sample_rate + c * math.radians(spread_deg))
            lag = max(1.0, (centre_delay_ms + depth_ms * swing) / 1000 * sample_rate)
            wet[c, n] = cubic(x[c], n - lag)
    return (1 - mix) * x + mix * wet


def phaser(x, sample_rate, rate_hz, depth_octaves, centre_hz, feedback, spread_deg, mix, stages=4):
    """Transposed direct form: the state of an allpass outlives a change of its coefficient."""
    wet = np.zeros_like(x)
    for c in range(len(x)):
        state = np.zeros(stages)
        for n in range(x.shape[1]):
            swing = math.sin(2 * math.pi * rate_hz * n / sample_rate + c * math.radians(spread_deg))
            half = math.pi * centre_hz * 2 ** (depth_octaves * swing) / sample_rate
            a = (half - 1) / (half + 1)
            signal = x[c, n] + feedback * (wet[c, n - 1] if n else 0.0)
            for k in range(stages):
                entering = signal
                signal = a * entering + state[k]
                state[k] = entering - a * signal
            wet[c, n] = signal
    return (1 - mix) * x + mix * wet


ORACLES = {"delay": delay, "chorus": chorus, "phaser": phaser}
VARIANTS = {"phaser": [{"stages": 6}]}
NONLINEAR = {"chorus", "phaser"}
MAKES_STEREO = set(ORACLES)
UNITLESS = {"feedback", "mix", "ping_pong"}
