"""Sums of exponentially decaying bands of noise, compiled."""

import numpy as np
from numba import njit

BLOCK = 512
# A band this far down (-200 dB of its own start) adds nothing even in float64 sums of audio.
SILENCE = 1e-10


@njit(cache=True, nogil=True)
def _block_envelopes(rate):
    items, bands = rate.shape
    envelopes = np.empty((items, bands, BLOCK), dtype=np.float32)
    for b in range(items):
        for k in range(bands):
            for j in range(BLOCK):
                envelopes[b, k, j] = np.exp(-rate[b, k] * j)
    return envelopes


@njit(cache=True, nogil=True, fastmath={"contract"})
def decay(noise, gain, rate, y):
    """y[b, m, n] = Σ_k gain[b, k] exp(-rate[b, k] n) noise[k, m, n], float32, a block of time after another.

    Time is the outer loop so that a block of noise is fetched once for all items.
    """
    bands, sides, _ = noise.shape
    length = y.shape[2]
    envelopes = _block_envelopes(rate)
    y[:] = 0.0
    for start in range(0, length, BLOCK):
        size = min(BLOCK, length - start)
        for b in range(len(gain)):
            for k in range(bands):
                fall = np.exp(-rate[b, k] * start)
                if fall < SILENCE:
                    continue
                level = np.float32(gain[b, k] * fall)
                for m in range(sides):
                    for j in range(size):
                        y[b, m, start + j] += level * envelopes[b, k, j] * noise[k, m, start + j]


@njit(cache=True, nogil=True)
def decay_backward(g, noise, gain, rate, ggain, grate):
    """Gradients of `decay` in its two knobs, float64."""
    bands, sides, _ = noise.shape
    length = g.shape[2]
    ggain[:] = 0.0
    grate[:] = 0.0
    envelopes = _block_envelopes(rate)
    for start in range(0, length, BLOCK):
        size = min(BLOCK, length - start)
        for b in range(len(gain)):
            for k in range(bands):
                fall = np.exp(-rate[b, k] * start)
                if fall < SILENCE:
                    continue
                total, moment = 0.0, 0.0
                for m in range(sides):
                    for j in range(size):
                        term = envelopes[b, k, j] * g[b, m, start + j] * noise[k, m, start + j]
                        total += term
                        moment += term * j
                ggain[b, k] += fall * total
                grate[b, k] -= gain[b, k] * fall * (moment + start * total)
