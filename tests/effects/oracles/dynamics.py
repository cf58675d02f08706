"""Dynamics, one sample after the other, from the equations of Giannoulis, Massberg and Reiss (2012)."""

import math

import numpy as np


def _level_db(x):
    return 20 * np.log10(np.maximum(np.abs(x), 1e-6))


def _smoothed(reduction_db, attack, release):
    smoothed, state = np.zeros_like(reduction_db), 0.0
    for t, wanted in enumerate(reduction_db):
        keep = attack if wanted > state else release
        state = keep * state + (1 - keep) * wanted
        smoothed[t] = state
    return smoothed


def _keep(time_ms, sample_rate):
    return math.exp(-1 / (time_ms / 1000 * sample_rate))


def _static_curve(level_db, threshold_db, ratio, knee_db):
    over_db = level_db - threshold_db
    out_db = np.where(over_db > 0, threshold_db + over_db / ratio, level_db)
    if knee_db > 0:
        rounded = level_db + (1 / ratio - 1) * (over_db + knee_db / 2) ** 2 / (2 * knee_db)
        out_db = np.where(np.abs(over_db) <= knee_db / 2, rounded, out_db)
    return out_db


def _each(x, stereo_link, gain_of, sidechain=None):
    key = x if sidechain is None else sidechain
    if stereo_link:
        return x * 10 ** (gain_of(np.abs(key).max(axis=0)) / 20)
    return np.stack([row * 10 ** (gain_of(heard) / 20) for row, heard in zip(x, key, strict=True)])


def compressor(
    x,
    sample_rate,
    threshold_db,
    ratio,
    attack_ms,
    release_ms,
    knee_db,
    makeup_db,
    stereo_link=True,
    sidechain=None,
):
    def gain_db(signal):
        level_db = _level_db(signal)
        reduction_db = level_db - _static_curve(level_db, threshold_db, ratio, knee_db)
        attack, release = _keep(attack_ms, sample_rate), _keep(release_ms, sample_rate)
        return makeup_db - _smoothed(reduction_db, attack, release)

    return _each(x, stereo_link, gain_db, sidechain)


def limiter(
    x,
    sample_rate,
    ceiling_db,
    release_ms,
    stereo_link=True,
    lookahead_ms=0.0,
    true_peak=False,
    sidechain=None,
):
    def gain_db(level):
        excess_db = np.maximum(_level_db(level) - ceiling_db, 0)
        ahead = round(lookahead_ms / 1000 * sample_rate)
        silence = np.zeros(ahead)
        longer = np.concatenate([silence, excess_db, silence])
        largest = np.array([max(longer[t : t + ahead + 1]) for t in range(len(excess_db) + ahead)])
        released = _smoothed(largest, 0.0, _keep(release_ms, sample_rate))
        boxes = [np.full(n + 1, 1 / (n + 1)) for n in (ahead // 2, ahead - ahead // 2)]
        return -np.convolve(released, np.convolve(*boxes), mode="valid")

    key = x if sidechain is None else sidechain
    return _each(x, stereo_link, gain_db, np.stack([_true_peak(row) for row in key]) if true_peak else key)


def _true_peak(row):
    """The largest magnitude from the last sample to the next, at four times the rate."""
    stuffed = np.zeros(4 * len(row))
    stuffed[::4] = row
    taps = np.sinc(np.arange(-64, 65) / 4) * np.kaiser(129, 8.0)
    fine = np.abs(np.convolve(stuffed, taps)[64:-64])
    fine = np.concatenate([np.zeros(4), fine, np.zeros(4)])
    return np.array([fine[4 * t + 1 : 4 * t + 8].max() for t in range(len(row))])


def expander(
    x,
    sample_rate,
    threshold_db,
    ratio,
    range_db,
    attack_ms,
    release_ms,
    knee_db,
    stereo_link=True,
    sidechain=None,
):
    """Below the threshold `ratio` dB out for each dB in: the static curve, mirrored at the threshold."""

    def gain_db(signal):
        under_db = threshold_db - _level_db(signal)
        drop_db = np.where(under_db > 0, (ratio - 1) * under_db, 0)
        if knee_db > 0:
            rounded = (ratio - 1) * (under_db + knee_db / 2) ** 2 / (2 * knee_db)
            drop_db = np.where(np.abs(under_db) <= knee_db / 2, rounded, drop_db)
        attack, release = _keep(attack_ms, sample_rate), _keep(release_ms, sample_rate)
        return -_smoothed(np.minimum(drop_db, range_db), release, attack)

    return _each(x, stereo_link, gain_db, sidechain)


def gate(
    x,
    sample_rate,
    threshold_db,
    hysteresis_db,
    range_db,
    attack_ms,
    hold_ms,
    release_ms,
    stereo_link=True,
    sidechain=None,
):
    """A drop that moves along two curves: down the one when the level rises, up the other when it falls."""

    def gain_db(signal):
        level_db = _peak_hold(_level_db(signal), hold_ms / 1000 * sample_rate)
        drop_db, state = np.zeros_like(level_db), 0.0
        for t, level in enumerate(level_db):
            opening = min(max(9 * (threshold_db - level), 0), range_db)
            closing = min(max(9 * (threshold_db - hysteresis_db - level), 0), range_db)
            state = opening if state > opening else closing if state < closing else state
            drop_db[t] = state
        attack, release = _keep(attack_ms, sample_rate), _keep(release_ms, sample_rate)
        return -_smoothed(drop_db, release, attack)

    return _each(x, stereo_link, gain_db, sidechain)


def _peak_hold(level_db, samples):
    """Largest of the last `samples`, between the two whole numbers around it in proportion."""
    whole = math.floor(samples)
    less, more = (_sliding_max(level_db, n) for n in (whole, whole + 1))
    return less + (samples - whole) * (more - less)


def _sliding_max(v, before):
    padded = np.concatenate([np.full(before, -np.inf), v])
    return np.lib.stride_tricks.sliding_window_view(padded, before + 1).max(axis=1)


def transient_shaper(
    x,
    sample_rate,
    attack_gain_db,
    sustain_gain_db,
    attack_ms,
    sustain_ms,
    stereo_link=True,
    sidechain=None,
):
    def envelope(level_db, rise_ms, fall_ms):
        return _smoothed(level_db, _keep(rise_ms, sample_rate), _keep(fall_ms, sample_rate))

    def gain_db(signal):
        level_db = _peak_hold(np.maximum(_level_db(signal) + 80, 0), 0.01 * sample_rate)
        fast = envelope(level_db, 0.5, 15)
        onset = fast - envelope(level_db, attack_ms, 15)
        tail = envelope(level_db, 0.5, sustain_ms) - fast
        return attack_gain_db * np.tanh(onset / 12) + sustain_gain_db * np.tanh(tail / 12)

    return _each(x, stereo_link, gain_db, sidechain)


ORACLES = {
    "compressor": compressor,
    "limiter": limiter,
    "expander": expander,
    "gate": gate,
    "transient_shaper": transient_shaper,
}
VARIANTS = {name: [{"stereo_link": False}] for name in ORACLES}
VARIANTS["limiter"] += [{"lookahead_ms": 2.0}, {"lookahead_ms": 1.5, "true_peak": True}]
NONLINEAR = set(ORACLES)
UNITLESS = {"ratio"}
