"""The adjoint of `lanes.filter_sections`: tiles of time in reverse, rows in SIMD lanes (numba).

Of every section λ[t] = above[t] - a1 λ[t+1] - a2 λ[t+2] is what its output's gradient means for B(z) u, its
input through the numerator: the input's gradient is b0 λ[t] + b1 λ[t+1] + b2 λ[t+2], that of b_j the sum of
λ[t+j] u[t], that of a_j less the sum of λ[t+j] v[t], v the output. The signals between the sections are
computed again, tile by tile, from the states that the forward pass kept.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from reprs.audio.lanes import LANES, TILE, forget_what_is_inaudible, get, load, put, section, store

HALF = LANES // 2


@njit(cache=True, nogil=True)
def filter_sections_backward(g, x, coefficients, history, g_x, g_coefficients, row):
    """Gradients in `x` `(R, T)` and in `coefficients` `(K, 5, R)` of up to `LANES` rows, from `row` on."""
    rows, samples = min(LANES, len(x) - row), x.shape[1]
    sections = coefficients.shape[0]
    c, s = np.zeros((sections, 5, LANES)), np.zeros((sections, 2, LANES))
    later, sums = np.zeros((sections, 2, LANES)), np.zeros((sections, 5, LANES))
    c[:, :, :rows] = coefficients[:, :, row : row + rows]
    signals, above = np.zeros((sections + 1, TILE, LANES)), np.zeros((TILE, LANES))
    for tile in range((samples - 1) // TILE, -1, -1):
        start = tile * TILE
        count = min(TILE, samples - start)
        load(x, signals[0], row, start, rows, count)
        s[:, :, :rows] = history[tile, :, :, row : row + rows]
        for k in range(sections):
            here, after = signals[k].reshape(-1), signals[k + 1].reshape(-1)
            section(here, after, count, c[k].reshape(-1), s[k].reshape(-1))
        load(g, above, row, start, rows, count)
        for k in range(sections - 1, -1, -1):
            u, v = signals[k].reshape(-1), signals[k + 1].reshape(-1)
            for lane in range(0, LANES, HALF):
                of_k = c[k].reshape(-1), later[k].reshape(-1), sums[k].reshape(-1)
                _section_backward(above.reshape(-1), u, v, count, lane, *of_k)
        store(above, g_x, row, start, rows, count)
        forget_what_is_inaudible(later)
    g_coefficients[:, :, row : row + rows] = sums[:, :, :rows]


@njit(cache=True, nogil=True)
def _section_backward(above, u, v, count, lane, c, later, sums):
    """Half the lanes of one section over a tile, `above` in place from the gradient of `v` to that of `u`."""
    b00, b01, b10, b11 = get(c, lane), get(c, lane + 8), get(c, lane + 32), get(c, lane + 40)
    b20, b21, a10, a11 = get(c, lane + 64), get(c, lane + 72), get(c, lane + 96), get(c, lane + 104)
    a20, a21 = get(c, lane + 128), get(c, lane + 136)
    n0, n1, m0, m1 = get(later, lane), get(later, lane + 8), get(later, lane + 32), get(later, lane + 40)
    d00, d01, d10, d11 = get(sums, lane), get(sums, lane + 8), get(sums, lane + 32), get(sums, lane + 40)
    d20, d21, e10, e11 = (
        get(sums, lane + 64),
        get(sums, lane + 72),
        get(sums, lane + 96),
        get(sums, lane + 104),
    )
    e20, e21 = get(sums, lane + 128), get(sums, lane + 136)
    for at in range((count - 1) * LANES + lane, -1, -LANES):
        l0, l1 = get(above, at) - a20 * m0 - a10 * n0, get(above, at + 8) - a21 * m1 - a11 * n1
        u0, u1, v0, v1 = get(u, at), get(u, at + 8), get(v, at), get(v, at + 8)
        d00, d10, d20, e10, e20 = d00 + l0 * u0, d10 + n0 * u0, d20 + m0 * u0, e10 - n0 * v0, e20 - m0 * v0
        d01, d11, d21, e11, e21 = d01 + l1 * u1, d11 + n1 * u1, d21 + m1 * u1, e11 - n1 * v1, e21 - m1 * v1
        put(above, at, b00 * l0 + b10 * n0 + b20 * m0)
        put(above, at + 8, b01 * l1 + b11 * n1 + b21 * m1)
        m0, m1, n0, n1 = n0, n1, l0, l1
    put(later, lane, n0)
    put(later, lane + 8, n1)
    put(later, lane + 32, m0)
    put(later, lane + 40, m1)
    put(sums, lane, d00)
    put(sums, lane + 8, d01)
    put(sums, lane + 32, d10)
    put(sums, lane + 40, d11)
    put(sums, lane + 64, d20)
    put(sums, lane + 72, d21)
    put(sums, lane + 96, e10)
    put(sums, lane + 104, e11)
    put(sums, lane + 128, e20)
    put(sums, lane + 136, e21)
