"""From embeddings to figures: the 20-way, the gallery, and bootstrap intervals over contents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RESAMPLES = 2_000


def twenty_way(query: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Chance that each query picks its target, `(n,)`; `query`, `target` `(n, D)`, row by row the same chain.

    Query i chooses among target i and the other n − 1 queries, which are other chains on its own content. A
    tie counts as a fair draw, so a constant embedding scores 1/n.
    """
    query, target = _unit(query), _unit(target)
    own = np.sum(query * target, axis=1)
    rivals = query @ query.T
    np.fill_diagonal(rivals, -np.inf)
    best = rivals.max(axis=1)
    ties = np.sum(np.isclose(rivals, own[:, None], rtol=0, atol=1e-9), axis=1)
    return np.where(own < best - 1e-9, 0.0, 1.0 / (1 + ties))


def gallery_ranks(query: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rank from 1 of each query's own target among all targets, `(n,)`; ties share their mean rank."""
    scores = _unit(query) @ _unit(target).T
    own = np.diag(scores)[:, None]
    same = np.isclose(scores, own, rtol=0, atol=1e-9)
    return 1 + np.sum((scores > own) & ~same, axis=1) + (same.sum(axis=1) - 1) / 2


def gallery_figures(ranks: np.ndarray) -> dict[str, np.ndarray]:
    """What each query contributes to R@1, R@10 and the mean reciprocal rank."""
    return {"R@1": ranks < 1.5, "R@10": ranks < 10.5, "MRR": 1 / ranks}


def interval(values: np.ndarray, contents: Sequence[str], seed: int = 0) -> tuple[float, float, float]:
    """Mean of `values` `(n,)` and its 95 % bootstrap interval, resampling whole contents (`n` labels)."""
    _, index = np.unique(np.asarray(contents), return_inverse=True)
    sums, counts = np.bincount(index, weights=values), np.bincount(index)
    picks = np.random.default_rng(seed).integers(len(sums), size=(RESAMPLES, len(sums)))
    low, high = np.percentile(sums[picks].sum(axis=1) / counts[picks].sum(axis=1), [2.5, 97.5])
    return float(np.mean(values)), float(low), float(high)


def _unit(e: np.ndarray) -> np.ndarray:
    e = np.asarray(e, dtype=np.float64)
    return e / np.maximum(np.linalg.norm(e, axis=1, keepdims=True), 1e-12)
