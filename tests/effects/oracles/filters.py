"""Filters from their analogue circuits: the trapezoidal state-variable filter sample by sample, the tilt.

Graphic equalisers with the bands of Välimäki and Liski (2017), their gains found by scipy's root finder.
"""

import numpy as np
import scipy.optimize
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


OCTAVES_HZ = [31.5, 63, 125, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000]
THIRDS_HZ = [
    *(20, 25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1_000, 1_250, 1_600),
    *(2_000, 2_500, 3_150, 4_000, 5_000, 6_300, 8_000, 10_000, 12_500, 16_000, 20_000),
]
KEPT = 0.4


def _band(gain_db, radians, reach):
    """Equations 4 to 6 of the paper, for a bandwidth B with tan(B/2) = reach sin(radians) / 2."""
    gain, at_edge = 10 ** (gain_db / 20), 10 ** (KEPT * gain_db / 20)
    ratio = KEPT / (1 - KEPT) if abs(gain_db) < 1e-9 else (at_edge**2 - 1) / (gain**2 - at_edge**2)
    beta = np.sqrt(ratio) * reach * np.sin(radians) / 2
    cos = -2 * np.cos(radians)
    b, a = [1 + gain * beta, cos, 1 - gain * beta], [1 + beta, cos, 1 - beta]
    return np.array([*b, *a]) / a[0]


def _reach(radians):
    warped = np.tan(radians / 2)
    step = warped[1:] / warped[:-1] - warped[:-1] / warped[1:]
    return np.append(np.sqrt(step[:-1] * step[1:]), step[-1])


def _graphic(x, sample_rate, centres_hz, sliders_db):
    heard = [(hz, db) for hz, db in zip(centres_hz, sliders_db, strict=True) if hz <= HIGHEST * sample_rate]
    hz, wanted_db = np.array(heard).T
    reach = _reach(2 * np.pi / sample_rate * np.concatenate([[hz[0] ** 2 / hz[1]], hz]))
    radians = 2 * np.pi / sample_rate * hz

    def bands(gains_db):
        return np.array([_band(*one) for one in zip(gains_db, radians, reach, strict=True)])

    powers = np.exp(-1j * np.outer(np.arange(3), radians))

    def missing_db(gains_db):
        rows = bands(gains_db)
        response = (rows[:, :3] @ powers) / (rows[:, 3:] @ powers)
        return 20 * np.log10(np.abs(response)).sum(axis=0) - wanted_db

    found = scipy.optimize.root(missing_db, wanted_db, tol=1e-12)
    assert np.abs(missing_db(found.x)).max() < 1e-8
    return scipy.signal.sosfilt(bands(found.x), x)


def graphic_eq(x, sample_rate, **sliders_db):
    return _graphic(x, sample_rate, OCTAVES_HZ, list(sliders_db.values()))


def third_octave_eq(x, sample_rate, **sliders_db):
    return _graphic(x, sample_rate, THIRDS_HZ, list(sliders_db.values()))


ORACLES = {
    "state_variable": state_variable,
    "tilt_eq": tilt_eq,
    "graphic_eq": graphic_eq,
    "third_octave_eq": third_octave_eq,
}
UNITLESS = {"band", "high", "low"}
