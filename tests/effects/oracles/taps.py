"""Delays with taps, and with a tempo."""

import math

import numpy as np

from tests.effects.oracles.time import cubic, delay

# Note values in beats, a quarter note each.
BEATS = {"1/4": 1, "1/8": 1 / 2, "1/8.": 3 / 4, "1/16t": 1 / 6, "1/64": 1 / 16}


def multitap(x, sample_rate, mix, **taps):
    wet = np.zeros_like(x)
    for i in (1, 2, 3, 4):
        lag = taps[f"tap{i}_ms"] / 1000 * sample_rate
        gain = 10 ** (taps[f"tap{i}_gain_db"] / 20)
        angle = math.pi / 4 * (1 + taps[f"tap{i}_position"])
        sides = math.sqrt(2) * np.array([math.cos(angle), math.sin(angle)]) if len(x) == 2 else [1]
        for c, side in enumerate(sides):
            wet[c] += gain * side * np.array([cubic(x[c], n - lag) for n in range(x.shape[1])])
    return (1 - mix) * x + mix * wet


def tempo_delay(x, sample_rate, tempo_bpm, note="1/8", **knobs):
    return delay(x, sample_rate, delay_ms=BEATS[note] * 60_000 / tempo_bpm, **knobs)


ORACLES = {"multitap": multitap, "tempo_delay": tempo_delay}
VARIANTS = {"tempo_delay": [{"note": "1/64"}, {"note": "1/16t"}, {"note": "1/8."}]}
MAKES_STEREO = set(ORACLES)
UNITLESS = {f"tap{i}_position" for i in (1, 2, 3, 4)}
