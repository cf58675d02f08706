"""References by another program: a pedalboard chain for every track, gain and pan, and one for the sum.

Settings are those of a mix rather than of a test: moderate, with thresholds on the level of the track. Chains
are data, drawn before anything is rendered, so that the same mix can be made of another part of the song.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.chains import Step, rms_db

LOUDEST_TRACK_DB, QUIETEST_TRACK_DB = -6.0, -50.0


@dataclass(frozen=True)
class MixChain:
    """Plugins of every track with their settings, gain and position; plugins of the sum."""

    tracks: tuple[tuple[Step, ...], ...]
    gains_db: tuple[float, ...]
    pans: tuple[float, ...]
    master: tuple[Step, ...]

    def render(self, tracks: np.ndarray, sample_rate: int) -> np.ndarray:
        """`(N, 2, T)` float32 → the mix `(2, T)`."""
        mix = np.zeros(tracks.shape[1:], np.float32)
        for x, steps, gain_db, pan in zip(tracks, self.tracks, self.gains_db, self.pans, strict=True):
            angle = (1 + pan) * math.pi / 4
            sides = np.array([[math.cos(angle)], [math.sin(angle)]]) * math.sqrt(2)
            mix += (run(steps, x, sample_rate) * sides * 10 ** (gain_db / 20)).astype(np.float32)
        return run(self.master, mix, sample_rate)


def run(steps: Sequence[Step], x: np.ndarray, sample_rate: int) -> np.ndarray:
    """`x` `(2, T)` through pedalboard's plugins, at whatever level comes out."""
    import pedalboard

    board = pedalboard.Pedalboard([getattr(pedalboard, name)(**settings) for name, settings in steps])
    return board(np.ascontiguousarray(x, np.float32), sample_rate)


def draw_mix(rng: np.random.Generator, tracks: np.ndarray) -> MixChain:
    """A mix of `tracks` `(N, 2, T)`: faders take back most of what is too loud, the master does little."""
    levels_db = [_level_db(x) for x in tracks]
    middle_db = float(np.mean(levels_db))
    gains_db = [float(np.clip(rng.normal(-0.7 * (db - middle_db), 3), -24, 9)) for db in levels_db]
    pans = [float(np.clip(rng.normal(0, 0.35), -0.9, 0.9)) for _ in levels_db]
    strips = tuple(tuple(draw_strip(rng, db)) for db in levels_db)
    return MixChain(strips, tuple(gains_db), tuple(pans), tuple(_master(rng, _level_db(tracks.sum(0)))))


def draw_single(rng: np.random.Generator, x: np.ndarray) -> MixChain:
    """The chain of one recording `(2, T)`: a strip and a gain."""
    return MixChain((tuple(draw_strip(rng, _level_db(x))),), (float(rng.normal(0, 3)),), (0.0,), ())


def draw_strip(rng: np.random.Generator, level_db: float) -> list[Step]:
    """High-pass, EQ, compressor, drive, echoes and reverb, each on with its own chance, at least one."""
    while True:
        steps: list[Step] = []
        for chance, draw in (
            (0.35, _highpass),
            (0.8, _eq),
            (0.6, _compressor),
            (0.15, _drive),
            (0.15, _echo),
            (0.35, _reverb),
        ):
            if rng.random() < chance:
                steps += draw(rng, level_db)
        if steps:
            return steps


def _highpass(rng: np.random.Generator, level_db: float) -> list[Step]:
    # Two of pedalboard's first-order filters: 12 dB an octave.
    return [("HighpassFilter", {"cutoff_frequency_hz": _log(rng, 30, 200)})] * 2


def _eq(rng: np.random.Generator, level_db: float, spread_db: float = 5.0) -> list[Step]:
    def band(plugin: str, low_hz: float, high_hz: float, q: float) -> Step:
        gain_db = float(np.clip(rng.normal(0, spread_db), -12, 12))
        return plugin, {"cutoff_frequency_hz": _log(rng, low_hz, high_hz), "gain_db": gain_db, "q": q}

    return [
        band("LowShelfFilter", 60, 250, 0.707),
        band("PeakFilter", 150, 900, _log(rng, 0.5, 2.5)),
        band("PeakFilter", 900, 5_000, _log(rng, 0.5, 2.5)),
        band("HighShelfFilter", 3_500, 11_000, 0.707),
    ]


def _compressor(
    rng: np.random.Generator, level_db: float, above_db: float = -4.0, ratio: tuple[float, float] = (2, 7)
) -> list[Step]:
    settings = {"threshold_db": rng.normal(level_db + above_db, 4), "ratio": _log(rng, *ratio)}
    over_db = max(0.0, level_db + 6 - settings["threshold_db"])
    makeup_db = 0.6 * over_db * (1 - 1 / settings["ratio"])
    settings |= {"attack_ms": _log(rng, 2, 50), "release_ms": _log(rng, 40, 400)}
    return [("Compressor", settings), ("Gain", {"gain_db": makeup_db})]


def _drive(rng: np.random.Generator, level_db: float) -> list[Step]:
    drive_db = float(np.clip(rng.normal(-9 - level_db, 4), 0, 30))
    return [("Distortion", {"drive_db": drive_db}), ("Gain", {"gain_db": -0.75 * drive_db})]


def _echo(rng: np.random.Generator, level_db: float) -> list[Step]:
    settings = {"delay_seconds": _log(rng, 0.1, 0.5), "feedback": rng.uniform(0.1, 0.45)}
    return [("Delay", settings | {"mix": rng.uniform(0.08, 0.25)})]


def _reverb(rng: np.random.Generator, level_db: float) -> list[Step]:
    settings = {"room_size": rng.uniform(0.2, 0.8), "damping": rng.uniform(0.1, 0.9), "width": 1.0}
    # pedalboard adds its dry path at twice the level it is told.
    return [("Reverb", settings | {"wet_level": rng.uniform(0.05, 0.25), "dry_level": 0.5})]


def _master(rng: np.random.Generator, level_db: float) -> list[Step]:
    steps: list[Step] = []
    if rng.random() < 0.5:
        steps += _eq(rng, level_db, 2.0)
    if rng.random() < 0.5:
        steps += _compressor(rng, level_db, 2.0, (1.5, 3))
    if rng.random() < 0.4:
        # pedalboard's Limiter makes up 14 dB and clips; a steep compressor limits and leaves the level.
        settings = {"threshold_db": rng.normal(level_db + 6, 3), "ratio": 20.0, "attack_ms": 0.3}
        steps.append(("Compressor", settings | {"release_ms": _log(rng, 30, 200)}))
    return steps


def _level_db(x: np.ndarray) -> float:
    return float(np.clip(rms_db(x), QUIETEST_TRACK_DB, LOUDEST_TRACK_DB))


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))
