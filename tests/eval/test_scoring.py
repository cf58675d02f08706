import numpy as np
import pytest

from eval.scoring import gallery_figures, gallery_ranks, interval, twenty_way


def test_a_query_must_beat_every_other_chain_on_its_own_content():
    query = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.2]])
    target = np.array([[1.0, 0.1], [0.0, 2.0], [0.0, 1.0]])
    # Cosines by hand, own target against best rival: .995 > .981, 1 > .196, .196 < .981.
    assert twenty_way(query, target).tolist() == [1, 1, 0]


def test_ties_count_as_a_fair_draw():
    assert twenty_way(np.ones((20, 3)), np.ones((20, 3))) == pytest.approx(np.full(20, 1 / 20))


def test_ranks_agree_with_sorting_one_by_one():
    rng = np.random.default_rng(0)
    query, target = rng.standard_normal((2, 40, 6))
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (query, target)]
    expected = [1 + sum(t @ q > unit[1][i] @ q for t in unit[1]) for i, q in enumerate(unit[0])]
    assert gallery_ranks(query, target).tolist() == expected


def test_gallery_figures():
    figures = gallery_figures(np.array([1.0, 2.0, 10.0, 11.0]))
    assert figures["R@1"].mean() == 0.25
    assert figures["R@10"].mean() == 0.75
    assert figures["MRR"].mean() == pytest.approx((1 + 1 / 2 + 1 / 10 + 1 / 11) / 4)


def test_the_interval_is_that_of_the_contents_not_of_the_trials():
    rng = np.random.default_rng(0)
    per_content = rng.random(50) < 0.4
    contents = np.repeat(np.arange(50), 20).astype(str)
    mean, low, high = interval(np.repeat(per_content, 20).astype(float), contents)
    assert mean == pytest.approx(per_content.mean())
    # Normal approximation over 50 independent contents.
    half = 1.96 * per_content.std() / np.sqrt(50)
    assert (mean - low, high - mean) == (pytest.approx(half, rel=0.15), pytest.approx(half, rel=0.15))
