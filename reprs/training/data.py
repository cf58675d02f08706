"""Raw segments for training: corpora by name, split by piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from reprs.corpora.item import Corpus, Item, in_test
from reprs.corpora.registry import registry
from reprs.corpora.segments import SegmentDataset


@dataclass(frozen=True)
class Source:
    """A corpus by its name in the registry, with its options, e.g. `{corpus: folder, options: {path:
    music}}`.
    """

    corpus: str
    options: Mapping[str, Any] = field(default_factory=dict)


class SegmentData(pl.LightningDataModule):
    """Batches `(2G, 2, T)` of random raw segments; a share of the pieces is held out for validation.

    `weights` multiplies the chance of a source's pieces (see `SegmentDataset`). `segments`
    is the length of an epoch: by default none ends, so that no segment comes twice.
    """

    def __init__(
        self,
        corpora: list[Source],
        segment_s: float = 3.0,
        sample_rate: int = 44_100,
        groups: int = 8,
        segments: int = 1_000_000,
        validation_groups: int = 4,
        validation_segments: int = 32,
        validation_share: float = 0.08,
        stem_mix_probability: float = 0.5,
        weights: dict[str, float] | None = None,
        decode_once: bool = False,
        workers: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.sources, self.groups, self.validation_groups, self.workers = (
            corpora,
            groups,
            validation_groups,
            workers,
        )
        self.segment: dict[str, Any] = {
            "segment_s": segment_s,
            "sample_rate": sample_rate,
            "decode_once": decode_once,
        }
        self.segments, self.validation_segments, self.validation_share = (
            segments,
            validation_segments,
            validation_share,
        )
        self.stem_mix_probability, self.weights, self.seed = stem_mix_probability, weights or {}, seed

    def prepare_data(self) -> None:
        for corpus in corpora_of(self.sources):
            corpus.download()

    def setup(self, stage: str) -> None:
        items = [item for corpus in corpora_of(self.sources) for item in corpus.items()]
        held_out = [item for item in items if in_test(item.content, self.validation_share, self.seed)]
        training = [item for item in items if not in_test(item.content, self.validation_share, self.seed)]
        self.training = self._dataset(training, self.segments, self.seed, self.stem_mix_probability)
        self.validation = self._dataset(held_out or items, self.validation_segments, 1, 0.0)

    def train_dataloader(self) -> DataLoader[Tensor]:
        # A resumed run goes on with new segments instead of repeating those it began with.
        self.training.set_epoch(self.trainer.global_step if self.trainer else 0)
        return self._loader(self.training, 2 * self.groups, self.workers)

    def val_dataloader(self) -> DataLoader[Tensor]:
        return self._loader(self.validation, 2 * self.validation_groups, 0)

    def _dataset(self, items: list[Item], count: int, seed: int, stem_mix: float) -> SegmentDataset:
        present = {item.source for item in items}
        weights = {source: weight for source, weight in self.weights.items() if source in present}
        return SegmentDataset(
            items,
            seed=seed,
            segments_per_epoch=count,
            stem_mix_probability=stem_mix,
            weights=weights,
            **self.segment,
        )

    def _loader(self, dataset: SegmentDataset, batch_size: int, workers: int) -> DataLoader[Tensor]:
        return DataLoader(
            dataset,
            batch_size,
            num_workers=workers,
            collate_fn=stacked,
            drop_last=True,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=4 if workers else None,
            multiprocessing_context="spawn" if workers else None,
        )


def corpora_of(sources: Sequence[Source]) -> list[Corpus]:
    """The corpora that a config names; raises `ValueError` for a name that is not in the registry."""
    unknown = sorted({s.corpus for s in sources} - set(registry))
    if unknown:
        raise ValueError(f"no corpus is called {unknown}; there are {sorted(registry)}")
    return [registry[s.corpus](**s.options) for s in sources]


def stacked(drawn: list[tuple[Tensor, int]]) -> Tensor:
    """Draws of a `SegmentDataset` as one batch `(B, C, T)`."""
    return torch.stack([x for x, _ in drawn])
