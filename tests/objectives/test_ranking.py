"""Pairwise ranking against the formula written out."""

import math

import pytest
import torch

from reprs.objectives.ranking import ranking


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
