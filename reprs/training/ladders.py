"""Data of the recipe `quality`: degraded cuts with the teacher's scores, as what the model's ear looks at."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from reprs.corpora.cache import cache_folder
from reprs.corpora.item import in_test
from reprs.corpora.progress import track
from reprs.training.data import Source, corpora_of
from reprs.views.degradations import seen_kinds
from reprs.views.degraded import Asked, Cut, Fault, degraded_cuts, read, read_scores
from reprs.views.ladders import practice_cuts, training_cuts


class Ladders(NamedTuple):
    """A batch of N clips: views `(N, C, F)`, the teacher's scores `(N,)` (NaN: not asked), strengths of the
    faults `(N, K)` (0: absent), cuts `(N,)` they come from, and pairs `(P, 2)`, the better one first.
    """

    views: Tensor
    scores: Tensor
    strengths: Tensor
    cuts: Tensor
    pairs: Tensor


class QualityData(pl.LightningDataModule):
    """Batches of `cuts_per_batch` cuts, each with all its renders; a share of the pieces validates.

    The first `realigned` of `cuts` are judged by the teacher as it comes, the others without its realignment,
    in half the time; `practice` more are rendered and not judged. All is done once, which takes the most of
    an hour, and kept in the cache folder with what the ear sees of it.
    """

    def __init__(
        self,
        corpora: list[Source],
        cuts: int = 480,
        realigned: int = 480,
        practice: int = 0,
        cuts_per_batch: int = 16,
        validation_share: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.sources, self.count, self.cuts_per_batch = corpora, cuts, cuts_per_batch
        self.realigned, self.practice = realigned, practice
        self.validation_share, self.seed = validation_share, seed

    def prepare_data(self) -> None:
        for corpus in corpora_of(self.sources):
            corpus.download()
        self._made()

    def setup(self, stage: str) -> None:
        cuts, paths = self._made()
        recipe: Any = self.trainer and self.trainer.lightning_module
        views = kept_views(recipe.model.ear, cuts, paths)
        scores = [torch.from_numpy(read_scores(path)) for path in paths]
        held_out = [in_test(cut.content, self.validation_share, self.seed) for cut in cuts]
        rows = list(zip(cuts, views, scores, strict=True))
        self.training = CutDataset([r for r, out in zip(rows, held_out, strict=True) if not out])
        self.validation = CutDataset([r for r, out in zip(rows, held_out, strict=True) if out] or rows)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.training, self.cuts_per_batch, shuffle=True, drop_last=True, collate_fn=joined)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.validation, len(self.validation), collate_fn=joined)

    def _made(self) -> tuple[list[Cut], list[Path]]:
        """Every cut, and where it is kept."""
        items = [item for corpus in corpora_of(self.sources) for item in corpus.items()]
        if not items:
            raise ValueError("the corpora are empty: python -m reprs.corpora.debian --role train")
        judged = training_cuts(items, self.count, self.seed)
        parts: list[tuple[list[Cut], Asked]] = [
            (judged[: self.realigned], True),
            (judged[self.realigned :], "aligned"),
            (practice_cuts(items, self.practice, self.seed), False),
        ]
        paths = [p for cuts, asked in parts for p in degraded_cuts(cuts, asked, "degrading and judging")]
        return [cut for cuts, _ in parts for cut in cuts], paths


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
    """What an ear sees of every cut, `(1 + R, C, F)` float16, looked at once."""
    folder = cache_folder("quality", f"views-{_digest(ear)}")
    wanted = [(cut, path, folder / path.name) for cut, path in zip(cuts, paths, strict=True)]
    for cut, path, view in track([w for w in wanted if not w[2].exists()], "looking at the cuts"):
        done = read(cut, path)
        clips = torch.stack([torch.from_numpy(done.audio(i)) for i in range(len(done.clips))])
        scratch = view.with_suffix(f".{os.getpid()}.new")
        with scratch.open("wb") as file:
            np.savez(file, view=ear.view(clips).half().numpy(), scores=done.scores)  # type: ignore[operator]
        scratch.replace(view)
    return [torch.from_numpy(np.load(view)["view"]) for _, _, view in wanted]


def _digest(ear: nn.Module) -> str:
    """Names an ear by what it sees of a fixed noise."""
    noise = torch.randn(1, 2, 4 * 44_100, generator=torch.Generator().manual_seed(0))
    return hashlib.sha256(ear.view(noise).numpy().round(2).tobytes()).hexdigest()[:16]  # type: ignore[operator]


def _within(mild: Sequence[Fault], gross: Sequence[Fault]) -> bool:
    most = {fault.kind: fault.strength for fault in gross}
    return all(fault.strength <= most.get(fault.kind, -1.0) for fault in mild)


def _strengths(faults: Sequence[Fault]) -> Tensor:
    row = torch.zeros(len(seen_kinds()))
    for fault in faults:
        # A strength of 0 is still there: absent is 0 exactly.
        row[seen_kinds().index(fault.kind)] = max(fault.strength, 1e-3)
    return row
