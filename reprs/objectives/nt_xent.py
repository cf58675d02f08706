"""NT-Xent, the contrastive loss of SimCLR (Chen 2020), with negatives gathered from every process."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F


def nt_xent(
    a: Tensor,
    b: Tensor,
    temperature: float | Tensor = 0.1,
    chains: int = 1,
    others: float | Tensor = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy of finding `b[i]` from `a[i]`, and back, among all other embeddings.

    `a`, `b` `(N, D)`, of unit length; each `chains` rows are heard on the same two contents. A candidate of
    other contents counts `others` times: with 0, a row is told from its own group alone, and to know the
    contents is of no use. `temperature`, `others` and a `weight` in the mean may be `(N,)`, one for each row.
    Under DDP the candidates are those of all processes (equal N in each), and gradients flow to each
    process's own embeddings as well as through the gathered ones.
    """
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"a and b are both (N, D), got {tuple(a.shape)} and {tuple(b.shape)}")
    if len(a) % chains:
        raise ValueError(f"{len(a)} rows are not groups of {chains}")
    every_a, every_b, rank = _gather(a), _gather(b), dist.get_rank() if _distributed() else 0
    own = torch.arange(len(a), device=a.device) + rank * len(a)
    anchors, candidates = torch.cat([a, b]), torch.cat([every_a, every_b])
    logits = anchors @ candidates.T / _of_rows(temperature, a)
    every_group = torch.arange(len(every_a), device=a.device).div(chains, rounding_mode="floor").repeat(2)
    elsewhere = every_group != every_group[own].repeat(2)[:, None]
    logits = logits + torch.where(elsewhere, _of_rows(others, a).log(), 0)
    itself = torch.cat([own, own + len(every_a)])
    logits = logits.scatter(1, itself[:, None], float("-inf"))
    target = torch.cat([own + len(every_a), own])
    each = F.cross_entropy(logits, target, reduction="none")
    return (each if weight is None else each * weight.repeat(2)).mean()


def _of_rows(value: float | Tensor, like: Tensor) -> Tensor:
    """One value for all rows, or `(N,)`, as a column for the rows of `a` and then of `b`."""
    rows = torch.as_tensor(value, dtype=like.dtype, device=like.device).expand(len(like))
    return rows.repeat(2)[:, None]


def _distributed() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _gather(e: Tensor) -> Tensor:
    return _Gather.apply(e) if _distributed() else e


class _Gather(torch.autograd.Function):
    """The embeddings of all processes, `(W · N, D)`; gradients go back to where each came from."""

    @staticmethod
    def forward(ctx: Any, e: Tensor) -> Tensor:
        parts = [torch.empty_like(e) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, e.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient.chunk(dist.get_world_size())[dist.get_rank()]
