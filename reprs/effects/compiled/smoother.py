"""The branching smoother and its adjoint, a row in every SIMD lane."""

import numpy as np
from numba import njit

from reprs.audio.lanes import LANES, TILE, load, store


@njit(cache=True, nogil=True)
def smooth(r, rise, fall, y, row):
    """y[t] = y[t-1] + b (r[t] - y[t-1]), b = rise where r[t] > y[t-1], else fall; a group of rows from
    `row` on.

    `r`, `y` (R, T); `rise`, `fall` (R,) float64. The state is float64: a slow release moves by less than
    float32 can add.
    """
    total, samples = r.shape
    rows = min(LANES, total - row)
    state, more, down = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    for i in range(rows):
        more[i], down[i] = rise[row + i] - fall[row + i], fall[row + i]
    tile = np.zeros((TILE, LANES))
    for start in range(0, samples, TILE):
        count = min(TILE, samples - start)
        load(r, tile, row, start, rows, count)
        _smooth_tile(tile, count, more, down, state)
        store(tile, y, row, start, rows, count)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _smooth_tile(tile, count, more, down, state):
    for t in range(count):
        for i in range(LANES):
            step = tile[t, i] - state[i]
            # The branch as a maximum: a comparison would not vectorise as well.
            state[i] += down[i] * step + more[i] * max(step, 0.0)
            tile[t, i] = state[i]


@njit(cache=True, nogil=True)
def smooth_backward(g, r, y, rise, fall, g_r, g_rise, g_fall, row):
    """Adjoint of `smooth`: a linear recursion backwards in time, on the branches the forward pass took."""
    for i in range(row, min(row + LANES, r.shape[0])):
        carry, up, down = 0.0, 0.0, 0.0
        for t in range(r.shape[1] - 1, -1, -1):
            step = r[i, t] - (y[i, t - 1] if t > 0 else 0.0)
            carry += g[i, t]
            up += carry * max(step, 0.0)
            down += carry * min(step, 0.0)
            b = rise[i] if step > 0 else fall[i]
            g_r[i, t] = b * carry
            carry *= 1.0 - b
        g_rise[i], g_fall[i] = up, down
