"""Draws random effect chains: which effects, in which order, with which knobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from reprs.effects import Chain, registry


@dataclass(frozen=True)
class Choice:
    """How one effect takes part in random chains.

    `probability` that it is on, `ranges` of knobs narrower than declared, `options` of the effect.
    """

    effect: str
    probability: float = 0.5
    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draw:
    """Settings of N chains: knobs `z` `(N, P)`, bypass `mask` `(N, E)` (true = on) and `order` `(N, E)`."""

    z: Tensor
    mask: Tensor
    order: Tensor

    def __len__(self) -> int:
        return len(self.z)

    def __getitem__(self, index: Tensor) -> Draw:
        return Draw(self.z[index], self.mask[index], self.order[index])


class ChainSampler:
    """Random chains over a list of `Choice`s.

    A share `few` of the chains has its number of effects drawn evenly from 1 to `few_at_most` instead of
    by the effects' probabilities, so that single effects are heard alone; a share `shuffled` has a random
    order, the others the order of the list. Every chain has at least one effect. Randomness comes from the
    generator alone.
    """

    def __init__(
        self, effects: Sequence[Choice], few: float = 0.5, few_at_most: int = 3, shuffled: float = 0.5
    ) -> None:
        unknown = sorted({c.effect for c in effects} - set(registry))
        if unknown:
            raise ValueError(f"no effect is called {unknown}; `reprs effects` lists them")
        self.choices, self.few, self.few_at_most, self.shuffled = list(effects), few, few_at_most, shuffled
        self.chain = Chain(
            [
                registry[c.effect]
                .with_options(**c.options)
                .narrow(**{k: (lo, hi) for k, (lo, hi) in c.ranges.items()})
                for c in effects
            ]
        )

    def draw(self, count: int, generator: torch.Generator) -> Draw:
        """`count` independent chains."""
        mask = self._masks(count, generator)
        return Draw(
            torch.rand(count, len(self.chain), generator=generator), mask, self._orders(count, generator)
        )

    def draw_groups(
        self, groups: int, size: int, sibling_share: float, single_share: float, generator: torch.Generator
    ) -> Draw:
        """`groups × size` chains, for groups that are heard on the same content.

        A `sibling_share` of each group has the effects and order of its first chain and differs from it in
        the knobs alone: telling siblings apart is what teaches knobs. In a `single_share` of the groups every
        chain has one effect: what little it changes must outweigh what the content says.
        """
        drawn = self.draw(groups * size, generator)
        single = (torch.rand(groups, generator=generator) < single_share).repeat_interleave(size)
        one = self._ranked(groups * size, generator) == 0
        mask = torch.where(single[:, None], one, drawn.mask)
        position = torch.arange(groups * size)
        sibling = (position % size) < round(sibling_share * size)
        source = torch.where(sibling, position - position % size, position)
        return Draw(drawn.z, mask[source], drawn.order[source])

    def _masks(self, count: int, generator: torch.Generator) -> Tensor:
        weights = torch.tensor([c.probability for c in self.choices])
        usual = torch.rand(count, len(weights), generator=generator) < weights
        at_most = min(self.few_at_most, int((weights > 0).sum()))
        number = torch.randint(1, at_most + 1, (count,), generator=generator)
        rank = self._ranked(count, generator)
        few = (torch.rand(count, generator=generator) < self.few) | ~usual.any(dim=1)
        return torch.where(few[:, None], rank < number[:, None], usual)

    def _ranked(self, count: int, generator: torch.Generator) -> Tensor:
        """Random ranks `(count, E)`: effects drawn by probability, one after another without repetition."""
        weights = torch.tensor([c.probability for c in self.choices])
        uniform = torch.rand(count, len(weights), generator=generator).clamp(1e-9, 1 - 1e-7)
        gumbel = -torch.log(-torch.log(uniform))
        return (weights.log() + gumbel).argsort(dim=1, descending=True).argsort(dim=1)

    def _orders(self, count: int, generator: torch.Generator) -> Tensor:
        size = len(self.choices)
        shuffled = torch.rand(count, size, generator=generator).argsort(dim=1)
        keep = torch.rand(count, 1, generator=generator) >= self.shuffled
        return torch.where(keep, torch.arange(size).expand(count, size), shuffled)
