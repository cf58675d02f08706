"""Predict from the wet clip alone what the chain changed: what is left when the content is taken away."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ChangeReader(nn.Module):
    """A linear head that predicts measured changes `(B, M)` from features `(B, D)`.

    Measurements are taken of the wet clip and of the dry one; their difference, in units of its running
    deviation over the training, is the target. Unlike knobs, a change is identifiable: two settings of an
    equaliser with the same response have the same target. The head only trains the encoder.
    """

    def __init__(self, feature_dim: int, measurements: int, momentum: float = 0.99) -> None:
        super().__init__()
        self.momentum = momentum
        self.head = nn.Linear(feature_dim, measurements)
        self.deviation: Tensor
        self.register_buffer("deviation", torch.zeros(measurements))

    def loss(self, features: Tensor, change: Tensor) -> Tensor:
        """Huber loss of the standardised `change` `(B, M)`, wet less dry; `features` `(B, D)`."""
        if self.training:
            self._learn(change)
        target = change / (self.deviation + 1e-3)
        return F.smooth_l1_loss(self.head(features), target.clamp(-5, 5))

    @torch.no_grad()
    def _learn(self, change: Tensor) -> None:
        now = change.square().mean(0).sqrt()
        weight = 1 - self.momentum if bool(self.deviation.any()) else 1.0
        self.deviation.lerp_(now, weight)


def measure(views: tuple[Tensor, ...]) -> Tensor:
    """An encoder's views of B clips, pooled to one vector each: spectrum, echoes and dynamics `(B, M)`."""
    _, spectrum, echo, dynamics, *_ = views
    spectrum = F.avg_pool1d(spectrum, 4)
    echo = F.avg_pool1d(echo, 8)
    return torch.cat([spectrum.flatten(1), echo.flatten(1), dynamics], dim=1)
