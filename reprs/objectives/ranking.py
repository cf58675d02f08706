"""Pairwise ranking: the better of two should score higher (Burges et al. 2005, "Learning to rank using
gradient descent"; for quality, Serrà 2021).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def ranking(logit: Tensor, better: Tensor, worse: Tensor) -> Tensor:
    """Mean over pairs of log(1 + exp(worse - better)): `logit` `(N,)`, indices `(P,)`; 0 for no pairs."""
    if not len(better):
        return logit.sum() * 0
    return F.softplus(logit[worse] - logit[better]).mean()


def pairs_apart(score: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """All pairs whose scores `(N,)` differ by `least` or more: indices of the better and of the worse."""
    better, worse = torch.nonzero(score[:, None] - score[None, :] >= least, as_tuple=True)
    return better, worse
