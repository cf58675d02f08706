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


@pytest.mark.parametrize("spread", [1.0, 0.5])
def test_frechet_of_few_mixes_a_song_is_that_of_endlessly_many(spread):
    """Songs at known places, mixes normal around them: the distance is known in closed form."""
    rng = np.random.default_rng(1)
    songs, mixes, size = 30, 8, 6
    places = rng.normal(size=(songs, 1, size)) * np.arange(1, size + 1)
    between = np.cov(places[:, 0].T) * (songs - 1) / songs
    own, other = between + np.eye(size), between + spread**2 * np.eye(size)
    expected = np.trace(own + other - 2 * sqrtm(own @ other).real)

    def drawn(spread):
        return places + spread * rng.normal(size=(songs, mixes, size))

    pairs = [(drawn(spread), drawn(1.0)) for _ in range(25)]
    plain = np.array([sets.frechet(a.reshape(-1, size), b.reshape(-1, size)) for a, b in pairs])
    found = np.array([sets.frechets(a, b)[0] for a, b in pairs])
    uncertain = found.std() / len(found) ** 0.5
    assert abs(found.mean() - expected) < 3 * uncertain + 0.15 * abs(plain.mean() - expected)
    assert plain.mean() - expected > 5 * uncertain


def test_mmd_is_the_sum_over_pairs_within_a_song():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(3, 6, 3)), rng.normal(1, 1, size=(3, 5, 3))
    gaps = [((v[i] - v[j]) ** 2).sum() for v in b for i in range(5) for j in range(i)]
    k = lambda x, y: np.exp(-((x - y) ** 2).sum() / np.median(gaps))  # noqa: E731
    for found, x, y in zip(sets.mmds(a, b), a, b, strict=True):
        own = [
            np.mean([k(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j]) for s in (x, y)
        ]
        assert found == pytest.approx(sum(own) - 2 * np.mean([k(v, w) for v in x for w in y]))


def test_the_same_distribution_covers_itself_and_half_of_it_half():
    rng = np.random.default_rng(2)
    valid, again = rng.normal(size=(400, 4)), rng.normal(size=(400, 4))
    coverage, density = sets.coverage_and_density(again, valid)
    assert coverage > 0.93 and abs(density - 1) < 0.12
    two = valid + 20 * (np.arange(400) % 2)[:, None]
    coverage, density = sets.coverage_and_density(again, two)
    assert 0.45 < coverage <= 0.5 and 0.8 < density < 1.2


def test_a_new_draw_is_at_nothing_and_what_is_shrunken_or_moved_is_not():
    rng = np.random.default_rng(3)
    places = 2 * rng.normal(size=(24, 1, 12))
    valid, again, other = (places + rng.normal(size=(24, 8, 12)) for _ in range(3))
    dull, moved = places + 0.3 * (again - places), again + 0.4
    new, worse = sets.figures(again, valid), [sets.figures(x, valid) for x in (dull, moved)]
    for name in ("Fréchet", "MMD"):
        assert new[name][1] < 0 < new[name][2]
        assert all(figures[name][1] > 0 for figures in worse)
    share, low, high = sets.lead(other, dull, valid)
    assert low < share < high and low > 0.3
    assert sets.lead(dull, dull, valid) == (0, 0, 0)


def test_only_together_with_their_references_are_deaf_samples_told_from_right_ones():
    rng = np.random.default_rng(5)
    styles = rng.normal(size=(4, 24, 8, 4))
    valid, right = (s + 0.5 * rng.normal(size=s.shape) for s in styles[:2])
    deaf = styles[2] + 0.5 * rng.normal(size=valid.shape)
    pairs = [np.concatenate(p, axis=2) for p in ((valid, styles[0]), (right, styles[1]), (deaf, styles[3]))]
    for sampled, together, is_right in ((right, pairs[1], True), (deaf, pairs[2], False)):
        alone, joint = sets.distances(sampled, valid), sets.distances(together, pairs[0])
        assert alone["Fréchet"][1] < 0 < alone["Fréchet"][2]
        assert (joint["Fréchet"][1] < 0) == is_right


def test_directions_have_a_variance_of_one_in_all():
    rng = np.random.default_rng(4)
    valid = rng.normal(size=(60, 20)) * np.arange(1, 21)
    centre, axes = sets.directions(valid)
    assert np.var((valid - centre) @ axes, axis=0, ddof=1).sum() == pytest.approx(1)
    samples = rng.normal(size=(6, 10, 20))
    a, b = sets.projected(samples, valid.reshape(6, 10, 20))
    assert np.allclose(b.reshape(60, -1), (valid - centre) @ axes) and np.allclose(
        a[0], (samples[0] - centre) @ axes
    )
