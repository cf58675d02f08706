"""How recipes learn: AdamW without decay of vectors, warm-up, half a cosine, averaged weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def optimise(
    groups: Iterable[tuple[nn.Module | nn.Parameter, float]],
    weight_decay: float,
    warmup_steps: int,
    total_steps: int | float,
) -> dict[str, Any]:
    """What `configure_optimizers` returns for modules and parameters, each with its own learning rate.

    The rate rises linearly for `warmup_steps`, then falls along half a cosine to 1 %. Only what trains is
    given to the optimiser, and only matrices decay (Loshchilov 2019).
    """
    parts = []
    for member, rate in groups:
        every = [member] if isinstance(member, nn.Parameter) else list(member.parameters())
        every = [p for p in every if p.requires_grad]
        matrices, vectors = [p for p in every if p.ndim > 1], [p for p in every if p.ndim <= 1]
        parts += [{"params": matrices, "weight_decay": weight_decay, "lr": rate}] if matrices else []
        parts += [{"params": vectors, "weight_decay": 0.0, "lr": rate}] if vectors else []
    optimizer = torch.optim.AdamW(parts)
    total = max(1, int(total_steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, warmup_steps, total))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def rate_at(step: int, warmup_steps: int, total_steps: int) -> float:
    """The share of the learning rate at a step."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
    return 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a model's weights and buffers, which nothing trains."""
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    average.requires_grad_(False)
    return average
