"""The branching smoother, one row in each SIMD lane: sequential in time, vectorised over rows."""

import numpy as np
from numba import njit

LANES = 16
TILE = 256


@njit(cache=True, nogil=True)
def smooth(r, rise, fall, y):
    """y[t] = y[t-1] + b (r[t] - y[t-1]) from rest, b = rise where r[t] > y[t-1], else fall.

    `r`, `y` (R, T); `rise`, `fall` (R,) float64. The state is float64: a slow release moves by less than
    float32 can add.
    """
    rows, length = r.shape
    tile = np.zeros((TILE, LANES))
    for first in range(0, rows, LANES):
        used = min(LANES, rows - first)
        state, up, down = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        up[:used], down[:used] = rise[first : first + used], fall[first : first + used]
        for start in range(0, length, TILE):
            count = min(TILE, length - start)
            for i in range(used):
                for t in range(count):
                    tile[t, i] = r[first + i, start + t]
            for t in range(count):
                for i in range(LANES):
                    step = tile[t, i] - state[i]
                    state[i] += (up[i] if step > 0 else down[i]) * step
                    tile[t, i] = state[i]
            for i in range(used):
                for t in range(count):
                    y[first + i, start + t] = tile[t, i]


@njit(cache=True, nogil=True)
def smooth_backward(g, r, y, rise, fall, g_r, g_rise, g_fall):
    """Adjoint of `smooth`: a linear recursion backwards in time, with the branch that the forward pass
    took."""
    rows, length = r.shape
    for i in range(rows):
        carry = 0.0
        for t in range(length - 1, -1, -1):
            step = r[i, t] - (y[i, t - 1] if t > 0 else 0.0)
            carry += g[i, t]
            if step > 0:
                b = rise[i]
                g_rise[i] += carry * step
            else:
                b = fall[i]
                g_fall[i] += carry * step
            g_r[i, t] = b * carry
            carry *= 1.0 - b
