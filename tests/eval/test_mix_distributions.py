"""Distances between sets of mixes, against closed forms, SciPy and counting."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from eval import mix_distributions as sets


def test_frechet_is_the_textbook_formula():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5)), rng.normal(0.3, 2, size=(150, 5))
    x, y = np.cov(a.T), np.cov(b.T)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(x + y - 2 * sqrtm(x @ y).real)
    assert sets.frechet(a, b) == pytest.approx(expected, rel=1e-6)
    assert sets.frechet(b, b) == pytest.approx(0, abs=1e-9)


def test_mmd_is_the_sum_over_pairs():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(12, 3)), rng.normal(1, 1, size=(10, 3))
    gaps = [((b[i] - b[j]) ** 2).sum() for i in range(10) for j in range(i)]
    k = lambda x, y: np.exp(-((x - y) ** 2).sum() / np.median(gaps))  # noqa: E731
    own = [np.mean([k(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j]) for s in (a, b)]
    assert sets.mmd(a, b) == pytest.approx(sum(own) - 2 * np.mean([k(x, y) for x in a for y in b]))


def test_the_same_distribution_covers_itself_and_half_of_it_half():
    rng = np.random.default_rng(2)
    valid, again = rng.normal(size=(400, 4)), rng.normal(size=(400, 4))
    coverage, density = sets.coverage_and_density(again, valid)
    assert coverage > 0.93 and abs(density - 1) < 0.12
    two = valid + 20 * (np.arange(400) % 2)[:, None]
    coverage, density = sets.coverage_and_density(again, two)
    assert 0.45 < coverage <= 0.5 and 0.8 < density < 1.2


def test_a_shrunken_set_is_further_away_than_a_new_draw():
    rng = np.random.default_rng(3)
    valid, again = rng.normal(size=(150, 30)), rng.normal(size=(150, 30))
    near, dull = sets.figures(again, valid), sets.figures(0.4 * again, valid)
    assert near["Fréchet"] < 0.5 * dull["Fréchet"] and near["MMD"] < dull["MMD"]
    assert near["density"] < dull["density"]


def test_directions_have_a_variance_of_one_in_all():
    rng = np.random.default_rng(4)
    valid = rng.normal(size=(60, 20)) * np.arange(1, 21)
    centre, axes = sets.directions(valid)
    assert np.var((valid - centre) @ axes, axis=0, ddof=1).sum() == pytest.approx(1)
