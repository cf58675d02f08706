"""The adjoint of `gain_ride.ride`: tiles of time in reverse, the smoother's recursion across clips."""

import numpy as np
from numba import njit

from reprs.effects.compiled.gain_ride import (
    FLOOR,
    LANES,
    LOG2_PER_DB,
    TILE,
    ZERO,
    _exponential,
    _lanes,
    _loudest,
    _over,
    _split,
    _whole,
)

NEPERS_PER_DB = np.float32(np.log(10) / 20)
DB_PER_NEPER = np.float32(20 / np.log(10))
HALF = np.float32(0.5)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _through_gain(g, x, gain, g_x, g_db):
    """Adjoint of `y = x · gain`: of `x`, and of the gain in dB."""
    for t in range(g.size):
        g_x[t] = g[t] * gain[t]
    for t in range(g.size):
        g_db[t] += g_x[t] * x[t] * NEPERS_PER_DB


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _bent(over_db, knee_db, share, bent_db):
    """How far into the knee, 0 to 1, which is the curve's slope at a ratio of infinity; and that curve."""
    half, rest = knee_db * HALF, np.float32(1) / knee_db
    for t in range(over_db.size):
        inside = min(max(over_db[t] + half, ZERO), knee_db)
        share[t] = inside * rest
        bent_db[t] = inside * inside * rest * HALF + max(over_db[t] - half, ZERO)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _through_smoother(step, g, more, fall, carry, up, down):
    """From the adjoint of the smoothed reduction to that of the wanted one, in `g` `(t, LANES)`."""
    for t in range(step.shape[0] - 1, -1, -1):
        for i in range(LANES):
            total = carry[i] + g[t, i]
            rising = max(step[t, i], 0.0)
            b = fall[i] + more[i] * (1.0 if step[t, i] > 0.0 else 0.0)
            up[i] += total * rising
            down[i] += total * (step[t, i] - rising)
            g[t, i] = b * total
            carry[i] = total - b * total


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _through_level(key, level, ties, g_over, g_key):
    """Adjoint of 20 log₁₀ of the loudest channel; channels that tie share it, the floor has none."""
    for t in range(key.size):
        loudest = abs(key[t]) == level[t]
        g_key[t] += g_over[t] * DB_PER_NEPER / (key[t] * ties[t]) if loudest else ZERO


@njit(cache=True, nogil=True)
def _count_ties(key, level, ties):
    for t in range(key.size):
        ties[t] += np.float32(1) if abs(key[t]) == level[t] else ZERO


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"}, error_model="numpy")
def _through_curve(g_wanted, bent_db, share, slope, g_over):
    """Adjoint of the level over the threshold, and those of threshold, slope and knee."""
    steep, knee, total = 0.0, 0.0, 0.0
    for t in range(g_wanted.size):
        steep += g_wanted[t] * bent_db[t]
        knee += g_wanted[t] * share[t] * (np.float32(1) - share[t])
        g_over[t] = g_wanted[t] * slope * share[t]
        total += g_over[t]
    return -total, steep, slope * knee * 0.5


@njit(cache=True, nogil=True)
def ride_backward(
    g, x, key, threshold_db, slope, knee_db, makeup_db, rise, fall, smoothed_db, g_x, g_key, g_knobs, first
):
    """Adjoint for up to `LANES` items from `first` on.

    `g`, `x`, `key`, `g_x`, `g_key` `(B, C, T)`, `smoothed_db` `(B, T)` as `ride` left it. `g_key` is added
    to, and may be `g_x`. `g_knobs` `(6, B)` float64 takes those of threshold, slope, knee, make-up, rise and
    fall.
    """
    batch, channels, samples = x.shape
    items = min(LANES, batch - first)
    down = _lanes(fall, first, items)
    more = _lanes(rise, first, items) - down
    carry, up, settle = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    step, g_smooth = np.zeros((TILE, LANES)), np.zeros((TILE, LANES))
    shares, bent_db, g_db = np.zeros((3, LANES, TILE), np.float32)
    rows, integers = np.zeros((5, TILE), np.float32), np.zeros((2, TILE), np.int32)
    for start in range((samples - 1) // TILE * TILE, -1, -TILE):
        count = min(TILE, samples - start)
        end = start + count
        level, whole, gain = rows[0, :count], rows[1, :count], rows[2, :count]
        ties, g_over = rows[3, :count], rows[4, :count]
        exponent, bits = integers[0, :count], integers[1, :count]
        for i in range(items):
            b, g_gain = first + i, g_db[i, :count]
            level[:] = FLOOR
            for channel in range(key.shape[1]):
                _loudest(key[b, channel, start:end], level)
            _split(level.view(np.int32), exponent, bits)
            _over(bits.view(np.float32), exponent, threshold_db[b], g_over)
            _bent(g_over, knee_db[b], shares[i, :count], bent_db[i, :count])
            for t in range(count):
                g_over[t] = (makeup_db[b] - smoothed_db[b, start + t]) * LOG2_PER_DB
            _whole(g_over, whole, bits)
            _exponential(g_over, whole, bits.view(np.float32), gain)
            g_gain[:] = ZERO
            for channel in range(channels):
                cut = (b, channel, slice(start, end))
                _through_gain(g[cut], x[cut], gain, g_x[cut], g_gain)
            total = 0.0
            for t in range(count):
                before = smoothed_db[b, start + t - 1] if start + t > 0 else ZERO
                step[t, i] = slope[b] * bent_db[i, t] - before
                g_smooth[t, i] = -g_gain[t]
                total += g_gain[t]
            g_knobs[3, b] += total
        _through_smoother(step[:count], g_smooth[:count], more, down, carry, up, settle)
        for i in range(items):
            b, g_wanted = first + i, g_db[i, :count]
            for t in range(count):
                g_wanted[t] = g_smooth[t, i]
            sums = _through_curve(g_wanted, bent_db[i, :count], shares[i, :count], slope[b], g_over)
            for knob in range(3):
                g_knobs[knob, b] += sums[knob]
            level[:] = FLOOR
            ties[:] = ZERO
            for channel in range(key.shape[1]):
                _loudest(key[b, channel, start:end], level)
            for channel in range(key.shape[1]):
                _count_ties(key[b, channel, start:end], level, ties)
            for channel in range(key.shape[1]):
                cut = (b, channel, slice(start, end))
                _through_level(key[cut], level, ties, g_over, g_key[cut])
    for i in range(items):
        g_knobs[4, first + i], g_knobs[5, first + i] = up[i], settle[i]
