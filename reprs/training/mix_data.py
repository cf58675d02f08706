"""Batches of random mixes, as they are heard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, IterableDataset

from reprs.corpora.item import in_test
from reprs.training.data import Source
from reprs.training.finished import FinishedSet
from reprs.training.mix_set import Mixes, MixSet


class MixData(pl.LightningDataModule):
    """Batches of `Mixes`, drawn from the training set of random mixes, which is made first.

    A share of the contents is held out for validation. `shards`: 88 mixes each. `strip` is the controller's.
    With `finished`, a `finished_share` of the batches is finished music that was taken apart; what is held
    out of it is a second set for validation.
    """

    def __init__(
        self,
        corpora: list[Source],
        shards: int = 120,
        part_s: float = 4.0,
        foreign_share: float = 0.3,
        ears: str = "effect",
        timbre: str = "timbre",
        batch_size: int = 64,
        validation_share: float = 0.08,
        build: bool = True,
        seed: int = 0,
        strip: dict[str, Any] | None = None,
        finished: FinishedSet | None = None,
        finished_share: float = 0.1,
    ) -> None:
        super().__init__()
        self.wanted = MixSet(corpora, shards, part_s, foreign_share, ears, timbre, seed, strip or {})
        self.batch_size, self.validation_share = batch_size, validation_share
        self.build, self.seed = build, seed
        self.finished, self.finished_share = finished, finished_share

    def prepare_data(self) -> None:
        if self.build:
            self.wanted.build()
            if self.finished is not None:
                self.finished.build()

    def setup(self, stage: str) -> None:
        self.training, self.validation = self._apart(self.wanted.load())
        found = None if self.finished is None else self.finished.load()
        self.others = None if found is None else self._apart(found)

    def train_dataloader(self) -> DataLoader[Mixes]:
        first = self.trainer.global_step if self.trainer else 0
        others = None if self.others is None else self.others[0]
        batches = Batches(self.training, self.batch_size, self.seed + first, others, self.finished_share)
        return DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> Any:
        if self.others is None:
            return _in_rows(self.validation)
        return [_in_rows(self.validation), _in_rows(self.others[1])]

    def _apart(self, mixes: Mixes) -> tuple[Mixes, Mixes]:
        """What training sees, and what is held out; everything where that would be nothing."""
        held_out = torch.tensor([in_test(c, self.validation_share, self.seed) for c in mixes.contents])
        return mixes[~held_out], mixes[held_out] if held_out.any() else mixes


class Batches(IterableDataset[Mixes]):
    """Endless random batches; the same for the same seed.

    A batch holds single recordings or songs of several tracks, by their shares: padding a recording to six
    tracks would be most of the work.
    """

    def __init__(
        self, mixes: Mixes, size: int, seed: int, others: Mixes | None = None, share: float = 0.0
    ) -> None:
        self.mixes, self.size, self.seed = mixes, size, seed
        self.others, self.share = others, share
        single = mixes.there.sum(1) <= 1
        self.kinds = [rows for kind in (single, ~single) if len(rows := kind.nonzero()[:, 0])]

    def __iter__(self) -> Iterator[Mixes]:
        generator = torch.Generator().manual_seed(self.seed)
        chances = torch.tensor([float(len(rows)) for rows in self.kinds])
        while True:
            if self.others is not None and float(torch.rand((), generator=generator)) < self.share:
                chosen = torch.randint(len(self.others), (self.size,), generator=generator)
                yield self.others[chosen].trimmed()
                continue
            rows = self.kinds[int(torch.multinomial(chances, 1, generator=generator))]
            chosen = rows[torch.randint(len(rows), (self.size,), generator=generator)]
            yield self.mixes[chosen].trimmed()


def _in_rows(mixes: Mixes) -> DataLoader[Mixes]:
    rows = torch.arange(len(mixes)).split(256)
    return DataLoader([mixes[r] for r in rows], batch_size=None)  # type: ignore[arg-type]
