"""Drive, hyperbolic tangent and mix in one pass over the audio, and its adjoint, compiled.

tanh v = m / (m + 2) with m = e^{2 |v|} - 1, and m out of a polynomial for 2^f - 1 that keeps its relative
precision at 0: quiet audio is as exact as loud. Each loop is a function of its own over arrays it can tell
apart, or it would not vectorise.
"""

import numpy as np
from numba import njit

BLOCK = 512
ROWS = 4
OCTAVES = np.float32(2 / np.log(2))  # of e^{2 v}, for each unit of v
# tanh is 1 in float32 from 9.1 on.
MOST = np.float32(30)
BIAS, SHIFT = np.int32(127), np.int32(23)
# Added and taken away again it rounds a small float to a whole number.
ROUND = np.float32(1.5 * 2**23)
ONE, TWO = np.float32(1), np.float32(2)
# Least squares at Chebyshev nodes: (2^f - 1) / f for f in [-1/2, 1/2].
_F = np.cos(np.pi * (np.arange(200) + 0.5) / 200) / 2
_FIT = np.polynomial.polynomial.polyfit(_F, np.expm1(_F * np.log(2)) / _F, 6)
P0, P1, P2, P3, P4, P5, P6 = (np.float32(c) for c in _FIT)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _octaves(x, scale, octaves, whole, bits):
    for t in range(x.size):
        octaves[t] = min(abs(x[t] * scale), MOST)
    for t in range(x.size):
        whole[t] = (octaves[t] + ROUND) - ROUND
    for t in range(x.size):
        bits[t] = (np.int32(whole[t]) + BIAS) << SHIFT


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _tangent(x, octaves, whole, power, out):
    """Where |x| is already in `octaves`; the sign is that of `x`, whose drive is positive."""
    for t in range(x.size):
        f = octaves[t] - whole[t]
        p = ((((((P6 * f + P5) * f + P4) * f + P3) * f + P2) * f + P1) * f + P0) * f
        m = power[t] * p + (power[t] - ONE)
        ratio = m / (m + TWO)
        out[t] = ratio if x[t] >= 0 else -ratio


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _mixed(x, tangent, dry, wet, y):
    for t in range(x.size):
        y[t] = dry * x[t] + wet * tangent[t]


@njit(cache=True, nogil=True)
def saturate(x, drive, dry, wet, y, first):
    """`y = dry x + wet tanh(drive x)` of `ROWS` rows from `first` on; `x`, `y` `(R, T)`, the rest `(R,)`,
    all float32."""
    floats, bits = np.empty((3, BLOCK), np.float32), np.empty(BLOCK, np.int32)
    for row in range(first, min(first + ROWS, len(x))):
        for start in range(0, x.shape[1], BLOCK):
            audio = x[row, start : start + BLOCK]
            count = audio.size
            octaves, whole, tangent = floats[0, :count], floats[1, :count], floats[2, :count]
            _octaves(audio, drive[row] * OCTAVES, octaves, whole, bits[:count])
            _tangent(audio, octaves, whole, bits[:count].view(np.float32), tangent)
            _mixed(audio, tangent, dry[row], wet[row], y[row, start : start + count])


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _slope(g, tangent, drive, dry, wet, g_x):
    for t in range(g.size):
        g_x[t] = g[t] * (dry + wet * drive * (ONE - tangent[t] * tangent[t]))


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"}, error_model="numpy")
def _knobs(g, x, tangent, sums):
    driven, straight, shaped = 0.0, 0.0, 0.0
    for t in range(g.size):
        along = np.float64(g[t] * x[t])
        straight += along
        driven += along * (1.0 - np.float64(tangent[t]) * np.float64(tangent[t]))
        shaped += np.float64(g[t] * tangent[t])
    sums[0] += driven
    sums[1] += straight
    sums[2] += shaped


@njit(cache=True, nogil=True)
def saturate_backward(g, x, drive, dry, wet, g_x, g_knobs, first):
    """Gradients of `saturate` in `x`, and in drive, dry and wet: `g_knobs` `(R, 3)` float64."""
    floats, bits = np.empty((3, BLOCK), np.float32), np.empty(BLOCK, np.int32)
    for row in range(first, min(first + ROWS, len(x))):
        sums = np.zeros(3)
        for start in range(0, x.shape[1], BLOCK):
            audio, back = x[row, start : start + BLOCK], g[row, start : start + BLOCK]
            count = audio.size
            octaves, whole, tangent = floats[0, :count], floats[1, :count], floats[2, :count]
            _octaves(audio, drive[row] * OCTAVES, octaves, whole, bits[:count])
            _tangent(audio, octaves, whole, bits[:count].view(np.float32), tangent)
            _slope(back, tangent, drive[row], dry[row], wet[row], g_x[row, start : start + count])
            _knobs(back, audio, tangent, sums)
        g_knobs[row, 0] = wet[row] * sums[0]
        g_knobs[row, 1], g_knobs[row, 2] = sums[1], sums[2]
