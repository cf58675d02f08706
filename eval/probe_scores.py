"""Figures of probes with 95 % intervals: average precision, explained variance and accuracy under weights.

A weight says how often a clip counts: the bootstrap draws whole contents with replacement and weighs their
clips by how often they were drawn. All functions take weights `(…, n)` and return `(…)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

RESAMPLES = 500
Figure = tuple[float, float, float]


def average_precision(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over the positives of the precision at their rank; equal scores share a rank; NaN without any."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    counted = weights[..., order]
    seen = np.cumsum(counted, axis=-1)[..., ends]
    found = np.cumsum(counted * labels[order], axis=-1)[..., ends]
    gained = np.diff(found, axis=-1, prepend=0)
    precision = found / np.maximum(seen, 1e-12)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sum(gained * precision, axis=-1) / found[..., -1]


def r_squared(y: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """1 − residual / total sum of squares about the weighted mean of `y`."""
    total = weights.sum(axis=-1, keepdims=True)
    mean = (weights * y).sum(axis=-1, keepdims=True) / total
    residual = (weights * (y - predicted) ** 2).sum(axis=-1)
    return 1 - residual / np.maximum((weights * (y - mean) ** 2).sum(axis=-1), 1e-12)


def accuracy(right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (weights * right).sum(axis=-1) / weights.sum(axis=-1)


def bootstrapped(
    figure: Callable[[np.ndarray], np.ndarray], contents: Sequence[str], seed: int = 0
) -> Figure:
    """The figure with equal weights and its 95 % interval over resampled contents."""
    _, index = np.unique(np.asarray(contents), return_inverse=True)
    count = index.max() + 1
    picks = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
    times = np.stack([np.bincount(p, minlength=count) for p in picks]).astype(np.float64)
    low, high = np.nanpercentile(figure(times[:, index]), [2.5, 97.5])
    return float(figure(np.ones(len(index)))), float(low), float(high)


def macro(figures: Sequence[Callable[[np.ndarray], np.ndarray]]) -> Callable[[np.ndarray], np.ndarray]:
    """The mean of several figures of the same clips, as one figure."""
    return lambda weights: np.nanmean([figure(weights) for figure in figures], axis=0)
