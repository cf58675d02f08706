"""Filters from their analogue circuits: the trapezoidal state-variable filter sample by sample, the tilt."""

import numpy as np
import scipy.signal

HIGHEST = 0.49


def _tangent(sample_rate, hz):
    return np.tan(np.pi * min(hz, HIGHEST * sample_rate) / sample_rate)


def state_variable(x, sample_rate, cutoff_hz, q, low, band, high):
    """Simper (2013), "Linear trapezoidal integrated state variable filter with low noise optimisation"."""
    g, k = _tangent(sample_rate, cutoff_hz), 1 / q
    a1 = 1 / (1 + g * (g + k))
    a2, a3 = g * a1, g * g * a1
    first, second = np.zeros(len(x)), np.zeros(len(x))
    y = np.zeros_like(x)
    for n in range(x.shape[1]):
        v3 = x[:, n] - second
        v1 = a1 * first + a2 * v3
        v2 = second + a2 * first + a3 * v3
        first, second = 2 * v1 - first, 2 * v2 - second
        y[:, n] = low * v2 + band * k * v1 + high * (x[:, n] - k * v1 - v2)
    return y


def tilt_eq(x, sample_rate, tilt_db, pivot_hz):
    gain, t = 10 ** (tilt_db / 20), _tangent(sample_rate, pivot_hz)
    b, a = scipy.signal.bilinear([gain, t], [1, gain * t], fs=0.5)
    return scipy.signal.lfilter(b, a, x)


ORACLES = {"state_variable": state_variable, "tilt_eq": tilt_eq}
