"""Rows of audio in SIMD lanes: recursions sequential in time, vectorised over 32 rows (numba).

A tile holds `TILE` samples of `LANES` rows, transposed, in the first-level cache. The lane count is a
constant and every operand a separate row: with fewer lanes, or with one indexed array of operands, the
compiler does not vectorise the loops. Importing this module imports numba; callers do it inside their
functions.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit

LANES = 32
TILE = 128


@njit(cache=True, nogil=True)
def load(x, tile, row, start, rows, count):
    """Transpose `rows` × `count` samples of `x` `(R, T)` from `(row, start)` into `tile`."""
    if rows == LANES:
        for t in range(count):
            for i in range(LANES):
                tile[t, i] = x[row + i, start + t]
    else:
        for t in range(count):
            for i in range(rows):
                tile[t, i] = x[row + i, start + t]


@njit(cache=True, nogil=True)
def store(tile, y, row, start, rows, count):
    """Transpose `tile` back into `y`."""
    if rows == LANES:
        for t in range(count):
            for i in range(LANES):
                y[row + i, start + t] = tile[t, i]
    else:
        for t in range(count):
            for i in range(rows):
                y[row + i, start + t] = tile[t, i]


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _section(tile, count, b0, b1, b2, a1, a2, s1, s2):
    """One biquad over a tile, in place: the transposed direct form, which float64 is precise enough for."""
    for t in range(count):
        for i in range(LANES):
            u = tile[t, i]
            v = b0[i] * u + s1[i]
            s1[i] = b1[i] * u - a1[i] * v + s2[i]
            s2[i] = b2[i] * u - a2[i] * v
            tile[t, i] = v


@njit(cache=True, nogil=True)
def filter_sections(x, coefficients, states, y, samples, row):
    """Filter `samples` of up to `LANES` rows of `x` `(R, T)`, from `row` on, by a cascade of biquads.

    `coefficients` `(K, 5, R)` float64: b0, b1, b2, a1, a2 of every section and row. `states` `(K, 2, R)`
    float64 holds where the sections start, and then where they end. A `y` without
    rows is not written.
    """
    rows = min(LANES, len(x) - row)
    sections = coefficients.shape[0]
    c, s = np.zeros((sections, 5, LANES)), np.zeros((sections, 2, LANES))
    c[:, :, :rows] = coefficients[:, :, row : row + rows]
    s[:, :, :rows] = states[:, :, row : row + rows]
    tile = np.zeros((TILE, LANES))
    for start in range(0, samples, TILE):
        count = min(TILE, samples - start)
        load(x, tile, row, start, rows, count)
        for k in range(sections):
            m = c[k]
            _section(tile, count, m[0], m[1], m[2], m[3], m[4], s[k, 0], s[k, 1])
        if len(y):
            store(tile, y, row, start, rows, count)
        _forget_what_is_inaudible(s)
    states[:, :, row : row + rows] = s[:, :, :rows]


@njit(cache=True, nogil=True)
def _forget_what_is_inaudible(states):
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
