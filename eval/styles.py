"""Five production styles: an equaliser, then a compressor, drawn anew for every clip.

`styles` are those of DeepAFx-ST (Steinmetz, Bryan and Reiss 2022), with the ranges that its authors published
as scripts/generate_styles.py beside their code; their linear probe on music names 82 % of them. `mild styles`
have the same names with the gains of everyday mixing, so they stand apart where strong ones no longer do.

As in that script bright and warm are not compressed, and a warm clip's treble is raised, since the sign in
front of its gain reaches the random part only. Music there peaks 3 to 9 dB below full scale; ours has an RMS
of `DRY_RMS_DB`, as music with such peaks has, and up to 3 dB more or less.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from eval.chains import DRY_RMS_DB, PedalboardChain, Step

STYLES = ("telephone", "bright", "warm", "broadcast", "neutral")
Range = tuple[float, float]


class Band(NamedTuple):
    """A plugin with its frequency and gain; a high-pass or low-pass (no gain) is first order, so two run."""

    plugin: str
    hz: Range
    gain_db: Range | None


class Compressor(NamedTuple):
    """`below_db`: how far below the music's RMS the threshold lies."""

    ratio: Range
    below_db: Range
    attack_ms: Range
    release_ms: Range


class Style(NamedTuple):
    """Bands, then a compressor or none; before them a gain within `level_db` or none."""

    bands: tuple[Band, ...]
    compressor: Compressor | None
    level_db: Range | None = None


def sample_style(rng: np.random.Generator, name: str, style: Style) -> PedalboardChain:
    """One random setting of a style; frequencies are drawn evenly on a logarithmic scale."""
    steps: list[Step] = []
    if style.level_db is not None:
        steps.append(("Gain", {"gain_db": rng.uniform(*style.level_db)}))
    for band in style.bands:
        steps += _band(rng, band)
    if style.compressor is not None:
        steps.append(_compressor(rng, style.compressor))
    rounded = [(plugin, {k: round(float(v), 5) for k, v in settings.items()}) for plugin, settings in steps]
    return PedalboardChain((name,), tuple(rounded))


def _band(rng: np.random.Generator, band: Band) -> list[Step]:
    settings = {"cutoff_frequency_hz": math.exp(rng.uniform(math.log(band.hz[0]), math.log(band.hz[1])))}
    if band.gain_db is None:
        return [(band.plugin, settings)] * 2
    return [(band.plugin, settings | {"gain_db": rng.uniform(*band.gain_db), "q": 0.707})]


def _compressor(rng: np.random.Generator, compressor: Compressor) -> Step:
    ratio, below_db, attack_ms, release_ms = (rng.uniform(*drawn) for drawn in compressor)
    times = {"attack_ms": attack_ms, "release_ms": release_ms}
    return "Compressor", {"threshold_db": DRY_RMS_DB - below_db, "ratio": ratio, **times}


def _shelves(low_hz: Range, low_db: Range, high_hz: Range, high_db: Range) -> tuple[Band, Band]:
    return Band("LowShelfFilter", low_hz, low_db), Band("HighShelfFilter", high_hz, high_db)


LEVEL_DB = (-3, 3)
PUBLISHED = {
    "telephone": Style(
        (
            Band("LowShelfFilter", (200, 400), (-26, -20)),
            Band("PeakFilter", (1_000, 2_000), (12, 16)),
            Band("HighShelfFilter", (4_000, 6_000), (-26, -20)),
        ),
        Compressor((1.5, 3), (0, 20), (1, 6), (10, 60)),
        LEVEL_DB,
    ),
    "bright": Style(_shelves((200, 400), (-26, -20), (8_000, 10_000), (20, 26)), None, LEVEL_DB),
    "warm": Style(_shelves((200, 400), (20, 26), (8_000, 10_000), (14, 20)), None, LEVEL_DB),
    "broadcast": Style(
        _shelves((80, 200), (2, 6), (6_000, 8_000), (2, 6)),
        Compressor((3, 5), (20, 30), (5, 30), (50, 150)),
        LEVEL_DB,
    ),
    "neutral": Style(
        _shelves((80, 200), (1, 3), (6_000, 8_000), (1, 3)),
        Compressor((1.5, 2), (0, 10), (50, 70), (100, 300)),
        LEVEL_DB,
    ),
}

TIMES_MS = (2, 30), (50, 300)
MILD = {
    "telephone": Style(
        (
            Band("HighpassFilter", (250, 450), None),
            Band("LowpassFilter", (2_800, 4_000), None),
            Band("PeakFilter", (1_000, 2_000), (3, 9)),
        ),
        Compressor((3, 6), (6, 12), *TIMES_MS),
    ),
    "bright": Style(
        _shelves((120, 250), (-6, -1), (3_000, 6_000), (6, 12))[::-1],
        Compressor((1.5, 3), (2, 6), *TIMES_MS),
    ),
    "warm": Style(
        _shelves((150, 350), (5, 10), (3_000, 6_000), (-10, -4)),
        Compressor((1.5, 3), (2, 6), *TIMES_MS),
    ),
    "broadcast": Style(
        (
            Band("LowShelfFilter", (80, 150), (2, 5)),
            Band("PeakFilter", (2_500, 5_000), (2, 6)),
            Band("HighShelfFilter", (8_000, 12_000), (1, 4)),
        ),
        Compressor((5, 12), (15, 22), *TIMES_MS),
    ),
    "neutral": Style(
        (
            Band("LowShelfFilter", (80, 300), (-1, 1)),
            Band("PeakFilter", (500, 3_000), (-1, 1)),
            Band("HighShelfFilter", (4_000, 10_000), (-1, 1)),
        ),
        Compressor((1.2, 1.5), (0, 3), *TIMES_MS),
    ),
}
# Task of the probes → its settings.
STYLE_TASKS: Mapping[str, Mapping[str, Style]] = {"styles": PUBLISHED, "mild styles": MILD}
