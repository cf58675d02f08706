"""A memory of what was rendered: on a CPU, rendering and measuring clips costs three times what learning from
them does, and a group of clips teaches something new each time it meets other groups.
"""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

OTHERS = ("z", "mask", "change")


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
        self.folder: Path | None = None
        self.made_by = ""
        self.files: deque[tuple[Path, int]] = deque()

    def __len__(self) -> int:
        return len(self.groups)

    def keep_in(self, folder: Path, made_by: str) -> None:
        """Remember what is in a folder, oldest first by name, and write there from now on.

        `made_by` names what rendered and looked at the groups; files of another are left alone.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.made_by = folder, made_by
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, "pt") as file:
                if (file.metadata() or {}).get("made_by") != made_by:
                    continue
                kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            views = [kept[name] for name in sorted(kept) if name.startswith("view")]
            rows = zip(zip(*views, strict=True), *(kept[name] for name in OTHERS), strict=True)
            self.groups.extend(Group(*row) for row in rows)
            self.files.append((path, len(kept["z"])))

    def add(self, groups: list[Group]) -> None:
        halves = [Group(tuple(v.half() for v in g.views), *g[1:]) for g in groups]
        self.groups.extend(halves)
        if self.folder is not None and groups:
            self._write(self.folder, halves)

    def _write(self, folder: Path, groups: list[Group]) -> None:
        """One file with the groups; the oldest files go when the others fill the memory."""
        views = zip(*(g.views for g in groups), strict=True)
        stacked = {f"view{i}": torch.stack(view) for i, view in enumerate(views)}
        stacked |= {name: torch.stack([getattr(g, name) for g in groups]) for name in OTHERS}
        path = folder / f"{time.time_ns()}.safetensors"
        partial = path.with_suffix(".partial")  # a run that is cut off leaves no half of a file to read
        save_file(stacked, partial, {"made_by": self.made_by})
        partial.rename(path)
        self.files.append((path, len(groups)))
        while sum(count for _, count in self.files) - self.files[0][1] >= (self.groups.maxlen or 0):
            self.files.popleft()[0].unlink(missing_ok=True)

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
