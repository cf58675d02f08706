"""How far sampled mixes of some songs are from valid ones: Fréchet distance, MMD, coverage, density.

Sets are `(songs, mixes, D)`: several mixes of each song, the songs being the same on both sides, so that what
differs is what is done to them. Which distribution is right?

- Of mixes alone, p(mix | song), with or without a style. A generator that is given references gets as many as
  it makes samples, each with settings of its own from the distribution that valid mixes are drawn from. Who
  samples p(knobs | tracks, reference) rightly then has, over all references, settings of p(knobs | tracks);
  who answers with the mean does not. So does who is deaf to references and draws from that distribution.
- Of mixes and their references together, p(mix, reference | song), the distance that tells those apart: pairs
  of a sample and the reference it was made after, against pairs of a valid mix and a reference with the same
  settings (DeVries 2019, Fréchet joint distance).

Fréchet distance and MMD are without the bias of small sets: of samples of the true distribution they are 0 on
average, sometimes a little below.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Directions of the valid mixes' largest variance in which sets are compared.
DIRECTIONS = 16
NEIGHBOURS = 5
HALVINGS = 8


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of the Gaussians with the moments of `a` and `b` `(n, D)` (Heusel 2017)."""
    mean = float(np.square(a.mean(0) - b.mean(0)).sum())
    x, y = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # The trace of (xy)^½ by the symmetric root: eigenvalues of y^½ x y^½.
    values, vectors = np.linalg.eigh(y)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ x @ root).clip(min=0)).sum()
    return mean + float(np.trace(x) + np.trace(y) - 2 * shared)


def frechets(samples: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Distances `(1 + songs,)`: of all songs, then with one of them left out.

    They are those of endlessly many mixes of these songs. What is too much falls with the number of mixes, so
    a line over its inverse through all mixes and through halves of them leads there (Chong and Forsyth 2020).
    """
    rng, count = np.random.default_rng(0), len(valid)
    most = min(samples.shape[1], valid.shape[1])
    few = most // 2
    halves = [(_some(samples, few, rng), _some(valid, few, rng)) for _ in range(HALVINGS)]
    picks = [np.arange(count), *(np.delete(np.arange(count), song) for song in range(count))]

    def distance(a: np.ndarray, b: np.ndarray, songs: np.ndarray) -> float:
        return frechet(_pooled(a[songs]), _pooled(b[songs]))

    whole = np.array([distance(samples, valid, p) for p in picks])
    half = np.array([np.mean([distance(a, b, p) for a, b in halves]) for p in picks])
    return (most * whole - few * half) / (most - few)


def mmds(samples: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Squared maximum mean discrepancy of every song's mixes `(songs,)`, unbiased (Gretton 2012).

    A Gaussian kernel as wide as valid mixes of one song are apart.
    """
    pairs = np.triu_indices(valid.shape[1], 1)
    width = np.median([_squares(v, v)[pairs] for v in valid])
    return np.array([_mmd(a, b, float(width)) for a, b in zip(samples, valid, strict=True)])


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


def projected(samples: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both `(songs, mixes, D)` in the directions of the valid ones, `(songs, mixes, DIRECTIONS)`."""
    centre, axes = directions(_pooled(valid))
    return (samples - centre) @ axes, (valid - centre) @ axes


def figures(samples: np.ndarray, valid: np.ndarray) -> dict[str, Any]:
    """All of them of sets in the same directions; (value, low, high) with 95 % intervals over songs."""
    coverage, density = coverage_and_density(_pooled(samples), _pooled(valid))
    return distances(samples, valid) | {"coverage": coverage, "density": density}


def distances(samples: np.ndarray, valid: np.ndarray) -> dict[str, Any]:
    """Fréchet distance and MMD, with intervals."""
    from eval.scoring import interval

    discrepancy = interval(mmds(samples, valid), [str(i) for i in range(len(valid))])
    return {"Fréchet": summary(frechets(samples, valid)), "MMD": discrepancy}


def lead(samples: np.ndarray, rival: np.ndarray, valid: np.ndarray) -> tuple[float, float, float]:
    """By what share the Fréchet distance of `samples` is below that of a `rival`, with its interval."""
    return summary(1 - frechets(samples, valid) / frechets(rival, valid))


def summary(values: np.ndarray) -> tuple[float, float, float]:
    """The value of all songs and its 95 % interval, by the jackknife (Efron 1982).

    Songs drawn with replacement would have fewer directions than songs have: the distance then is another.
    """
    each = values[1:]
    deviation = ((len(each) - 1) * np.mean(np.square(each - each.mean()))) ** 0.5
    return float(values[0]), float(values[0] - 1.96 * deviation), float(values[0] + 1.96 * deviation)


def _mmd(a: np.ndarray, b: np.ndarray, width: float) -> float:
    inner = [np.exp(-_squares(x, y) / width) for x, y in ((a, a), (b, b), (a, b))]
    own = [(k.sum() - len(k)) / (len(k) * (len(k) - 1)) for k in inner[:2]]
    return float(own[0] + own[1] - 2 * inner[2].mean())


def _pooled(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, x.shape[-1])


def _some(x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` mixes of every song, chosen song by song."""
    chosen = rng.random(x.shape[:2]).argsort(axis=1)[:, :count]
    return np.take_along_axis(x, chosen[..., None], axis=1)


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances `(n, m)`."""
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0)
