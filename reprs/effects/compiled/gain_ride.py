"""A soft-knee compressor's gain in one pass over the audio, a tile of time after another, compiled.

What is pointwise runs along the time of one clip; only the smoother, which is sequential in time, runs across
clips, one in every SIMD lane. Logarithm and exponential are polynomials on the mantissa, good to float32's
last digits. Each loop is a function of its own over arrays it can tell apart, or it would not vectorise.
"""

from typing import Any

import numpy as np
from numba import njit

from reprs.audio import simd

get: Any = simd.load
put: Any = simd.store
BLOCK = simd.WIDTH
LANES = 16
# So few items are smoothed one after another, which saves the transposes.
ALONE = 3
TILE = 512
FLOOR = np.float32(1e-6)  # level.FLOOR_DB
DB_PER_OCTAVE = np.float32(20 * np.log10(2))
LOG2_PER_DB = np.float32(1 / (20 * np.log10(2)))
MANTISSA, ONE_BITS = np.int32(0x007FFFFF), np.int32(0x3F800000)
BIAS, SHIFT = np.int32(127), np.int32(23)
# Added and taken away again it rounds a small float to a whole number.
ROUND = np.float32(1.5 * 2**23)
ZERO = np.float32(0)
# Least-squares polynomials at Chebyshev nodes: log2(1 + m) / m for m in [0, 1), and 2^f for f in [-1/2, 1/2].
_M, _F = ((np.cos(np.pi * (np.arange(200) + 0.5) / 200) + 1) / 2 + shift for shift in (0.0, -0.5))
_LOG = np.polynomial.polynomial.polyfit(_M, np.log2(1 + _M) / _M, 8)
_EXP = np.polynomial.polynomial.polyfit(_F, np.exp2(_F), 6)
L0, L1, L2, L3, L4, L5, L6, L7, L8 = (np.float32(c) for c in _LOG)
E0, E1, E2, E3, E4, E5, E6 = (np.float32(c) for c in _EXP)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _loudest(a, level):
    for t in range(a.size):
        level[t] = max(abs(a[t]), level[t])


@njit(cache=True, nogil=True)
def _split(bits, exponent, mantissa):
    """Of positive floats: the exponent, and the mantissa as a float's bits in [1, 2)."""
    for t in range(bits.size):
        exponent[t] = (bits[t] >> SHIFT) - BIAS
    for t in range(bits.size):
        mantissa[t] = (bits[t] & MANTISSA) | ONE_BITS


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _over(mantissa, exponent, threshold_db, over_db):
    """dB above the threshold."""
    for t in range(over_db.size):
        m = mantissa[t] - np.float32(1)
        high = ((L8 * m + L7) * m + L6) * m + L5
        log2 = (((((high * m + L4) * m + L3) * m + L2) * m + L1) * m + L0) * m
        over_db[t] = (np.float32(exponent[t]) + log2) * DB_PER_OCTAVE - threshold_db


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _curve(over_db, knee_db, slope):
    half, bend = knee_db * np.float32(0.5), np.float32(0.5) / knee_db
    for t in range(over_db.size):
        inside = min(max(over_db[t] + half, ZERO), knee_db)
        over_db[t] = slope * (inside * inside * bend + max(over_db[t] - half, ZERO))


@njit(cache=True, nogil=True)
def _smooth(wanted, count, more, fall, state, tile, places):
    """The smoother of 16 items in `wanted` (16 · TILE,), in place, by way of lanes of float64."""
    for t in range(0, count, BLOCK):
        for i in range(LANES):
            places[i] = i * TILE + t
        simd.rows_to_lanes(wanted, places, tile, t * LANES, LANES)
    m0, m1, f0, f1 = get(more, 0), get(more, 8), get(fall, 0), get(fall, 8)
    s0, s1 = get(state, 0), get(state, 8)
    nothing = simd.fill(tile, 0.0)
    for at in range(0, count * LANES, LANES):
        d0, d1 = get(tile, at) - s0, get(tile, at + 8) - s1
        # The branch as a maximum: no comparison, no selection.
        s0 = s0 + (f0 * d0 + m0 * simd.maximum(d0, nothing))
        s1 = s1 + (f1 * d1 + m1 * simd.maximum(d1, nothing))
        put(tile, at, s0)
        put(tile, at + 8, s1)
    put(state, 0, s0)
    put(state, 8, s1)
    for t in range(0, count, BLOCK):
        for i in range(LANES):
            places[i] = i * TILE + t
        simd.lanes_to_rows(tile, t * LANES, LANES, wanted, places)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _smooth_alone(wanted, rise, fall, start):
    """The smoother of one item, in place: from `start` on, to where it ends."""
    state, slow_up, slow_down = start, 1.0 - rise, 1.0 - fall
    for t in range(wanted.size):
        # Both branches at once: only the choice waits for the state.
        up, down = slow_up * state + rise * wanted[t], slow_down * state + fall * wanted[t]
        state = up if wanted[t] > state else down
        wanted[t] = state
    return state


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _whole(octaves, whole, scale):
    for t in range(octaves.size):
        whole[t] = (octaves[t] + ROUND) - ROUND
    for t in range(octaves.size):
        scale[t] = (np.int32(whole[t]) + BIAS) << SHIFT


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _exponential(octaves, whole, scale, gain):
    for t in range(octaves.size):
        f = octaves[t] - whole[t]
        gain[t] = ((((((E6 * f + E5) * f + E4) * f + E3) * f + E2) * f + E1) * f + E0) * scale[t]


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _multiply(x, gain, y):
    for t in range(x.size):
        y[t] = x[t] * gain[t]


@njit(cache=True, nogil=True)
def _lanes(values, first, items):
    lanes = np.zeros(LANES)
    lanes[:items] = values[first : first + items]
    return lanes


@njit(cache=True, nogil=True)
def ride(x, key, threshold_db, slope, knee_db, makeup_db, rise, fall, smoothed_db, y, first):
    """`y = x · gain(key)` for up to `LANES` items of `x`, `key`, `y` `(B, C, T)` float32, from `first` on.

    `threshold_db`, `slope`, `knee_db`, `makeup_db` `(B,)` float32, `rise` and `fall` `(B,)` float64. The
    smoothed reduction goes to `smoothed_db` `(B, T)`, unless that has no samples.
    """
    batch, channels, samples = x.shape
    items = min(LANES, batch - first)
    down = _lanes(fall, first, items)
    more = _lanes(rise, first, items) - down
    state, tile, places = np.zeros(LANES), np.zeros(TILE * LANES), np.zeros(LANES, np.int64)
    wanted = np.zeros((LANES, TILE), np.float32)
    rows, integers = np.zeros((3, TILE), np.float32), np.zeros((2, TILE), np.int32)
    for start in range(0, samples, TILE):
        count = min(TILE, samples - start)
        end = start + count
        level, whole, gain = rows[0, :count], rows[1, :count], rows[2, :count]
        exponent, bits = integers[0, :count], integers[1, :count]
        for i in range(items):
            b, over = first + i, wanted[i, :count]
            level[:] = FLOOR
            for channel in range(key.shape[1]):
                _loudest(key[b, channel, start:end], level)
            _split(level.view(np.int32), exponent, bits)
            _over(bits.view(np.float32), exponent, threshold_db[b], over)
            _curve(over, knee_db[b], slope[b])
        if items <= ALONE:
            for i in range(items):
                state[i] = _smooth_alone(wanted[i, :count], more[i] + down[i], down[i], state[i])
        else:
            _smooth(wanted.reshape(-1), count, more, down, state, tile, places)
        for i in range(items):
            b, octaves = first + i, wanted[i, :count]
            if smoothed_db.shape[1]:
                smoothed_db[b, start:end] = octaves
            for t in range(count):
                octaves[t] = (makeup_db[b] - octaves[t]) * LOG2_PER_DB
            _whole(octaves, whole, bits)
            _exponential(octaves, whole, bits.view(np.float32), gain)
            for channel in range(channels):
                _multiply(x[b, channel, start:end], gain, y[b, channel, start:end])
