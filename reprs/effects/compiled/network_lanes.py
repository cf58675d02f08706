"""The reverb of a feedback delay network, a clip in every SIMD lane, compiled.

The whole effect of stereo or mono clips in one pass: pre-delay, eight lines, width and mix. Time goes in
steps shorter than any delay. The past of every line and clip lies in a ring of its own, in order of time;
blocks of it are transposed into lanes, each clip from where its own delay says, and back.
"""

from typing import Any

import numpy as np
from numba import njit

from reprs.audio import simd

LANES = 16
# Longer steps touch fewer pages of memory at a time; these still leave a step of all lines in the cache.
STEP = 96
WIDTH = simd.WIDTH
LINES = 8
get: Any = simd.load
put: Any = simd.store
# Added and taken away again it makes zero of what would end in denormal numbers.
SILENCE = np.float32(1e-20)


@njit(cache=True, nogil=True)
def reverb(x, whole, filters, pre_delay, pre_taps, feed, tap, levels, y, first):
    """Up to 16 clips of `x` `(B, C, T)` float32 with C 1 or 2, from `first` on, into `y`.

    `whole` `(B, 8)` delays of at least STEP samples; `filters` `(B, 8, 4)` a, b, c, k of the lines: an
    allpass (a + 1/z) / (1 + a/z), then f = b u + c r with r ← r + k (u - r); `pre_delay` `(B,)` and
    `pre_taps` `(B, 4)` as in `delay_line.shift`; `feed`, `tap` `(8,)`; `levels` `(B, 3)` of the dry signal,
    of each channel's own echo and of their mean.
    """
    _, channels, samples = x.shape
    clips = min(LANES, len(x) - first)
    base, length, at, past = _rings(whole, pre_delay, first, clips)
    rings = np.zeros(base[-1, -1] + length[-1, -1] + STEP, np.float32)
    coefficients, signs, taps, shares = _by_lane(filters, feed, tap, pre_taps, levels, channels, first, clips)
    states, tile = np.zeros(2 * LINES * LANES, np.float32), np.zeros(LINES * STEP * LANES, np.float32)
    dry, late = np.zeros(2 * STEP * LANES, np.float32), np.zeros(2 * (STEP + 3) * LANES, np.float32)
    block, places = np.zeros(LANES * STEP, np.float32), np.zeros(LANES, np.int64)
    audio, heard = x.reshape(-1), y.reshape(-1)
    for start in range(0, samples, STEP):
        count = min(STEP, samples - start)
        for channel in range(channels):
            row, here = LINES + channel, (first * channels + channel) * samples + start
            _copy_in(audio, here, channels * samples, clips, count, block)
            for t in range(0, STEP, WIDTH):
                _read_block(block, t, dry, (channel * STEP + t) * LANES, places)
            _keep(block, rings, base[row], at[row], length[row])
            _read(rings, base[row], past[row], length[row], places, late, (channel * (STEP + 3) + 3) * LANES)
        for line in range(LINES):
            here = line * STEP * LANES
            _read(rings, base[line], past[line], length[line], places, tile, here)
            _filter(tile, here, coefficients, 4 * line * LANES, states, 2 * line * LANES)
        _mix(tile, dry, late, taps, signs, shares, channels)
        for line in range(LINES):
            _write(tile, line * STEP * LANES, rings, base[line], at[line], length[line], places)
        for channel in range(channels):
            here = (first * channels + channel) * samples + start
            _copy_out(
                dry, channel * STEP * LANES, block, places, heard, here, channels * samples, clips, count
            )


@njit(cache=True, nogil=True)
def _rings(whole, pre_delay, first, clips):
    """Of the ring of every line (or channel) and lane: its start, its length, where it is written and read.

    A ring is as short as its own delay allows: together they should fit the second-level cache. Its first
    step is there twice, at its end too, so that no read has to wrap.
    """
    base, length = np.zeros((LINES + 2, LANES), np.int64), np.full((LINES + 2, LANES), STEP)
    past, start = np.zeros((LINES + 2, LANES), np.int64), 0
    for row in range(LINES + 2):
        for i in range(LANES):
            if i < clips:
                # What enters the pre-delay is written before it is read, what enters a line after that.
                delay = whole[first + i, row] if row < LINES else pre_delay[first + i] - 1
                length[row, i] = (delay + STEP - 1) // STEP * STEP + (STEP if row >= LINES else 0)
                past[row, i] = (length[row, i] - delay) % length[row, i]
            base[row, i] = start
            start += length[row, i] + STEP
    return base, length, np.zeros((LINES + 2, LANES), np.int64), past


@njit(cache=True, nogil=True)
def _by_lane(filters, feed, tap, pre_taps, levels, channels, first, clips):
    """Everything by lane, flat: line after line a, b, c, k; signs of what enters and of what leaves; …"""
    coefficients, signs = np.zeros((LINES, 4, LANES), np.float32), np.zeros((2, LINES, LANES), np.float32)
    taps, shares = np.zeros((4, LANES), np.float32), np.zeros((3, LANES), np.float32)
    for i in range(clips):
        taps[:, i], shares[:, i] = pre_taps[first + i], levels[first + i]
        shares[2, i] /= channels
        for line in range(LINES):
            coefficients[line, :, i] = filters[first + i, line].astype(np.float32)
    for line in range(LINES):
        # The transform below is √8 times the orthonormal one; `filters` has taken that off before it.
        signs[0, line], signs[1, line] = feed[line], tap[line] * np.sqrt(np.float32(LINES))
    return coefficients.reshape(-1), signs.reshape(-1), taps.reshape(-1), shares.reshape(-1)


@njit(cache=True, nogil=True)
def _copy_in(x, here, stride, clips, count, block):
    for i in range(clips):
        source, target = here + i * stride, i * STEP
        if count == STEP:
            for t in range(0, STEP, WIDTH):
                put(block, target + t, get(x, source + t))
        else:
            block[target : target + count] = x[source : source + count]


@njit(cache=True, nogil=True)
def _copy_out(lanes, front, block, places, y, here, stride, clips, count):
    for t in range(0, STEP, WIDTH):
        for i in range(LANES):
            places[i] = i * STEP + t
        simd.lanes_to_rows(lanes, front + t * LANES, LANES, block, places)
    for i in range(clips):
        source, target = i * STEP, here + i * stride
        if count == STEP:
            for t in range(0, STEP, WIDTH):
                put(y, target + t, get(block, source + t))
        else:
            y[target : target + count] = block[source : source + count]


@njit(cache=True, nogil=True)
def _read_block(block, t, lanes, front, places):
    for i in range(LANES):
        places[i] = i * STEP + t
    simd.rows_to_lanes(block, places, lanes, front, LANES)


@njit(cache=True, nogil=True)
def _keep(block, rings, base, at, length):
    for i in range(LANES):
        target = base[i] + at[i]
        for t in range(0, STEP, WIDTH):
            part = get(block, i * STEP + t)
            put(rings, target + t, part)
            if at[i] == 0:
                put(rings, target + length[i] + t, part)
        at[i] = at[i] + STEP if at[i] + STEP < length[i] else 0


@njit(cache=True, nogil=True)
def _read(rings, base, past, length, places, lanes, front):
    """A step of every lane from its own `past` on, which moves on."""
    for t in range(0, STEP, WIDTH):
        for i in range(LANES):
            places[i] = base[i] + past[i] + t
        simd.rows_to_lanes(rings, places, lanes, front + t * LANES, LANES)
    for i in range(LANES):
        past[i] = past[i] + STEP - (length[i] if past[i] + STEP >= length[i] else 0)


@njit(cache=True, nogil=True)
def _write(lanes, front, rings, base, at, length, places):
    for t in range(0, STEP, WIDTH):
        for i in range(LANES):
            places[i] = base[i] + at[i] + t
        simd.lanes_to_rows(lanes, front + t * LANES, LANES, rings, places)
    for i in range(LANES):
        if at[i] == 0:
            for t in range(0, STEP, WIDTH):
                put(rings, base[i] + length[i] + t, get(rings, base[i] + t))
        at[i] = at[i] + STEP if at[i] + STEP < length[i] else 0


@njit(cache=True, nogil=True)
def _filter(tile, here, c, at, states, state):
    """Allpass and shelf of one line, in place."""
    a, b, low, k = get(c, at), get(c, at + 16), get(c, at + 32), get(c, at + 48)
    s, r = get(states, state), get(states, state + LANES)
    for at in range(here, here + STEP * LANES, LANES):
        w = get(tile, at)
        u = a * w + s
        s = w - a * u
        f = b * u + low * r
        r = r + k * (u - r)
        put(tile, at, f)
    silence = simd.fill(states, SILENCE)
    put(states, state, s + silence - silence)
    put(states, state + LANES, r + silence - silence)


@njit(cache=True, nogil=True)
def _mix(tile, dry, late, taps, signs, shares, channels):
    """What leaves the lines to `dry`, what enters them to `tile`; the last of `late` to its front."""
    line, silence = STEP * LANES, simd.fill(tile, SILENCE)
    through, own, mean = get(shares, 0), get(shares, 16), get(shares, 32)
    t0, t1, t2, t3 = get(taps, 0), get(taps, 16), get(taps, 32), get(taps, 48)
    for at in range(0, STEP * LANES, LANES):
        old = at + 3 * LANES
        left = t0 * get(late, old) + t1 * get(late, old - 16) + t2 * get(late, old - 32) + t3 * get(late, at)
        right = left
        if channels == 2:
            new = old + (STEP + 3) * LANES
            right = t0 * get(late, new) + t1 * get(late, new - 16) + t2 * get(late, new - 32)
            right = right + t3 * get(late, new - 48)
        f0, f1, f2, f3 = (
            get(tile, at),
            get(tile, at + line),
            get(tile, at + 2 * line),
            get(tile, at + 3 * line),
        )
        f4, f5 = get(tile, at + 4 * line), get(tile, at + 5 * line)
        f6, f7 = get(tile, at + 6 * line), get(tile, at + 7 * line)
        even = get(signs, 128) * f0 + get(signs, 160) * f2 + get(signs, 192) * f4 + get(signs, 224) * f6
        odd = get(signs, 144) * f1 + get(signs, 176) * f3 + get(signs, 208) * f5 + get(signs, 240) * f7
        if channels == 2:
            put(dry, at, through * get(dry, at) + own * even + mean * (even + odd))
            put(dry, at + line, through * get(dry, at + line) + own * odd + mean * (even + odd))
        else:
            put(dry, at, through * get(dry, at) + (own + mean) * (even + odd))
        f0, f1, f2, f3, f4, f5, f6, f7 = (
            f0 + f1,
            f0 - f1,
            f2 + f3,
            f2 - f3,
            f4 + f5,
            f4 - f5,
            f6 + f7,
            f6 - f7,
        )
        f0, f1, f2, f3, f4, f5, f6, f7 = (
            f0 + f2,
            f1 + f3,
            f0 - f2,
            f1 - f3,
            f4 + f6,
            f5 + f7,
            f4 - f6,
            f5 - f7,
        )
        f0, f1, f2, f3, f4, f5, f6, f7 = (
            f0 + f4,
            f1 + f5,
            f2 + f6,
            f3 + f7,
            f0 - f4,
            f1 - f5,
            f2 - f6,
            f3 - f7,
        )
        put(tile, at, get(signs, 0) * left + f0 + silence - silence)
        put(tile, at + line, get(signs, 16) * right + f1 + silence - silence)
        put(tile, at + 2 * line, get(signs, 32) * left + f2 + silence - silence)
        put(tile, at + 3 * line, get(signs, 48) * right + f3 + silence - silence)
        put(tile, at + 4 * line, get(signs, 64) * left + f4 + silence - silence)
        put(tile, at + 5 * line, get(signs, 80) * right + f5 + silence - silence)
        put(tile, at + 6 * line, get(signs, 96) * left + f6 + silence - silence)
        put(tile, at + 7 * line, get(signs, 112) * right + f7 + silence - silence)
    for channel in range(channels):
        front = channel * (STEP + 3) * LANES
        for at in range(front, front + 3 * LANES, LANES):
            put(late, at, get(late, at + STEP * LANES))
