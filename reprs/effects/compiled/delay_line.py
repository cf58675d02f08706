"""Reading a delay line at fractional positions, compiled."""

import numpy as np
from numba import njit

LANES = 4
BLOCK = 1024


@njit(cache=True, nogil=True, inline="always")
def _taps(t):
    return (
        t * (-0.5 + t * (1.0 - 0.5 * t)),
        1.0 + t * t * (-2.5 + 1.5 * t),
        t * (0.5 + t * (2.0 - 1.5 * t)),
        t * t * (-0.5 + 0.5 * t),
    )


@njit(cache=True, nogil=True, inline="always")
def _slopes(t):
    return (
        -0.5 + t * (2.0 - 1.5 * t),
        t * (-5.0 + 4.5 * t),
        0.5 + t * (4.0 - 4.5 * t),
        t * (-1.0 + 1.5 * t),
    )


@njit(cache=True, nogil=True, fastmath={"contract"})
def read(x, delay, y):
    """y[r, n] = x[r, n - delay[r, n]]; `delay` (R, T), at least 1 sample; x is silent before its start."""
    rows, length = x.shape
    for r in range(rows):
        for n in range(length):
            whole = int(delay[r, n])
            a, b, c, d = _taps(delay[r, n] - whole)
            i = n - whole
            if i >= 2:
                y[r, n] = a * x[r, i + 1] + b * x[r, i] + c * x[r, i - 1] + d * x[r, i - 2]
            elif i == 1:
                y[r, n] = a * x[r, 2] + b * x[r, 1] + c * x[r, 0]
            elif i == 0:
                y[r, n] = a * x[r, 1] + b * x[r, 0]
            elif i == -1:
                y[r, n] = a * x[r, 0]
            else:
                y[r, n] = 0.0


@njit(cache=True, nogil=True)
def read_backward(g, x, delay, gx, gdelay):
    """Adjoint of `read`: adds into `gx` (R, T) and writes `gdelay` (R, T)."""
    rows, length = x.shape
    for r in range(rows):
        for n in range(length):
            whole = int(delay[r, n])
            t = delay[r, n] - whole
            taps, slopes = _taps(t), _slopes(t)
            slope = 0.0
            for k in range(4):
                i = n - whole + 1 - k
                if i >= 0:
                    gx[r, i] += taps[k] * g[r, n]
                    slope += slopes[k] * x[r, i]
            gdelay[r, n] = slope * g[r, n]


@njit(cache=True, nogil=True, fastmath={"contract"})
def echoes(v, delay, taps, feedback, pole, q):
    """q = G(v + feedback·q), G = a delay line read at `delay` with four taps, then a one-pole low-pass.

    `v`, `q` (R, T); `delay` (R,) whole samples >= 2; `taps` (R, 4) for delays delay-1 … delay+2; `feedback`,
    `pole` (R,). Runs in blocks shorter than the delay, in which nothing is fed back, so that reads vectorise.
    Four rows go together, which hides the latency of the low-pass.
    """
    rows, length = v.shape
    block = np.zeros((LANES, BLOCK))
    for first in range(0, rows, LANES):
        count = min(LANES, rows - first)
        last = first + count
        pad = delay[first:last].max() + 2
        step = min(delay[first:last].min() - 1, BLOCK)
        span = max(8 * BLOCK, pad)
        lines = np.zeros((count, pad + span))
        a, state = np.zeros(LANES), np.zeros(LANES)
        a[:count] = pole[first:last]
        for base in range(0, length, span):
            if base > 0:
                _shift(lines, span, pad)
            end = min(base + span, length)
            for start in range(base, end, step):
                size = min(step, end - start)
                here = start - base + pad
                for lane in range(count):
                    row = first + lane
                    earliest = here - delay[row] - 2
                    _filter(lines[lane, earliest : earliest + size + 3], taps[row], 1 - a[lane], block[lane])
                _lowpass(block, size, a, state)
                for lane in range(count):
                    row = first + lane
                    heard, line, f = block[lane], lines[lane, here : here + size], feedback[row]
                    audio, out = v[row, start : start + size], q[row, start : start + size]
                    for j in range(size):
                        out[j] = heard[j]
                        line[j] = audio[j] + f * heard[j]


@njit(cache=True, nogil=True)
def _shift(lines, span, pad):
    """Move the newest `pad` samples to the front of every line."""
    for lane in range(len(lines)):
        for j in range(pad):
            lines[lane, j] = lines[lane, span + j]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _filter(line, taps, gain, out):
    c0, c1, c2, c3 = gain * taps[0], gain * taps[1], gain * taps[2], gain * taps[3]
    for j in range(len(line) - 3):
        out[j] = c0 * line[j + 3] + c1 * line[j + 2] + c2 * line[j + 1] + c3 * line[j]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _lowpass(block, size, a, state):
    """One pole a lane, in place; written out because four chains must be in flight at once."""
    a0, a1, a2, a3 = a
    s0, s1, s2, s3 = state
    for j in range(size):
        s0 = a0 * s0 + block[0, j]
        s1 = a1 * s1 + block[1, j]
        s2 = a2 * s2 + block[2, j]
        s3 = a3 * s3 + block[3, j]
        block[0, j], block[1, j], block[2, j], block[3, j] = s0, s1, s2, s3
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3


@njit(cache=True, nogil=True, fastmath={"contract"})
def echoes_backward(g, v, delay, taps, feedback, pole, q, gv, gtaps, gfeedback, gpole):
    """Gradients of `echoes`; `gv` already holds the adjoint recursion: `echoes` run backwards on `g`."""
    rows, length = v.shape
    for r in range(rows):
        c0, c1, c2, c3 = taps[r]
        a, f, shift = pole[r], feedback[r], delay[r]
        back, g0, g1, g2, g3, gf, ga = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        line = np.zeros(length + shift + 2)
        for n in range(length):
            line[n + shift + 2] = v[r, n] + f * q[r, n]
        for n in range(length - 1, -1, -1):
            back = a * back + (g[r, n] + f * gv[r, n])
            w0, w1, w2, w3 = line[n + 3], line[n + 2], line[n + 1], line[n]
            g0 += back * w0
            g1 += back * w1
            g2 += back * w2
            g3 += back * w3
            gf += gv[r, n] * q[r, n]
            before = q[r, n - 1] if n > 0 else 0.0
            ga += back * (before - (c0 * w0 + c1 * w1 + c2 * w2 + c3 * w3))
        gtaps[r, 0], gtaps[r, 1] = (1.0 - a) * g0, (1.0 - a) * g1
        gtaps[r, 2], gtaps[r, 3] = (1.0 - a) * g2, (1.0 - a) * g3
        gfeedback[r], gpole[r] = gf, ga


@njit(cache=True, nogil=True, fastmath={"contract"})
def shift(x, whole, taps, y):
    """y[r, n] = Σ_k taps[r, k] x[r, n - whole[r] + 1 - k]; `x`, `y` (R, T); `taps` (R, 4); `whole` >= 1."""
    rows, length = x.shape
    for r in range(rows):
        first = whole[r] - 1
        y[r, : min(first, length)] = 0.0
        for n in range(first, min(first + 3, length)):
            total = 0.0
            for k in range(n - first + 1):
                total += taps[r, k] * x[r, n - first - k]
            y[r, n] = total
        if length > first + 3:
            _fir(x[r], taps[r].astype(x.dtype), y[r, first + 3 :])


@njit(cache=True, nogil=True, fastmath={"contract"})
def _fir(x, taps, y):
    c0, c1, c2, c3 = taps[0], taps[1], taps[2], taps[3]
    for j in range(len(y)):
        y[j] = c0 * x[j + 3] + c1 * x[j + 2] + c2 * x[j + 1] + c3 * x[j]


@njit(cache=True, nogil=True, fastmath={"contract"})
def shift_backward(g, x, whole, gtaps):
    """Gradient of `shift` in its taps."""
    for r in range(len(x)):
        for k in range(4):
            total = 0.0
            lag = whole[r] - 1 + k
            for n in range(lag, x.shape[1]):
                total += g[r, n] * x[r, n - lag]
            gtaps[r, k] = total
