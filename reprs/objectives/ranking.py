"""Pairwise ranking: the better of two should score higher (Burges et al. 2005, "Learning to rank using
gradient descent"; for quality, Serrà 2021).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def ranking(logit: Tensor, better: Tensor, worse: Tensor) -> Tensor:
    """Mean over pairs of log(1 + exp(worse - better)): `logit` `(N,)`, indices `(P,)`; 0 for no pairs."""
    if not len(better):
        return logit.sum() * 0
    return F.softplus(logit[worse] - logit[better]).mean()
