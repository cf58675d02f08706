"""Pairwise ranking against the formula written out."""

import math

import pytest
import torch

from reprs.objectives.ranking import pairs_apart, ranking


def test_the_loss_is_the_mean_logistic_of_the_differences():
    logit = torch.tensor([2.0, -1.0, 0.5])
    pairs = [(0, 1), (2, 0)]
    better, worse = torch.tensor(pairs).T
    expected = sum(math.log(1 + math.exp(logit[w] - logit[b])) for b, w in pairs) / 2
    assert float(ranking(logit, better, worse)) == pytest.approx(expected, rel=1e-6)


def test_no_pairs_cost_nothing_and_still_have_a_gradient():
    logit = torch.zeros(3, requires_grad=True)
    none = torch.zeros(0, dtype=torch.long)
    ranking(logit, none, none).backward()
    assert torch.equal(logit.grad, torch.zeros(3))


def test_pairs_apart_are_those_of_a_double_loop_and_leave_out_unknown_scores():
    score = torch.tensor([4.7, 3.0, 3.1, math.nan, 1.0])
    found = set(zip(*(i.tolist() for i in pairs_apart(score, 0.25)), strict=True))
    assert found == {(a, b) for a in range(5) for b in range(5) if float(score[a] - score[b]) >= 0.25}
