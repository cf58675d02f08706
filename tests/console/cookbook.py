"""Oracles for the equaliser: the cookbook's formulas and Equalizer APO's grammar, written for the tests."""

import re

import numpy as np
from scipy.signal import freqz_sos, sosfilt

LINE = re.compile(
    r"Filter\s+(?P<number>\d+):\s+ON\s+(?P<code>[A-Z]+)\s+Fc\s+(?P<hz>[0-9.]+)\s+Hz"
    r"\s+Gain\s+(?P<gain>[-+]?[0-9.]+)\s+dB\s+Q\s+(?P<q>[0-9.]+)"
)
PREAMP = re.compile(r"Preamp:\s+(?P<gain>[-+]?[0-9.]+)\s+dB")
CODES = {"low_shelf": "LSC", "peak": "PK", "high_shelf": "HSC"}


def parse_apo(text):
    """Preamp in dB, and (code, Hz, dB, Q) of every filter; every line has to be one or the other."""
    first, *rest = text.splitlines()
    filters = [LINE.fullmatch(line) for line in rest]
    assert [int(m["number"]) for m in filters] == list(range(1, len(rest) + 1))
    rows = [(m["code"], float(m["hz"]), float(m["gain"]), float(m["q"])) for m in filters]
    return float(PREAMP.fullmatch(first)["gain"]), rows


def rows_of(bands):
    return [(CODES[b.type], b.frequency_hz, b.gain_db, b.q) for b in bands]


def biquad(code, hz, gain_db, q, rate):
    """One row of scipy's `sos`, from the Audio EQ Cookbook's text."""
    amp = 10 ** (gain_db / 40)
    w0 = 2 * np.pi * hz / rate
    cos, alpha = np.cos(w0), np.sin(w0) / (2 * q)
    if code == "PK":
        b = [1 + alpha * amp, -2 * cos, 1 - alpha * amp]
        a = [1 + alpha / amp, -2 * cos, 1 - alpha / amp]
    else:
        # The high shelf is the low shelf with cos w0 negated and the middle coefficients' signs turned.
        sign = {"LSC": 1, "HSC": -1}[code]
        c, beta = sign * cos, 2 * np.sqrt(amp) * alpha
        b = [
            amp * ((amp + 1) - (amp - 1) * c + beta),
            sign * 2 * amp * ((amp - 1) - (amp + 1) * c),
            amp * ((amp + 1) - (amp - 1) * c - beta),
        ]
        a = [
            (amp + 1) + (amp - 1) * c + beta,
            sign * -2 * ((amp - 1) + (amp + 1) * c),
            (amp + 1) + (amp - 1) * c - beta,
        ]
    return np.array(b + a) / a[0]


def sections(rows, rate):
    return np.array([biquad(*row, rate) for row in rows]) if rows else np.array([[1.0, 0, 0, 1, 0, 0]])


def response_db(rows, rate, frequencies_hz):
    _, h = freqz_sos(sections(rows, rate), worN=np.asarray(frequencies_hz, float), fs=rate)
    return 20 * np.log10(np.abs(h))


def equalise(rows, preamp_db, x, rate):
    """Float64, sample by sample."""
    return sosfilt(sections(rows, rate), np.asarray(x, np.float64)) * 10 ** (preamp_db / 20)


def residual_db(y, reference):
    difference = np.asarray(y, np.float64) - reference
    return 10 * np.log10((difference**2).sum() / (reference**2).sum() + 1e-30)


def pink(seconds=2.0, rate=44_100, channels=2, tilt_db=0.0, level=0.1, seed=0):
    """Noise of -3 dB an octave plus `tilt_db` an octave, `(channels, samples)` float32."""
    samples = max(2, round(seconds * rate))
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal((channels, samples)))
    hz = np.maximum(np.fft.rfftfreq(samples, 1 / rate), 10)
    spectrum *= hz ** ((tilt_db - 3.01) / 6.02)
    spectrum[:, 0] = 0
    x = np.fft.irfft(spectrum, samples)
    return (level * x / x.std()).astype(np.float32)
