"""A feedback delay network and its gradients, one clip a call, compiled.

It runs in blocks no longer than its shortest delay, in which nothing is fed back: everything is then a loop
over neighbouring samples, which vectorises. The loop filters are recursions of one sample; scattered
look-ahead (Parhi and Messerschmitt 1989) turns them, exactly, into recursions of 16 samples.
"""

import numpy as np
from numba import njit

BLOCK = 512
# Samples before the end of a delay that the first stage of a loop filter looks at.
REACH = 8
# What the last stage of a loop filter remembers.
MEMORY = 32
# Quieter feedback is dropped: it would end in denormal numbers, a hundred times slower on many processors.
SILENCE = 1e-20
# What its stage before remembers, and both together.
REST = 24
HEAD = REST + MEMORY


@njit(cache=True, nogil=True)
def run(v, whole, biquads, feed, tap, y, lines, heads):
    """f = F(w delayed), w = feed v + H f, y = Σ tap f, of one clip.

    `v`, `y` (C, T); `whole` (N,) samples; `biquads` (N, 5) c0, c1, c2, d1, d2; `feed`, `tap` (N,). Line i
    belongs to channel i mod C; H is the orthonormal Hadamard matrix. `lines` (N, longest + REACH + span)
    begins with the earlier w, or zeros; with span >= T all of w stays in it, from column longest + REACH on.
    `heads` (N, HEAD) is the state of the filters, zeros at rest.
    """
    channels, length = v.shape
    count = len(whole)
    pad = whole.max() + REACH
    span = lines.shape[1] - pad
    step = min(whole.min(), BLOCK)
    scale = tap.dtype.type(1 / np.sqrt(count))
    plans = np.zeros((count, 17), dtype=lines.dtype)
    for i in range(count):
        _plan(biquads[i], plans[i])
    stages = np.zeros((2, REST + BLOCK), dtype=lines.dtype)
    f = np.zeros((count, MEMORY + BLOCK), dtype=lines.dtype)
    for base in range(0, length, span):
        if base > 0:
            _shift(lines, span, pad)
        end = min(base + span, length)
        for start in range(base, end, step):
            size = min(step, end - start)
            here = start - base + pad
            for i in range(count):
                _filter(lines, i, here - whole[i] - REACH, size, plans, heads, stages, f)
                _listen(f, i, tap[i], y, i % channels, start, size, i < channels)
            _hadamard(f, size)
            for i in range(count):
                _write(v, i % channels, start, feed[i], f, scale, lines, i, here, size)


@njit(cache=True, nogil=True)
def _plan(biquad, plan):
    """Three stages of a biquad: taps at the lags 0 … 8, then at 4, 8 … 24, then a recursion of 16 and 32."""
    near, far = np.zeros(9), np.zeros(REST + 1)
    near[:3], far[0] = biquad[:3], 1.0
    d1, d2 = biquad[3], biquad[4]
    for k in range(4):
        lag = 2**k
        _times(near if k < 2 else far, lag, -d1, d2)
        # D(z) D(-z) is a polynomial in z²: every round doubles the lag.
        d1, d2 = 2 * d2 - d1 * d1, d2 * d2
    plan[:9], plan[9:15] = near, far[4::4]
    plan[15], plan[16] = d1, d2


@njit(cache=True, nogil=True)
def _times(taps, lag, c1, c2):
    """`taps` times 1 + c1 / z^lag + c2 / z^(2 lag), in place."""
    for j in range(len(taps) - 1, -1, -1):
        if j >= lag:
            taps[j] += c1 * taps[j - lag]
        if j >= 2 * lag:
            taps[j] += c2 * taps[j - 2 * lag]


@njit(cache=True, nogil=True)
def _filter(lines, i, late, size, plans, heads, stages, f):
    """Line i from column `late` on, with REACH samples more, through its biquad into f[i, MEMORY:]."""
    for j in range(REST):
        stages[0, j] = heads[i, j]
    for j in range(MEMORY):
        f[i, j] = heads[i, REST + j]
    _near(lines[i, late:], plans[i], stages[0, REST:], size)
    _far(stages[0], plans[i], stages[1], size)
    _recurse(stages[1], plans[i, 15], plans[i, 16], f[i], size)
    for j in range(REST):
        heads[i, j] = stages[0, size + j]
    for j in range(MEMORY):
        last = f[i, size + j]
        heads[i, REST + j] = last if abs(last) > SILENCE else 0.0


@njit(cache=True, nogil=True, fastmath={"contract"})
def _near(x, plan, y, size):
    k0, k1, k2, k3, k4 = plan[0], plan[1], plan[2], plan[3], plan[4]
    k5, k6, k7, k8 = plan[5], plan[6], plan[7], plan[8]
    for j in range(size):
        one = k0 * x[j + 8] + k2 * x[j + 6] + k4 * x[j + 4] + k6 * x[j + 2] + k8 * x[j]
        other = k1 * x[j + 7] + k3 * x[j + 5] + k5 * x[j + 3] + k7 * x[j + 1]
        y[j] = one + other


@njit(cache=True, nogil=True, fastmath={"contract"})
def _far(x, plan, y, size):
    k1, k2, k3, k4, k5, k6 = plan[9], plan[10], plan[11], plan[12], plan[13], plan[14]
    for j in range(size):
        one = x[j + 24] + k2 * x[j + 16] + k4 * x[j + 8] + k6 * x[j]
        y[j] = one + (k1 * x[j + 20] + k3 * x[j + 12] + k5 * x[j + 4])


@njit(cache=True, nogil=True, fastmath={"contract"})
def _recurse(x, d1, d2, f, size):
    for j in range(size):
        f[j + 32] = x[j] - d1 * f[j + 16] - d2 * f[j]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _listen(f, i, gain, y, channel, start, size, first):
    x, out = f[i, MEMORY:], y[channel, start:]
    if first:
        for j in range(size):
            out[j] = gain * x[j]
    else:
        for j in range(size):
            out[j] += gain * x[j]


@njit(cache=True, nogil=True)
def _hadamard(f, size):
    """Walsh's transform over the lines, two of its stages at a time where there are two left."""
    count, stride = len(f), 1
    while stride < count:
        if stride * 4 <= count:
            for i in range(count):
                if i // stride % 4 == 0:
                    k = i + stride
                    _four(f[i], f[k], f[k + stride], f[k + 2 * stride], size)
            stride *= 4
        else:
            for i in range(count):
                if i // stride % 2 == 0:
                    _two(f[i], f[i + stride], size)
            stride *= 2


@njit(cache=True, nogil=True)
def _four(p, q, r, s, size):
    for j in range(MEMORY, MEMORY + size):
        a, b, c, d = p[j] + q[j], p[j] - q[j], r[j] + s[j], r[j] - s[j]
        p[j], q[j], r[j], s[j] = a + c, b + d, a - c, b - d


@njit(cache=True, nogil=True)
def _two(p, q, size):
    for j in range(MEMORY, MEMORY + size):
        p[j], q[j] = p[j] + q[j], p[j] - q[j]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _write(v, channel, start, gain, f, scale, lines, i, here, size):
    audio, x, line = v[channel, start:], f[i, MEMORY:], lines[i, here:]
    silence = line.dtype.type(SILENCE)
    zero = line.dtype.type(0)
    for j in range(size):
        w = gain * audio[j] + scale * x[j]
        line[j] = w if abs(w) > silence else zero


@njit(cache=True, nogil=True)
def _shift(lines, span, pad):
    """Move the newest `pad` samples to the front of every line."""
    for i in range(len(lines)):
        for j in range(pad):
            lines[i, j] = lines[i, span + j]


@njit(cache=True, nogil=True, fastmath={"contract"})
def gradients(lines, arriving, whole, biquads, g, length):
    """Gradients `g` (N, 5) of the loop filters, from w of `run` and from its adjoint's, reversed in time."""
    pad = whole.max() + REACH
    for i in range(len(whole)):
        c0, c1, c2, d1, d2 = biquads[i]
        q1, q2, r1, r2 = 0.0, 0.0, 0.0, 0.0
        g0, g1, g2, g3, g4 = 0.0, 0.0, 0.0, 0.0, 0.0
        late = pad - whole[i]
        for n in range(length):
            slope = arriving[i, pad + length - 1 - n]
            q = lines[i, late + n] - d1 * q1 - d2 * q2
            g0 += slope * q
            g1 += slope * q1
            g2 += slope * q2
            g3 -= slope * r1
            g4 -= slope * r2
            r = c0 * q + c1 * q1 + c2 * q2 - d1 * r1 - d2 * r2
            q1, q2, r1, r2 = q, q1, r, r1
        g[i, 0], g[i, 1], g[i, 2], g[i, 3], g[i, 4] = g0, g1, g2, g3, g4
