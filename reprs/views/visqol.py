"""ViSQOL as a teacher: how alike a degraded clip sounds to its reference, as a mean opinion score.

Full-reference, audio mode (Chinen et al. 2020, "ViSQOL v3: an open source production ready objective speech
and audio metric"), by the optional package visqol-python, which carries the models.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from threading import Lock
from typing import Any

import numpy as np

from reprs.views.similarity import RATE_HZ, gammatone, score, similarity

# What it gives a clip beside itself: its scale ends below 5.
CEILING = 4.732
# Its compiled loops end the process where two threads are in them: it asks for numba's workqueue layer.
_ONE_AT_A_TIME = Lock()
MISSING = "ViSQOL is not installed: pip install 'reprs[quality]'"


def visqol(reference: np.ndarray, degraded: np.ndarray, sample_rate: int, realign: bool = True) -> float:
    """MOS-LQO, 1 to 4.73, of two aligned clips `(C, T)`; raises ValueError where the package is missing.

    The channels are averaged. It matches the levels itself; under a second of audio it has nothing to say.
    Without `realign` it trusts that the clips are aligned: 15 ms instead of half a
    second, SRCC 0.98 on our ladders.
    """
    pair = [mono(x, sample_rate) for x in (reference, degraded)]
    if min(float(np.abs(x).max()) for x in pair) < 1e-6:
        return 1.0  # a silent clip has no level to match
    if not realign:
        return score(band_scores(reference, [degraded], sample_rate)[0])
    with _ONE_AT_A_TIME:
        return float(_teacher().measure_from_arrays(*pair, RATE_HZ).moslqo)


def band_scores(reference: np.ndarray, degraded: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
    """What it knows before it gives a score, without realignment: every band's similarity, `(N, BANDS)`."""
    levels = [(x := mono(clip, sample_rate), gammatone(x)) for clip in (reference, *degraded)]
    rms = [float(np.sqrt(np.mean(x**2))) + 1e-10 for x, _ in levels]
    clean = levels[0][1]
    matched = [level * (rms[0] / own) for (_, level), own in zip(levels[1:], rms[1:], strict=True)]
    return np.stack([similarity(clean, level).mean(axis=(0, 2)) for level in matched])


def available() -> bool:
    """Whether the package is there."""
    import importlib.util

    return importlib.util.find_spec("visqol") is not None


@cache
def _teacher() -> Any:
    try:
        from visqol import VisqolApi
    except ImportError:
        raise ValueError(MISSING) from None
    api = VisqolApi()
    api.create(mode="audio")
    return api


def mono(x: np.ndarray, sample_rate: int) -> np.ndarray:
    """The mean of the channels at `RATE_HZ`."""
    import soxr

    x = x.mean(axis=0, dtype=np.float64)
    return x if sample_rate == RATE_HZ else soxr.resample(x, sample_rate, RATE_HZ, quality="VHQ")
