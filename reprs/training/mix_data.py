"""Batches of random mixes, as they are heard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, IterableDataset

from reprs.corpora.item import in_test
from reprs.training.data import Source
from reprs.training.mix_set import Mixes, MixSet


class MixData(pl.LightningDataModule):
    """Batches of `Mixes`, drawn from the training set of random mixes, which is made first.

    A share of the contents is held out for validation. `shards`: 88 mixes each. `strip` is the controller's.
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
    ) -> None:
        super().__init__()
        self.wanted = MixSet(corpora, shards, part_s, foreign_share, ears, timbre, seed, strip or {})
        self.batch_size, self.validation_share = batch_size, validation_share
        self.build, self.seed = build, seed

    def prepare_data(self) -> None:
        if self.build:
            self.wanted.build()

    def setup(self, stage: str) -> None:
        mixes = self.wanted.load()
        held_out = torch.tensor([in_test(c, self.validation_share, self.seed) for c in mixes.contents])
        self.training, self.validation = mixes[~held_out], mixes[held_out] if held_out.any() else mixes

    def train_dataloader(self) -> DataLoader[Mixes]:
        first = self.trainer.global_step if self.trainer else 0
        return DataLoader(Batches(self.training, self.batch_size, self.seed + first), batch_size=None)

    def val_dataloader(self) -> DataLoader[Mixes]:
        rows = torch.arange(len(self.validation)).split(256)
        return DataLoader([self.validation[r] for r in rows], batch_size=None)  # type: ignore[arg-type]


class Batches(IterableDataset[Mixes]):
    """Endless random batches; the same for the same seed.

    A batch holds single recordings or songs of several tracks, by their shares: padding a recording to six
    tracks would be most of the work.
    """

    def __init__(self, mixes: Mixes, size: int, seed: int) -> None:
        self.mixes, self.size, self.seed = mixes, size, seed
        single = mixes.there.sum(1) <= 1
        self.kinds = [rows for kind in (single, ~single) if len(rows := kind.nonzero()[:, 0])]

    def __iter__(self) -> Iterator[Mixes]:
        generator = torch.Generator().manual_seed(self.seed)
        chances = torch.tensor([float(len(rows)) for rows in self.kinds])
        while True:
            rows = self.kinds[int(torch.multinomial(chances, 1, generator=generator))]
            chosen = rows[torch.randint(len(rows), (self.size,), generator=generator)]
            yield self.mixes[chosen].trimmed()
