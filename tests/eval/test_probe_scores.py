"""Figures and linear probes against slow definitions, closed forms and scikit-learn's own scores."""

import numpy as np
import pytest

from eval import linear
from eval.probe_scores import accuracy, average_precision, bootstrapped, macro, r_squared

ONES = np.ones(60)


@pytest.fixture()
def rng():
    return np.random.default_rng(0)


def slow_average_precision(scores, labels):
    """For every positive, the share of positives among all clips that score at least as much."""
    shares = [
        labels[scores >= s].mean() for s, is_positive in zip(scores, labels, strict=True) if is_positive
    ]
    return np.mean(shares)


@pytest.mark.parametrize("levels", [1, 3, 10, 10_000])
def test_average_precision_is_its_definition_with_ties_too(rng, levels):
    scores, labels = rng.integers(levels, size=60).astype(float), rng.integers(2, size=60)
    assert average_precision(scores, labels, ONES) == pytest.approx(slow_average_precision(scores, labels))


def test_weights_count_clips_several_times(rng):
    scores, labels, weights = rng.normal(size=60), rng.integers(2, size=60), rng.integers(4, size=60)
    again = np.repeat(np.arange(60), weights)
    several = average_precision(scores, labels, np.stack([weights, ONES]))
    assert several[0] == pytest.approx(slow_average_precision(scores[again], labels[again]))
    assert several[1] == pytest.approx(slow_average_precision(scores, labels))


def test_average_precision_and_r_squared_are_scikit_learns(rng):
    from sklearn.metrics import average_precision_score, r2_score

    scores, labels, weights = rng.normal(size=60), rng.integers(2, size=60), rng.random(60)
    expected = average_precision_score(labels, scores, sample_weight=weights)
    assert average_precision(scores, labels, weights) == pytest.approx(expected)
    y, said = rng.normal(size=(2, 60))
    assert r_squared(y, said, weights) == pytest.approx(r2_score(y, said, sample_weight=weights))


def test_r_squared_of_the_least_squares_line_is_the_squared_correlation(rng):
    x = rng.normal(size=60)
    y = 2 * x + rng.normal(size=60)
    line = np.polyval(np.polyfit(x, y, 1), x)
    assert r_squared(y, line, ONES) == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    assert r_squared(y, np.full(60, y.mean()), ONES) == pytest.approx(0)


def test_an_interval_over_contents_is_wider_than_over_clips(rng):
    right = np.repeat(rng.integers(2, size=12), 5).astype(float)
    by_content = bootstrapped(lambda w: accuracy(right, w), np.repeat(np.arange(12), 5).astype(str))
    by_clip = bootstrapped(lambda w: accuracy(right, w), np.arange(60).astype(str))
    assert by_content[0] == by_clip[0] == right.mean()
    assert by_content[2] - by_content[1] > 1.5 * (by_clip[2] - by_clip[1])


def test_macro_is_the_mean_and_skips_what_is_not_defined():
    figures = [lambda w: np.array(0.2), lambda w: np.array(0.6), lambda w: np.array(np.nan)]
    assert macro(figures)(ONES) == pytest.approx(0.4)


def test_folds_keep_contents_together_and_are_all_used(rng):
    contents = rng.integers(20, size=200).astype(str)
    fold = linear.folds(contents)
    assert set(fold) == {0, 1, 2, 3}
    assert all(len(set(fold[contents == c])) == 1 for c in set(contents))


def test_what_hardly_varies_is_no_feature(rng):
    x = np.stack([rng.normal(size=50), -26 + 1e-5 * rng.normal(size=50), np.full(50, 3.0)], axis=1)
    train, test = linear.standardised(x, x + 1)
    assert train.std(axis=0) == pytest.approx([1, 0, 0]) and train.mean(axis=0) == pytest.approx([0, 0, 0])
    assert not test[:, 1:].any()


def test_ridge_is_the_normal_equations(rng):
    x, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 2))
    for penalty, weights in zip(linear.RIDGE_PENALTIES, linear._ridge_paths(x, y), strict=True):
        assert np.allclose(weights, np.linalg.inv(x.T @ x + penalty * np.eye(6)) @ x.T @ y)


def test_ridge_finds_a_line_and_refuses_noise(rng):
    x, contents = rng.normal(size=(300, 10)), (np.arange(300) // 3).astype(str)
    y = np.stack([x @ rng.normal(size=10) + 5, rng.normal(size=300)], axis=1)
    (said,) = linear.ridge(x[:200], y[:200], contents[:200], x[200:])
    assert r_squared(y[200:, 0], said[:, 0], np.ones(100)) > 0.999
    assert r_squared(y[200:, 1], said[:, 1], np.ones(100)) == pytest.approx(0, abs=0.06)


def test_classifiers_read_a_planted_direction(rng):
    contents = (np.arange(240) // 4).astype(str)
    y = rng.integers(3, size=240)
    x = rng.normal(size=(240, 12)) + 6 * np.eye(12)[y]
    (said,) = linear.classify(x[:160], y[:160], contents[:160], x[160:])
    assert np.mean(said == y[160:]) > 0.97
    one_hot = np.eye(3)[y].astype(int)
    (scores,) = linear.logistic_scores(x[:160], one_hot[:160], contents[:160], x[160:])
    assert np.mean(scores.argmax(axis=1) == y[160:]) > 0.97
    votes = linear.neighbour_votes(x[:160], one_hot[:160], x[160:])
    assert np.mean(votes.argmax(axis=1) == y[160:]) > 0.97
    few = linear.few_shot_classes(x[:160], y[:160], x[160:], shots=5, seed=0)
    assert np.mean(few == y[160:]) > 0.9


def test_a_label_that_is_always_there_scores_nothing(rng):
    x, y = rng.normal(size=(40, 3)), np.stack([np.ones(40), np.arange(40) % 2], axis=1).astype(int)
    (scores,) = linear.logistic_scores(x, y, np.arange(40).astype(str), x)
    assert not scores[:, 0].any() and scores[:, 1].any()
