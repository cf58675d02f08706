"""Five production styles after DeepAFx-ST (Steinmetz, Bryan and Reiss 2022): an equaliser, then a compressor.

The names are theirs; the settings below are ours and drawn anew for every clip, so that the figures are on
other data than theirs.
"""

from __future__ import annotations

import math

import numpy as np

from eval.chains import DRY_RMS_DB, PedalboardChain, Step

STYLES = ("telephone", "bright", "warm", "broadcast", "neutral")


def sample_style(rng: np.random.Generator, style: str) -> PedalboardChain:
    """One random setting of a style."""
    bands, ratio, below_db = SETTINGS[style]
    steps = [step for band in bands for step in _band(rng, *band)]
    steps += _compressor(rng, rng.uniform(*ratio), DRY_RMS_DB - rng.uniform(*below_db))
    rounded = [(plugin, {k: round(v, 5) for k, v in settings.items()}) for plugin, settings in steps]
    return PedalboardChain((style,), tuple(rounded))


def _band(
    rng: np.random.Generator, plugin: str, hz: tuple[float, float], gain_db: tuple[float, float] | None
) -> list[Step]:
    """One band; a high-pass or low-pass (no gain) is first order, so two run in series."""
    cutoff_hz = math.exp(rng.uniform(math.log(hz[0]), math.log(hz[1])))
    if gain_db is None:
        return [(plugin, {"cutoff_frequency_hz": cutoff_hz})] * 2
    settings = {"cutoff_frequency_hz": cutoff_hz, "gain_db": float(rng.uniform(*gain_db)), "q": 0.707}
    return [(plugin, settings)]


def _compressor(rng: np.random.Generator, ratio: float, threshold_db: float) -> list[Step]:
    times = {"attack_ms": float(rng.uniform(2, 30)), "release_ms": float(rng.uniform(50, 300))}
    return [("Compressor", {"threshold_db": threshold_db, "ratio": ratio, **times})]


Range = tuple[float, float]
# Style → bands (plugin, frequency, gain), ratio, and how many dB below the music's RMS the threshold lies.
SETTINGS: dict[str, tuple[list[tuple[str, Range, Range | None]], Range, Range]] = {
    "telephone": (
        [
            ("HighpassFilter", (250, 450), None),
            ("LowpassFilter", (2_800, 4_000), None),
            ("PeakFilter", (1_000, 2_000), (3, 9)),
        ],
        (3, 6),
        (6, 12),
    ),
    "bright": (
        [("HighShelfFilter", (3_000, 6_000), (6, 12)), ("LowShelfFilter", (120, 250), (-6, -1))],
        (1.5, 3),
        (2, 6),
    ),
    "warm": (
        [("LowShelfFilter", (150, 350), (5, 10)), ("HighShelfFilter", (3_000, 6_000), (-10, -4))],
        (1.5, 3),
        (2, 6),
    ),
    "broadcast": (
        [
            ("LowShelfFilter", (80, 150), (2, 5)),
            ("PeakFilter", (2_500, 5_000), (2, 6)),
            ("HighShelfFilter", (8_000, 12_000), (1, 4)),
        ],
        (5, 12),
        (15, 22),
    ),
    "neutral": (
        [
            ("LowShelfFilter", (80, 300), (-1, 1)),
            ("PeakFilter", (500, 3_000), (-1, 1)),
            ("HighShelfFilter", (4_000, 10_000), (-1, 1)),
        ],
        (1.2, 1.5),
        (0, 3),
    ),
}
