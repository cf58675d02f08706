"""Data of the recipe `quality`: degraded cuts with the teacher's scores, as what the model's ear looks at."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from reprs.corpora.cache import cache_folder
from reprs.corpora.item import in_test
from reprs.corpora.progress import track
from reprs.training.data import Source, corpora_of
from reprs.views.degradations import seen_kinds
from reprs.views.degraded import Cut, Fault, degraded_cuts, read
from reprs.views.ladders import training_cuts


class Ladders(NamedTuple):
    """A batch of N clips: views `(N, C, F)`, the teacher's scores `(N,)`, strengths of the faults `(N, K)`
    (0: absent), the cut each comes from `(N,)`, and pairs `(P, 2)` of which the first sounds better.
    """

    views: Tensor
    scores: Tensor
    strengths: Tensor
    cuts: Tensor
    pairs: Tensor


class QualityData(pl.LightningDataModule):
    """Batches of `cuts_per_batch` cuts, each with all its renders; a share of the pieces validates.

    The cuts are rendered and judged once, which takes most of an hour (ViSQOL: 0.4 s of a CPU a clip), and
    kept in the cache folder; what the ear sees of them is kept there too.
    """

    def __init__(
        self,
        corpora: list[Source],
        cuts: int = 480,
        cuts_per_batch: int = 16,
        validation_share: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.sources, self.count, self.cuts_per_batch = corpora, cuts, cuts_per_batch
        self.validation_share, self.seed = validation_share, seed

    def prepare_data(self) -> None:
        for corpus in corpora_of(self.sources):
            corpus.download()
        degraded_cuts(self._cuts(), judged=True, label="degrading and judging")

    def setup(self, stage: str) -> None:
        cuts = self._cuts()
        paths = degraded_cuts(cuts, judged=True, label="degrading and judging")
        recipe: Any = self.trainer and self.trainer.lightning_module
        views = kept_views(recipe.model.ear, cuts, paths)
        scores = [torch.from_numpy(read(c, p).scores) for c, p in zip(cuts, paths, strict=True)]
        held_out = [in_test(cut.content, self.validation_share, self.seed) for cut in cuts]
        rows = list(zip(cuts, views, scores, strict=True))
        self.training = CutDataset([r for r, out in zip(rows, held_out, strict=True) if not out])
        self.validation = CutDataset([r for r, out in zip(rows, held_out, strict=True) if out] or rows)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.training, self.cuts_per_batch, shuffle=True, drop_last=True, collate_fn=joined)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.validation, len(self.validation), collate_fn=joined)

    def _cuts(self) -> list[Cut]:
        items = [item for corpus in corpora_of(self.sources) for item in corpus.items()]
        if not items:
            raise ValueError("the corpora are empty: python -m reprs.corpora.debian --role train")
        return training_cuts(items, self.count, self.seed)


class CutDataset(Dataset[tuple[Cut, Tensor, Tensor]]):
    """Cuts with their views `(1 + R, C, F)` and scores `(1 + R,)`."""

    def __init__(self, rows: Sequence[tuple[Cut, Tensor, Tensor]]) -> None:
        self.rows = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Cut, Tensor, Tensor]:
        return self.rows[index]


def joined(rows: Sequence[tuple[Cut, Tensor, Tensor]]) -> Ladders:
    """Cuts as one batch."""
    cuts = [cut for cut, _, _ in rows]
    renders = [((), *cut.renders) for cut in cuts]
    firsts = torch.tensor([0, *(len(r) for r in renders)]).cumsum(0).tolist()
    pairs = [(a + first, b + first) for r, first in zip(renders, firsts, strict=False) for a, b in order(r)]
    return Ladders(
        torch.cat([view for _, view, _ in rows]).float(),
        torch.cat([score for _, _, score in rows]),
        torch.stack([_strengths(faults) for r in renders for faults in r]),
        torch.repeat_interleave(torch.arange(len(cuts)), torch.tensor([len(r) for r in renders])),
        torch.tensor(pairs).reshape(-1, 2),
    )


def order(renders: Sequence[tuple[Fault, ...]]) -> list[tuple[int, int]]:
    """Pairs of renders of which the first has no more of any fault, and less of one."""
    return [
        (a, b)
        for a, mild in enumerate(renders)
        for b, gross in enumerate(renders)
        if a != b and mild != gross and _within(mild, gross)
    ]


def kept_views(ear: nn.Module, cuts: Sequence[Cut], paths: Sequence[Path]) -> list[Tensor]:
    """What an ear sees of every cut, `(1 + R, C, F)` float16, made once."""
    path = cache_folder("quality") / f"views-{_digest(ear, cuts)}.pt"
    if not path.exists():
        views = []
        for cut, kept in track(list(zip(cuts, paths, strict=True)), "looking at the cuts"):
            done = read(cut, kept)
            clips = torch.stack([torch.from_numpy(done.audio(i)) for i in range(len(done.clips))])
            views.append(ear.view(clips).half().clone())  # type: ignore[operator]
        scratch = path.with_suffix(f".{os.getpid()}.new")
        torch.save(views, scratch)
        scratch.replace(path)
    return torch.load(path, weights_only=True)


def _digest(ear: nn.Module, cuts: Sequence[Cut]) -> str:
    """Names the cuts and the ear: by what it sees of a fixed noise."""
    noise = torch.randn(1, 2, 4 * 44_100, generator=torch.Generator().manual_seed(0))
    digest = hashlib.sha256(ear.view(noise).numpy().round(3).tobytes())  # type: ignore[operator]
    digest.update("".join(cut.key(True) for cut in cuts).encode())
    return digest.hexdigest()[:20]


def _within(mild: Sequence[Fault], gross: Sequence[Fault]) -> bool:
    most = {fault.kind: fault.strength for fault in gross}
    return all(fault.strength <= most.get(fault.kind, -1.0) for fault in mild)


def _strengths(faults: Sequence[Fault]) -> Tensor:
    row = torch.zeros(len(seen_kinds()))
    for fault in faults:
        # A strength of 0 is still there: absent is 0 exactly.
        row[seen_kinds().index(fault.kind)] = max(fault.strength, 1e-3)
    return row
