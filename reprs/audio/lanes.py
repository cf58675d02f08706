"""Rows of audio in SIMD lanes: recursions sequential in time, vectorised over 32 rows (numba).

A tile holds `TILE` samples of `LANES` rows, transposed, in the first-level cache. A section keeps its
coefficients and states of all lanes in registers over the whole tile. Importing this module imports numba;
callers do it inside their functions.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit

from reprs.audio import simd

LANES = 32
TILE = 128
BLOCK = simd.WIDTH
get: Any = simd.load
put: Any = simd.store


@njit(cache=True, nogil=True)
def load(x, tile, row, start, rows, count):
    """Transpose `rows` × `count` samples of `x` `(R, T)` from `(row, start)` into `tile`."""
    flat, lanes, places = x.reshape(-1), tile.reshape(-1), np.empty(BLOCK, np.int64)
    width, length = tile.shape[1], x.shape[1]
    whole_rows, whole = rows - rows % BLOCK, count - count % BLOCK
    for first in range(0, whole_rows, BLOCK):
        for t in range(0, whole, BLOCK):
            for i in range(BLOCK):
                places[i] = (row + first + i) * length + start + t
            simd.rows_to_lanes(flat, places, lanes, t * width + first, width)
    for t in range(count):
        for i in range(0 if t >= whole else whole_rows, rows):
            tile[t, i] = x[row + i, start + t]


@njit(cache=True, nogil=True)
def store(tile, y, row, start, rows, count):
    """Transpose `tile` back into `y`."""
    flat, lanes, places = y.reshape(-1), tile.reshape(-1), np.empty(BLOCK, np.int64)
    width, length = tile.shape[1], y.shape[1]
    whole_rows, whole = rows - rows % BLOCK, count - count % BLOCK
    for first in range(0, whole_rows, BLOCK):
        for t in range(0, whole, BLOCK):
            for i in range(BLOCK):
                places[i] = (row + first + i) * length + start + t
            simd.lanes_to_rows(lanes, t * width + first, width, flat, places)
    for t in range(count):
        for i in range(0 if t >= whole else whole_rows, rows):
            y[row + i, start + t] = tile[t, i]


@njit(cache=True, nogil=True)
def section(source, target, count, c, s):
    """One biquad over a tile: the transposed direct form, which float64 is precise enough for.

    `source`, `target` (T · 32,), maybe the same; `c` (5 · 32,) b0, b1, b2, a1, a2, `s` (2 · 32,): flat, for
    vectors of eight.
    """
    e0, e1, e2, e3 = get(c, 0), get(c, 8), get(c, 16), get(c, 24)
    f0, f1, f2, f3 = get(c, 32), get(c, 40), get(c, 48), get(c, 56)
    g0, g1, g2, g3 = get(c, 64), get(c, 72), get(c, 80), get(c, 88)
    p0, p1, p2, p3 = get(c, 96), get(c, 104), get(c, 112), get(c, 120)
    q0, q1, q2, q3 = get(c, 128), get(c, 136), get(c, 144), get(c, 152)
    s0, s1, s2, s3 = get(s, 0), get(s, 8), get(s, 16), get(s, 24)
    r0, r1, r2, r3 = get(s, 32), get(s, 40), get(s, 48), get(s, 56)
    for at in range(0, count * LANES, LANES):
        u0, u1, u2, u3 = get(source, at), get(source, at + 8), get(source, at + 16), get(source, at + 24)
        v0, v1, v2, v3 = e0 * u0 + s0, e1 * u1 + s1, e2 * u2 + s2, e3 * u3 + s3
        s0, r0 = f0 * u0 + r0 - p0 * v0, g0 * u0 - q0 * v0
        s1, r1 = f1 * u1 + r1 - p1 * v1, g1 * u1 - q1 * v1
        s2, r2 = f2 * u2 + r2 - p2 * v2, g2 * u2 - q2 * v2
        s3, r3 = f3 * u3 + r3 - p3 * v3, g3 * u3 - q3 * v3
        put(target, at, v0)
        put(target, at + 8, v1)
        put(target, at + 16, v2)
        put(target, at + 24, v3)
    put(s, 0, s0)
    put(s, 8, s1)
    put(s, 16, s2)
    put(s, 24, s3)
    put(s, 32, r0)
    put(s, 40, r1)
    put(s, 48, r2)
    put(s, 56, r3)


@njit(cache=True, nogil=True)
def filter_sections(x, coefficients, states, history, y, samples, row):
    """Filter `samples` of up to `LANES` rows of `x` `(R, T)`, from `row` on, by a cascade of biquads.

    `coefficients` `(K, 5, R)` float64: b0, b1, b2, a1, a2 of every section and row. `states` `(K, 2, R)`
    float64 holds where the sections start, and then where they end; `history` `(tiles, K, 2, R)` where they
    are when a tile starts. A `y` or a `history` without anything in it is not written.
    """
    rows = min(LANES, len(x) - row)
    sections = coefficients.shape[0]
    c, s = np.zeros((sections, 5, LANES)), np.zeros((sections, 2, LANES))
    c[:, :, :rows] = coefficients[:, :, row : row + rows]
    s[:, :, :rows] = states[:, :, row : row + rows]
    tile = np.zeros((TILE, LANES))
    flat = tile.reshape(-1)
    for start in range(0, samples, TILE):
        count = min(TILE, samples - start)
        if len(history):
            history[start // TILE, :, :, row : row + rows] = s[:, :, :rows]
        load(x, tile, row, start, rows, count)
        for k in range(sections):
            section(flat, flat, count, c[k].reshape(-1), s[k].reshape(-1))
        if len(y):
            store(tile, y, row, start, rows, count)
        forget_what_is_inaudible(s)
    states[:, :, row : row + rows] = s[:, :, :rows]


@njit(cache=True, nogil=True)
def forget_what_is_inaudible(states):
    """Zero states on their way to denormal numbers, which many processors handle a hundred times slower."""
    flat = states.ravel()
    for i in range(flat.size):
        if abs(flat[i]) < 1e-200:
            flat[i] = 0


def over_groups(kernel: Callable[[int], Any], rows: int, threads: int, lanes: int = LANES) -> None:
    """Call `kernel(row)` for every group of `lanes` rows, in up to `threads` threads."""
    groups = range(0, rows, lanes)
    if threads == 1 or len(groups) == 1:
        for row in groups:
            kernel(row)
        return
    with ThreadPoolExecutor(min(threads, len(groups))) as pool:
        list(pool.map(kernel, groups))
