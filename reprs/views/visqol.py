"""ViSQOL as a teacher: how alike a degraded clip sounds to its reference, as a mean opinion score.

Full-reference, audio mode (Chinen et al. 2020, "ViSQOL v3: an open source production ready objective speech
and audio metric"), by the optional package visqol-python, which carries the models.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

RATE_HZ = 48_000
# What it gives a clip beside itself: its scale ends below 5.
CEILING = 4.732
MISSING = "ViSQOL is not installed: pip install 'reprs[quality]'"


def visqol(reference: np.ndarray, degraded: np.ndarray, sample_rate: int, realign: bool = True) -> float:
    """MOS-LQO, 1 to 4.73, of two aligned clips `(C, T)`; raises ValueError where the package is missing.

    The channels are averaged. It matches the levels itself; under a second of audio it has nothing to say.
    Without `realign` it trusts that the clips are aligned: half the time, 0.07 rms apart on our ladders.
    """
    teacher = _teacher(realign)
    pair = [_mono(x, sample_rate) for x in (reference, degraded)]
    if min(float(np.abs(x).max()) for x in pair) < 1e-6:
        return 1.0  # a silent clip has no level to match
    return float(teacher.measure_from_arrays(*pair, RATE_HZ).moslqo)


def available() -> bool:
    """Whether the package is there."""
    import importlib.util

    return importlib.util.find_spec("visqol") is not None


@cache
def _teacher(realign: bool) -> Any:
    try:
        from visqol import VisqolApi
    except ImportError:
        raise ValueError(MISSING) from None
    api = VisqolApi()
    api.create(mode="audio", disable_realignment=not realign, disable_global_alignment=not realign)
    return api


def _mono(x: np.ndarray, sample_rate: int) -> np.ndarray:
    import soxr

    x = x.mean(axis=0, dtype=np.float64)
    return x if sample_rate == RATE_HZ else soxr.resample(x, sample_rate, RATE_HZ, quality="VHQ")
