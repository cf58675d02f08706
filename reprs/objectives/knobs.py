"""Read the chain back from the features: which effects are on, and where their knobs stand."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class KnobLoss(NamedTuple):
    presence: Tensor
    knobs: Tensor


class KnobReader(nn.Module):
    """Linear heads on the encoder's features: presence logits `(B, E)` and knobs in [0, 1] `(B, P)`.

    `widths` are the knob counts of the E effects. The heads only train the encoder; they are not shipped.
    """

    def __init__(self, feature_dim: int, widths: list[int]) -> None:
        super().__init__()
        self.widths = widths
        self.presence = nn.Linear(feature_dim, len(widths))
        self.knobs = nn.Linear(feature_dim, sum(widths))

    def loss(self, features: Tensor, z: Tensor, mask: Tensor) -> KnobLoss:
        """Binary cross-entropy of presence; squared error of the knobs of effects that are on."""
        on = mask.to(features.dtype)
        presence = F.binary_cross_entropy_with_logits(self.presence(features), on)
        each = on.repeat_interleave(torch.tensor(self.widths, device=on.device), dim=1)
        squared = (self.knobs(features).sigmoid() - z.to(features.dtype)).square()
        return KnobLoss(presence, (squared * each).sum() / each.sum().clamp(min=1))
