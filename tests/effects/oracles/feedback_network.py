"""A feedback delay network, one sample after the other, with scipy's matrix and filters."""

import math

import numpy as np
from scipy.linalg import hadamard

from tests.effects.oracles.time import cubic

SIXTEEN_MS = "27.83 29.47 31.69 33.73 36.19 38.39 41.03 43.79 46.61 49.87 53.09 56.81 60.47 64.33 68.71 73.27"
DELAYS_MS = {
    4: [31.71, 39.73, 51.97, 67.39],
    8: [29.63, 34.13, 38.57, 43.49, 49.81, 55.37, 62.83, 70.61],
    16: [float(ms) for ms in SIXTEEN_MS.split()],
}
FEED = np.array([1, 1, -1, 1, 1, -1, -1, -1, 1, -1, 1, 1, -1, 1, -1, -1])
TAP = np.array([1, -1, 1, 1, -1, -1, 1, -1, -1, 1, 1, -1, 1, 1, -1, 1])


def fdn(x, sample_rate, size, decay_s, high_decay, crossover_hz, pre_delay_ms, width, mix, lines=8):
    channels, length = x.shape
    delays = size * np.array(DELAYS_MS[lines]) / 1000 * sample_rate
    low_db = -60 * delays / (decay_s * sample_rate)
    depth_db = np.maximum(low_db / high_decay - low_db, -40)
    root = 10 ** (depth_db / 40)
    s = 1 / math.tan(math.pi * min(crossover_hz, sample_rate / 4) / sample_rate)
    # (1 + root s) / (1 + s / root) with s → s (1 - 1/z) / (1 + 1/z)
    top = np.array([1 + root * s, 1 - root * s]) * 10 ** (low_db / 20)
    bottom = np.array([1 + s / root, 1 - s / root])
    whole = np.floor(delays - 0.5).astype(int)
    allpass = (1 - (delays - whole)) / (1 + delays - whole)
    late = np.zeros_like(x)
    for c in range(channels):
        late[c] = [cubic(x[c], n - pre_delay_ms / 1000 * sample_rate) for n in range(length)]
    channel = np.arange(lines) % channels
    matrix = hadamard(lines) / math.sqrt(lines)
    start = whole.max()
    w = np.zeros((lines, start + length))
    heard = np.zeros((lines, length))
    before, fraction, shelf = np.zeros(lines), np.zeros(lines), np.zeros(lines)
    for n in range(length):
        now = w[np.arange(lines), start + n - whole]
        moved = allpass * now + before - allpass * fraction
        shelf = (top[0] * moved + top[1] * fraction - bottom[1] * shelf) / bottom[0]
        before, fraction = now, moved
        heard[:, n] = shelf
        w[:, start + n] = FEED[:lines] * late[channel, n] + matrix @ shelf
    wet = np.stack([(TAP[:lines, None] * heard)[channel == c].sum(0) for c in range(channels)])
    kept = np.mean(10 ** (low_db / 10))
    wet *= math.sqrt((1 - kept) / kept * channels / lines)
    mean = wet.mean(axis=0)
    return (1 - mix) * x + mix * (mean + width * (wet - mean))


ORACLES = {"fdn": fdn}
VARIANTS = {"fdn": [{"lines": 4}, {"lines": 16}]}
MAKES_STEREO = {"fdn"}
UNITLESS = {"high_decay"}
