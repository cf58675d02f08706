"""A cascade of modulated first-order allpasses inside a feedback loop, compiled."""

import numpy as np
from numba import njit

LANES = 8
BLOCK = 256


@njit(cache=True, nogil=True, fastmath={"contract"})
def cascade(x, a, feedback, y, stages):
    """`x`, `a`, `y` (R, T), `feedback` (R,): see `reprs.effects.allpasses.cascade`.

    Eight rows run side by side, a fixed number so that the inner loops vectorise.
    """
    rows, length = x.shape
    audio, coefficient = np.zeros((BLOCK, LANES)), np.zeros((BLOCK, LANES))
    for first in range(0, rows, LANES):
        count = min(LANES, rows - first)
        state, u, last, loop = np.zeros((stages, LANES)), np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        for lane in range(count):
            loop[lane] = feedback[first + lane]
        for start in range(0, length, BLOCK):
            size = min(BLOCK, length - start)
            for lane in range(count):
                for n in range(size):
                    audio[n, lane] = x[first + lane, start + n]
                    coefficient[n, lane] = a[first + lane, start + n]
            for n in range(size):
                for lane in range(LANES):
                    u[lane] = audio[n, lane] + loop[lane] * last[lane]
                for k in range(stages):
                    for lane in range(LANES):
                        out = coefficient[n, lane] * u[lane] + state[k, lane]
                        state[k, lane] = u[lane] - coefficient[n, lane] * out
                        u[lane] = out
                for lane in range(LANES):
                    last[lane] = u[lane]
                    audio[n, lane] = u[lane]
            for lane in range(count):
                for n in range(size):
                    y[first + lane, start + n] = audio[n, lane]


@njit(cache=True, nogil=True)
def cascade_backward(g, x, a, feedback, gx, ga, gfeedback, stages):
    """Gradients of `cascade`: every stage's signal is computed again, then the recursion runs backwards."""
    rows, length = x.shape
    signal = np.empty((length, stages + 1))
    for r in range(rows):
        state, last = np.zeros(stages), 0.0
        for n in range(length):
            signal[n, 0] = x[r, n] + feedback[r] * last
            for k in range(stages):
                out = a[r, n] * signal[n, k] + state[k]
                state[k] = signal[n, k] - a[r, n] * out
                signal[n, k + 1] = out
            last = signal[n, stages]
        later, carried, total = np.zeros(stages), 0.0, 0.0
        for n in range(length - 1, -1, -1):
            gout, slope = g[r, n] + carried, 0.0
            for k in range(stages - 1, -1, -1):
                u, out = signal[n, k], signal[n, k + 1]
                gout -= a[r, n] * later[k]
                slope += u * gout - out * later[k]
                gin = later[k] + a[r, n] * gout
                later[k] = gout
                gout = gin
            gx[r, n], ga[r, n] = gout, slope
            carried = feedback[r] * gout
            if n > 0:
                total += gout * signal[n - 1, stages]
        gfeedback[r] = total
