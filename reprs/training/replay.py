"""A memory of what was rendered: on a CPU, rendering and measuring clips costs three times what learning from
them does, and a group of clips teaches something new each time it meets other groups.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import torch
from torch import Tensor


class Group(NamedTuple):
    """K chains on two contents: the encoder's views of the clips, each `(2, K, …)`, knobs `z` `(K, P)`,
    bypass `mask` `(K, E)` and the measured `change` `(2, K, M)`.
    """

    views: tuple[Tensor, ...]
    z: Tensor
    mask: Tensor
    change: Tensor


class Replay:
    """The last `capacity` groups, in half precision, drawn again at random."""

    def __init__(self, capacity: int) -> None:
        self.groups: deque[Group] = deque(maxlen=capacity)

    def __len__(self) -> int:
        return len(self.groups)

    def add(self, groups: list[Group]) -> None:
        self.groups.extend(Group(tuple(v.half() for v in g.views), *g[1:]) for g in groups)

    def draw(self, count: int, generator: torch.Generator) -> list[Group]:
        """`count` different groups, in float32; fewer where the memory holds fewer."""
        chosen = torch.randperm(len(self.groups), generator=generator)[:count].tolist()
        drawn = [self.groups[i] for i in chosen]
        return [Group(tuple(v.float() for v in g.views), *g[1:]) for g in drawn]

    def singles(self, count: int, generator: torch.Generator) -> list[Group]:
        """`count` chains, each on its two contents: groups of one, nearly all of other music."""
        groups = torch.randint(len(self.groups), (count,), generator=generator).tolist()
        chosen = [
            (self.groups[i], int(torch.randint(len(self.groups[i].z), (), generator=generator)))
            for i in groups
        ]
        return [_single(group, k) for group, k in chosen]


def _single(group: Group, k: int) -> Group:
    """The group's chain `k`, in float32."""
    views = tuple(v[:, k : k + 1].float() for v in group.views)
    return Group(views, group.z[k : k + 1], group.mask[k : k + 1], group.change[:, k : k + 1])
