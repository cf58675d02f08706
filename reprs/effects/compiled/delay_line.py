"""Reading a delay line at fractional positions, compiled."""

import numpy as np
from numba import njit


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


@njit(cache=True, nogil=True)
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
    `pole` (R,). Runs in blocks shorter than the delay: inside one nothing is fed back, so reads vectorise.
    """
    rows, length = v.shape
    block = np.empty(1024)
    for r in range(rows):
        pad = delay[r] + 2
        line = np.zeros(length + pad)
        c0, c1, c2, c3 = taps[r]
        a, f, state = pole[r], feedback[r], 0.0
        step = min(delay[r] - 1, 1024)
        for start in range(0, length, step):
            stop = min(start + step, length)
            for j in range(stop - start):
                i = start + j
                block[j] = (1.0 - a) * (c0 * line[i + 3] + c1 * line[i + 2] + c2 * line[i + 1] + c3 * line[i])
            for j in range(stop - start):
                state = a * state + block[j]
                block[j] = state
            for j in range(stop - start):
                i = start + j
                q[r, i] = block[j]
                line[i + pad] = v[r, i] + f * block[j]


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
