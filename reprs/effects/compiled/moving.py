"""Recursions whose knobs change with every sample, and their adjoints, compiled.

The states that a stream carries go in and out of the forward loops, which write over them.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def smooth(r, rise, fall, state, y):
    """See `reprs.effects.compiled.smoother.smooth`; here `rise`, `fall` are (R, T), `state` (R,)."""
    for i in range(len(r)):
        s = state[i]
        for n in range(r.shape[1]):
            step = r[i, n] - s
            s += fall[i, n] * step + (rise[i, n] - fall[i, n]) * max(step, 0.0)
            y[i, n] = s
        state[i] = s


@njit(cache=True, nogil=True)
def smooth_backward(g, r, y, rise, fall, gr, grise, gfall):
    for i in range(len(r)):
        carry = 0.0
        for n in range(r.shape[1] - 1, -1, -1):
            step = r[i, n] - (y[i, n - 1] if n > 0 else 0.0)
            carry += g[i, n]
            b = rise[i, n] if step > 0 else fall[i, n]
            grise[i, n], gfall[i, n] = carry * max(step, 0.0), carry * min(step, 0.0)
            gr[i, n] = b * carry
            carry *= 1.0 - b


@njit(cache=True, nogil=True)
def echoes(v, whole, taps, feedback, pole, line, state, q):
    """See `reprs.effects.echoes.echoes`; knobs are (R, T), `taps` (R, T, 4), `state` (R,) of the low-pass.

    `line` (R, H + T) begins with what was written before, at least `whole` + 2 samples of it.
    """
    history = line.shape[1] - v.shape[1]
    for i in range(len(v)):
        s = state[i]
        for n in range(v.shape[1]):
            m = history + n - whole[i, n] + 1
            c = taps[i, n]
            heard = c[0] * line[i, m] + c[1] * line[i, m - 1] + c[2] * line[i, m - 2] + c[3] * line[i, m - 3]
            s = pole[i, n] * s + (1.0 - pole[i, n]) * heard
            q[i, n] = s
            line[i, history + n] = v[i, n] + feedback[i, n] * s
        state[i] = s


@njit(cache=True, nogil=True)
def echoes_backward(g, whole, taps, feedback, pole, line, q, gv, gtaps, gfeedback, gpole):
    """`line` and `q` as `echoes` left them, from rest."""
    rows, length = g.shape
    history = line.shape[1] - length
    gline = np.zeros(line.shape[1])
    for i in range(rows):
        gline[:] = 0.0
        later = 0.0
        for n in range(length - 1, -1, -1):
            written = gline[history + n]
            gv[i, n], gfeedback[i, n] = written, written * q[i, n]
            out = g[i, n] + feedback[i, n] * written + later
            share = (1.0 - pole[i, n]) * out
            m, heard = history + n - whole[i, n] + 1, 0.0
            for k in range(4):
                heard += taps[i, n, k] * line[i, m - k]
                gtaps[i, n, k] = share * line[i, m - k]
                gline[m - k] += share * taps[i, n, k]
            gpole[i, n] = out * ((q[i, n - 1] if n > 0 else 0.0) - heard)
            later = pole[i, n] * out


@njit(cache=True, nogil=True)
def cascade(x, a, feedback, state, y):
    """See `reprs.effects.allpasses.cascade`; `feedback` (R, T), `state` (R, stages + 1), its output last."""
    stages = state.shape[1] - 1
    for i in range(len(x)):
        s = state[i]
        for n in range(x.shape[1]):
            u = x[i, n] + feedback[i, n] * s[stages]
            for k in range(stages):
                out = a[i, n] * u + s[k]
                s[k] = u - a[i, n] * out
                u = out
            s[stages] = u
            y[i, n] = u


@njit(cache=True, nogil=True)
def cascade_backward(g, x, a, feedback, gx, ga, gfeedback, stages):
    """Gradients of `cascade` from rest: every stage's signal again, then the recursion backwards."""
    rows, length = x.shape
    signal = np.empty((length, stages + 1))
    for i in range(rows):
        s, last = np.zeros(stages), 0.0
        for n in range(length):
            signal[n, 0] = x[i, n] + feedback[i, n] * last
            for k in range(stages):
                out = a[i, n] * signal[n, k] + s[k]
                s[k] = signal[n, k] - a[i, n] * out
                signal[n, k + 1] = out
            last = signal[n, stages]
        later, carried = np.zeros(stages), 0.0
        for n in range(length - 1, -1, -1):
            gout, slope = g[i, n] + carried, 0.0
            for k in range(stages - 1, -1, -1):
                u, out = signal[n, k], signal[n, k + 1]
                gout -= a[i, n] * later[k]
                slope += u * gout - out * later[k]
                gin = later[k] + a[i, n] * gout
                later[k] = gout
                gout = gin
            gx[i, n], ga[i, n] = gout, slope
            carried = feedback[i, n] * gout
            gfeedback[i, n] = gout * signal[n - 1, stages] if n > 0 else 0.0
