"""A second-order section that changes with every sample, and its adjoint, compiled."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath={"contract"})
def section(x, p, y):
    """s ← A s + b x, y = c s + d x; `x`, `y` (B, C, T), `p` (B, T, 9)."""
    clips, channels, length = x.shape
    for b in range(clips):
        for c in range(channels):
            s0, s1 = 0.0, 0.0
            for n in range(length):
                q, u = p[b, n], x[b, c, n]
                y[b, c, n] = q[6] * s0 + q[7] * s1 + q[8] * u
                t = q[0] * s0 + q[1] * s1 + q[4] * u
                s1 = q[2] * s0 + q[3] * s1 + q[5] * u
                s0 = t
                # On its way to denormal numbers, which many processors handle a hundred times slower.
                if abs(s0) + abs(s1) < 1e-200:
                    s0, s1 = 0.0, 0.0


@njit(cache=True, nogil=True)
def section_backward(g, x, p, gx, gp):
    """Adds into `gp`, writes `gx`."""
    clips, channels, length = x.shape
    states = np.zeros((length, 2))
    for b in range(clips):
        for c in range(channels):
            s0, s1 = 0.0, 0.0
            for n in range(length):
                q, u = p[b, n], x[b, c, n]
                states[n, 0], states[n, 1] = s0, s1
                t = q[0] * s0 + q[1] * s1 + q[4] * u
                s1 = q[2] * s0 + q[3] * s1 + q[5] * u
                s0 = t
            l0, l1 = 0.0, 0.0
            for n in range(length - 1, -1, -1):
                q, u, h, out = p[b, n], x[b, c, n], g[b, c, n], gp[b, n]
                s0, s1 = states[n, 0], states[n, 1]
                out[0] += l0 * s0
                out[1] += l0 * s1
                out[2] += l1 * s0
                out[3] += l1 * s1
                out[4] += l0 * u
                out[5] += l1 * u
                out[6] += h * s0
                out[7] += h * s1
                out[8] += h * u
                gx[b, c, n] = q[4] * l0 + q[5] * l1 + q[8] * h
                t = q[0] * l0 + q[2] * l1 + q[6] * h
                l1 = q[1] * l0 + q[3] * l1 + q[7] * h
                l0 = t
