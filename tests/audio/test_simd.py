"""Vectors in compiled loops against NumPy."""

import numpy as np
import pytest
from numba import njit

from reprs.audio import lanes, simd


@njit
def _sums(a, b, out):
    for i in range(0, len(a), 8):
        u, v = simd.load(a, i), simd.load(b, i)
        w = simd.maximum(u, v) * u + simd.fill(a, a[0]) - simd.minimum(u, v)
        simd.store(out, i, w)


def test_arithmetic_is_that_of_numpy():
    a, b = np.random.default_rng(0).standard_normal((2, 64))
    out = np.zeros(64)
    _sums(a, b, out)
    np.testing.assert_allclose(out, np.maximum(a, b) * a + a[0] - np.minimum(a, b), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "rows, start, count", [(32, 0, 128), (32, 5, 100), (17, 3, 15), (3, 0, 33), (16, 2, 16)]
)
def test_a_tile_is_the_transpose_and_back(rows, start, count, dtype):
    x = np.random.default_rng(1).standard_normal((40, 140)).astype(dtype)
    tile, y = np.full((lanes.TILE, lanes.LANES), 7.0), np.zeros_like(x)
    lanes.load(x, tile, 4, start, rows, count)
    part = slice(4, 4 + rows), slice(start, start + count)
    assert (tile[:count, :rows] == x[part].T).all()
    assert (tile[count:] == 7).all() and (tile[:, rows:] == 7).all()
    lanes.store(tile, y, 4, start, rows, count)
    assert (y[part] == x[part]).all() and np.count_nonzero(y) == rows * count
