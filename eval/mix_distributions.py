"""How far a set of sampled mixes is from a set of valid ones: Fréchet distance, MMD, coverage, density."""

from __future__ import annotations

import numpy as np

# Directions of the valid mixes' largest variance in which sets are compared: all that a hundred mixes carry.
DIRECTIONS = 16
NEIGHBOURS = 5


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of the Gaussians with the moments of `a` and `b` `(n, D)` (Heusel 2017)."""
    mean = float(np.square(a.mean(0) - b.mean(0)).sum())
    x, y = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # The trace of (xy)^½ by the symmetric root: eigenvalues of y^½ x y^½.
    values, vectors = np.linalg.eigh(y)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ x @ root).clip(min=0)).sum()
    return mean + float(np.trace(x) + np.trace(y) - 2 * shared)


def mmd(a: np.ndarray, b: np.ndarray) -> float:
    """Squared maximum mean discrepancy, unbiased; a Gaussian kernel as wide as `b` (Gretton 2012)."""
    width = np.median(_squares(b, b)[np.triu_indices(len(b), 1)])
    inner = [np.exp(-_squares(x, y) / width) for x, y in ((a, a), (b, b), (a, b))]
    own = [(k.sum() - len(k)) / (len(k) * (len(k) - 1)) for k in inner[:2]]
    return float(own[0] + own[1] - 2 * inner[2].mean())


def coverage_and_density(samples: np.ndarray, valid: np.ndarray) -> tuple[float, float]:
    """Of Naeem 2020: share of valid mixes with a sample around, and how many of their balls hold a sample.

    A ball reaches from a valid mix to the fifth nearest other one. Samples from the same distribution have a
    density of 1 and a coverage of about 0.97.
    """
    apart = np.sqrt(_squares(valid, valid))
    radius = np.sort(apart, axis=1)[:, NEIGHBOURS]
    inside = np.sqrt(_squares(valid, samples)) < radius[:, None]
    return float(inside.any(1).mean()), float(inside.sum(0).mean() / NEIGHBOURS)


def directions(valid: np.ndarray, count: int = DIRECTIONS) -> tuple[np.ndarray, np.ndarray]:
    """Mean `(D,)` and the directions `(D, count)` of the largest variance, scaled so that it sums to 1."""
    centre = valid.mean(0)
    _, size, vectors = np.linalg.svd(valid - centre, full_matrices=False)
    size = size[:count] / np.sqrt(len(valid) - 1)
    return centre, vectors[:count].T / np.sqrt(np.square(size).sum())


def figures(samples: np.ndarray, valid: np.ndarray) -> dict[str, float]:
    """All of them in the directions of the valid mixes."""
    centre, axes = directions(valid)
    a, b = (samples - centre) @ axes, (valid - centre) @ axes
    coverage, density = coverage_and_density(a, b)
    found = {"Fréchet": frechet(a, b), "MMD": mmd(a, b), "coverage": coverage, "density": density}
    return {name: round(value, 4) for name, value in found.items()}


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances `(n, m)`."""
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0)
