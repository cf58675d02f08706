"""Knobs, switches and an order as one unbounded vector, in which a generator can move freely, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Knobs at an end of their range stay finite, and whatever lies beyond comes back to that end.
MARGIN = 0.01
# Spread of the noise on what is discrete, in units of half the step from "off" to "on".
BLUR = 0.25


@dataclass(frozen=True)
class Coordinates:
    """How many knobs, switches and effects to put in order (0: their order is fixed) one vector holds.

    A knob in [0, 1] becomes its normal score, a switch -1 or 1 (Chen 2023, analog bits), an effect's place
    in the chain a number from -1 to 1. All work on the last axis.
    """

    knobs: int
    switches: int = 0
    effects: int = 0

    def __len__(self) -> int:
        return self.knobs + self.switches + self.effects

    def encode(self, z: Tensor, on: Tensor | None = None, order: Tensor | None = None) -> Tensor:
        """`z` `(…, knobs)`, `on` `(…, switches)`, `order` `(…, effects)` as `Chain` takes it → `(…, len)`."""
        head = z.shape[:-1]
        on = torch.ones(*head, self.switches, device=z.device) if on is None else on
        order = torch.arange(self.effects, device=z.device).expand(*head, -1) if order is None else order
        places = order.argsort(dim=-1).to(z) * (2 / max(self.effects - 1, 1)) - 1
        return torch.cat([normal_score(z), 2 * on.to(z) - 1, places[..., : self.effects]], dim=-1)

    def decode(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`z`, `on` (boolean) and `order` of a vector `(…, len)`."""
        score, switch, place = u.split([self.knobs, self.switches, self.effects], dim=-1)
        return unit(score), switch > 0, place.argsort(dim=-1)

    def blurred(self, u: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The same with noise on all that is discrete, so that there is no spike to learn."""
        noise = torch.randn(u.shape, generator=generator).to(u)
        step = torch.full((len(self),), BLUR, device=u.device)
        step[: self.knobs] = 0
        step[self.knobs + self.switches :] = BLUR * 2 / max(self.effects - 1, 1)
        return u + step * noise


def normal_score(z: Tensor) -> Tensor:
    """Where a standard normal has the share `z` of its mass below, all but MARGIN at both ends."""
    return torch.special.ndtri(MARGIN + (1 - 2 * MARGIN) * z.clamp(0, 1))


def unit(score: Tensor) -> Tensor:
    """`z` in [0, 1] of a normal score; scores beyond an end of the range land on it."""
    return ((torch.special.ndtr(score) - MARGIN) / (1 - 2 * MARGIN)).clamp(0, 1)
