"""Equalisers and filters: scipy's filters with cookbook coefficients written from the analogue prototypes."""

import numpy as np
import scipy.signal

HIGHEST = 0.49


def _warped(sample_rate, hz):
    """Prewarped half-angle tangent: where the bilinear transform puts the analogue frequency 1."""
    return np.tan(np.pi * min(hz, HIGHEST * sample_rate) / sample_rate)


def _digital(numerator, denominator, tangent):
    """Biquad from an analogue prototype in s (cutoff at 1): s = (1 - 1/z) / (tangent (1 + 1/z))."""
    up, down = np.array([1.0, -1.0]), tangent * np.array([1.0, 1.0])
    powers = [np.polymul(up, up), np.polymul(up, down), np.polymul(down, down)]
    numerator = np.concatenate([np.zeros(3 - len(numerator)), numerator])
    denominator = np.concatenate([np.zeros(3 - len(denominator)), denominator])
    b = sum(c * p for c, p in zip(numerator, powers, strict=True))
    a = sum(c * p for c, p in zip(denominator, powers, strict=True))
    return np.concatenate([b / a[0], a / a[0]])


def peak(sample_rate, gain_db, hz, q):
    root = 10 ** (gain_db / 40)
    return _digital([1, root / q, 1], [1, 1 / (root * q), 1], _warped(sample_rate, hz))


def low_shelf(sample_rate, gain_db, hz, q):
    root = 10 ** (gain_db / 40)
    slope = np.sqrt(root) / q
    prototype = root * np.array([1, slope, root]), np.array([root, slope, 1])
    return _digital(*prototype, _warped(sample_rate, hz))


def high_shelf(sample_rate, gain_db, hz, q):
    root = 10 ** (gain_db / 40)
    slope = np.sqrt(root) / q
    prototype = root * np.array([root, slope, 1]), np.array([1, slope, root])
    return _digital(*prototype, _warped(sample_rate, hz))


def parametric_eq(x, sample_rate, **knobs):
    bands = [
        ("low_shelf", low_shelf),
        *((f"peak{i}", peak) for i in (1, 2, 3, 4)),
        ("high_shelf", high_shelf),
    ]
    rows = [
        design(sample_rate, knobs[f"{name}_gain_db"], knobs[f"{name}_hz"], knobs[f"{name}_q"])
        for name, design in bands
    ]
    return scipy.signal.sosfilt(np.array(rows), x)


def _passes(x, sample_rate, cutoff_hz, q, order, top):
    tangent = _warped(sample_rate, cutoff_hz)
    if order == 1:
        return scipy.signal.sosfilt([_digital(top[1:], [1, 1], tangent)], x)
    poles = scipy.signal.butter(order, 1, analog=True, output="zpk")[1]
    damping = [-2 * p.real * np.sqrt(0.5) / q for p in poles if p.imag > 0]
    return scipy.signal.sosfilt([_digital(top, [1, d, 1], tangent) for d in damping], x)


def lowpass(x, sample_rate, cutoff_hz, q, order=2):
    return _passes(x, sample_rate, cutoff_hz, q, order, [0, 0, 1])


def highpass(x, sample_rate, cutoff_hz, q, order=2):
    return _passes(x, sample_rate, cutoff_hz, q, order, [1, 0, 0] if order > 1 else [0, 1, 0])


def gain(x, sample_rate, gain_db):
    return x * 10 ** (gain_db / 20)


ORACLES = {"gain": gain, "parametric_eq": parametric_eq, "lowpass": lowpass, "highpass": highpass}
VARIANTS = {name: [{"order": 1}, {"order": 4}] for name in ("lowpass", "highpass")}
UNITLESS = {"q"}
