"""Figures of the quality table: agreement with the teacher, pairs in order, with intervals over contents."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

RESAMPLES = 500
Figure = tuple[float, float, float]


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Correlation of the ranks, ties shared; 0 where one does not vary."""
    from scipy.stats import rankdata

    return pearson(rankdata(x), rankdata(y))


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Linear correlation; 0 where one does not vary."""
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 1e-12 else 0.0


def rmse(x: np.ndarray, y: np.ndarray) -> float:
    """Root of the mean squared difference."""
    return float(np.sqrt(np.mean((x - y) ** 2)))


def mapped(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`x` on the scale of `y` by the best straight line, as is usual before an RMSE (ITU-T P.1401)."""
    slope = pearson(x, y) * float(y.std()) / max(float(x.std()), 1e-12)
    return y.mean() + slope * (x - x.mean())


def over_contents(
    figure: Callable[[np.ndarray, np.ndarray], float], x: np.ndarray, y: np.ndarray, contents: Sequence[str]
) -> Figure:
    """A figure of two columns and its 95 % bootstrap interval, resampling whole contents."""
    rows = [np.flatnonzero(np.asarray(contents) == name) for name in sorted(set(contents))]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        drawn.append(figure(x[chosen], y[chosen]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return figure(x, y), float(low), float(high)


def in_order(scores: np.ndarray) -> float:
    """Share of the pairs of a ladder `(R,)`, best first, whose scores fall; a tie counts a half."""
    better, worse = np.triu_indices(len(scores), k=1)
    apart = scores[better] - scores[worse]
    return float(np.mean((apart > 0) + 0.5 * (apart == 0)))
