"""What degradations share: their type, equal steps of strength, sounds added at a level below the music's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Degradation = Callable[[np.ndarray, int, float, np.random.Generator], np.ndarray]


def between(low: float, high: float, strength: float) -> float:
    """Geometric: equal steps of strength are equal ratios."""
    return float(low * (high / low) ** strength)


def rms(x: np.ndarray) -> float:
    """Of all samples; never 0."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) + 1e-9


def added(x: np.ndarray, sound: np.ndarray, snr_db: float) -> np.ndarray:
    """`x` with a sound `snr_db` below it."""
    return x + sound * (rms(x) / rms(sound) * 10 ** (-snr_db / 20))
