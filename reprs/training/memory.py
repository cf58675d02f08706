"""A memory of captioned clips as the encoder sees them: making one costs more than learning from it again."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import torch
from torch import Tensor


class Lot(NamedTuple):
    """K clips that belong together: the encoder's views of them, each `(K, …)`, and K texts."""

    views: tuple[Tensor, ...]
    texts: list[str]


class Memory:
    """The last `capacity` lots, in half precision, drawn again at random."""

    def __init__(self, capacity: int) -> None:
        self.lots: deque[Lot] = deque(maxlen=capacity)

    def __len__(self) -> int:
        return len(self.lots)

    def add(self, lots: list[Lot]) -> None:
        self.lots.extend(Lot(tuple(view.half() for view in lot.views), lot.texts) for lot in lots)

    def draw(self, count: int, generator: torch.Generator) -> list[Lot]:
        """`count` different lots, in float32; fewer where the memory holds fewer."""
        chosen = torch.randperm(len(self.lots), generator=generator)[:count].tolist()
        return [Lot(tuple(v.float() for v in self.lots[i].views), self.lots[i].texts) for i in chosen]


def lots_of(views: tuple[Tensor, ...], texts: list[str], size: int) -> list[Lot]:
    """Clips `(N, …)` in lots of `size`."""
    parts = zip(*(view.split(size) for view in views), strict=True)
    return [Lot(part, texts[i * size : (i + 1) * size]) for i, part in enumerate(parts)]
