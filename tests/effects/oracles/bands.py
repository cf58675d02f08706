"""Dynamics in bands: Linkwitz–Riley filters from scipy's Butterworth designs, then the slow dynamics."""

import numpy as np
import scipy.signal

from tests.effects.oracles import dynamics

HIGHEST = 0.49
NAMES = ("low", "mid", "high")


def _butterworth(x, sample_rate, hz, kind, times):
    sos = scipy.signal.butter(2, min(hz, HIGHEST * sample_rate), kind, fs=sample_rate, output="sos")
    for _ in range(times):
        x = scipy.signal.sosfilt(sos, x)
    return x


def split(x, sample_rate, hz):
    """Two bands; their sum is the allpass that the other bands of three need."""
    return tuple(_butterworth(x, sample_rate, hz, kind, 2) for kind in ("lowpass", "highpass"))


def _three(x, sample_rate, low_crossover_hz, high_crossover_hz):
    low, rest = split(x, sample_rate, low_crossover_hz)
    return sum(split(low, sample_rate, high_crossover_hz)), *split(rest, sample_rate, high_crossover_hz)


def _in_three(one, x, sample_rate, low_crossover_hz, high_crossover_hz, sidechain):
    bands = _three(x, sample_rate, low_crossover_hz, high_crossover_hz)
    keys = [None] * 3
    if sidechain is not None:
        keys = _three(sidechain, sample_rate, low_crossover_hz, high_crossover_hz)
    return sum(one(name, band, key) for name, band, key in zip(NAMES, bands, keys, strict=True))


def multiband_compressor(
    x,
    sample_rate,
    low_crossover_hz,
    high_crossover_hz,
    knee_db,
    stereo_link=True,
    sidechain=None,
    **knobs,
):
    def one(name, band, key):
        settings = [knobs[f"{name}_{knob}"] for knob in ("threshold_db", "ratio", "attack_ms", "release_ms")]
        gain_db = knobs[f"{name}_gain_db"]
        return dynamics.compressor(band, sample_rate, *settings, knee_db, gain_db, stereo_link, key)

    return _in_three(one, x, sample_rate, low_crossover_hz, high_crossover_hz, sidechain)


def multiband_limiter(
    x,
    sample_rate,
    low_crossover_hz,
    high_crossover_hz,
    release_ms,
    stereo_link=True,
    sidechain=None,
    **ceilings_db,
):
    def one(name, band, key):
        ceiling_db = ceilings_db[f"{name}_ceiling_db"]
        return dynamics.limiter(
            band, sample_rate, ceiling_db, release_ms, stereo_link=stereo_link, sidechain=key
        )

    return _in_three(one, x, sample_rate, low_crossover_hz, high_crossover_hz, sidechain)


def de_esser(
    x,
    sample_rate,
    crossover_hz,
    threshold_db,
    ratio,
    range_db,
    attack_ms,
    release_ms,
    wideband=False,
    stereo_link=True,
    sidechain=None,
):
    low, high = split(x, sample_rate, crossover_hz)
    key = high if sidechain is None else split(sidechain, sample_rate, crossover_hz)[1]
    rows = [np.abs(key).max(axis=0)] if stereo_link else list(key)
    gains = []
    for row in rows:
        over_db = np.maximum(20 * np.log10(np.maximum(np.abs(row), 1e-6)) - threshold_db, 0)
        drop_db = np.minimum(over_db - over_db / ratio, range_db)
        keep = [np.exp(-1000 / (ms * sample_rate)) for ms in (attack_ms, release_ms)]
        gains.append(10 ** (-dynamics._smoothed(drop_db, *keep) / 20))
    gain = np.stack(gains)
    return x * gain if wideband else low + high * gain


ORACLES = {
    "multiband_compressor": multiband_compressor,
    "multiband_limiter": multiband_limiter,
    "de_esser": de_esser,
}
VARIANTS = {
    "multiband_compressor": [{"stereo_link": False}],
    "multiband_limiter": [{"stereo_link": False}],
    "de_esser": [{"stereo_link": False}, {"wideband": True}],
}
NONLINEAR = set(ORACLES)
UNITLESS = {"low_ratio", "mid_ratio", "high_ratio"}
