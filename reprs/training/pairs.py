"""Batches for text and audio: captioned recordings, and raw segments that get chains and captions later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import CombinedLoader
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from reprs.audio import files
from reprs.corpora import pcm_cache
from reprs.corpora.item import Item, NothingUsable, in_test
from reprs.corpora.segments import SegmentDataset
from reprs.training.data import Source, corpora_of, stacked
from reprs.views.captions import instrument_captions

TRIES = 50


class Captioned(NamedTuple):
    """Recordings `(N, 2, T)`, a text for each, and what family each is of ("" where it is not known)."""

    x: Tensor
    texts: list[str]
    families: list[str]
    named: bool = True


class CaptionedDataset(Dataset):
    """`dataset[i]` → a recording `(2, T)` in [-1, 1], its text and its family, the same for the same `i`.

    A piece is drawn, by the root of its size (`weights` multiplies the chance of a source), then one of its
    items, then one of its `paraphrases` captions (so many a recording: a frozen tower reads each once). Half
    of the long recordings are heard from their beginning; half of the short ones are repeated (Wu 2023), the
    others followed by silence. With `each_once`, `i` counts the pieces instead of drawing one.
    """

    def __init__(
        self,
        items: Sequence[Item],
        segment_s: float,
        sample_rate: int = 44_100,
        seed: int = 0,
        length: int = 1_000_000,
        paraphrases: int = 4,
        weights: Mapping[str, float] | None = None,
        each_once: bool = False,
    ) -> None:
        if not items:
            raise ValueError("no captioned recordings; are the corpora downloaded?")
        self.items, self.samples, self.sample_rate = list(items), round(segment_s * sample_rate), sample_rate
        self.seed, self.paraphrases, self.each_once = seed, paraphrases, each_once
        pieces: dict[str, list[int]] = {}
        for i, item in enumerate(self.items):
            pieces.setdefault(item.content, []).append(i)
        self.pieces = list(pieces.values())
        sources = [self.items[p[0]].source for p in self.pieces]
        # A drum kit has many sounds, a preset a few takes of one.
        chances = np.sqrt([len(p) for p in self.pieces])
        chances *= [(weights or {}).get(source, 1.0) for source in sources]
        self.cumulative = np.cumsum(chances / chances.sum())
        self.length = min(length, len(self.pieces)) if each_once else length
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    def __len__(self) -> int:
        return self.length

    def set_epoch(self, epoch: int) -> None:
        """Draw others; reaches the workers of a DataLoader, too."""
        self._epoch[0] = epoch

    def __getitem__(self, index: int) -> tuple[Tensor, str, str]:
        if not 0 <= index < self.length:
            raise IndexError(index)
        rng = np.random.default_rng([self.seed, int(self._epoch[0]), index])
        for attempt in range(TRIES):
            piece = self._piece(index + attempt, rng)
            i = int(rng.choice(piece))
            x = self._audio(self.items[i], rng)
            if x is not None:
                return torch.from_numpy(x), self._caption(i, rng), getattr(self.items[i], "family", "") or ""
        raise NothingUsable(f"{TRIES} recordings in a row could not be read; the corpus' validate() says why")

    def _piece(self, index: int, rng: np.random.Generator) -> list[int]:
        if self.each_once:
            return self.pieces[index * len(self.pieces) // self.length % len(self.pieces)]
        drawn = int(np.searchsorted(self.cumulative, rng.random(), side="right"))
        return self.pieces[min(drawn, len(self.pieces) - 1)]

    def _caption(self, i: int, rng: np.random.Generator) -> str:
        draw = int(rng.integers(self.paraphrases))
        return instrument_captions(self.items[i], np.random.default_rng([self.seed, i, draw]))

    def _audio(self, item: Item, rng: np.random.Generator) -> np.ndarray | None:
        """A segment of the item `(2, T)`, or `None` where it cannot be read or holds nothing."""
        try:
            samples = pcm_cache.pcm(item, self.sample_rate)
        except files.AudioError:
            return None
        start = 0
        if len(samples) > self.samples and rng.random() < 0.5:
            start = int(rng.integers(len(samples) - self.samples + 1))
        x = np.asarray(samples[start : start + self.samples].T, dtype=np.float32) / 32767
        if x.shape[1] == 0 or np.abs(x).max() < 1e-3:
            return None
        x = np.repeat(x, 2, axis=0) if len(x) == 1 else x
        missing = self.samples - x.shape[1]
        return np.pad(x, ((0, 0), (0, missing)), "wrap" if rng.random() < 0.5 else "constant")


class PairData(pl.LightningDataModule):
    """`{"named": Captioned, "music": (G, 2, T)}` for training, from named corpora and from any music.

    Either list may be empty. A share of the pieces of each is held out for validation: `validation_pairs`
    captioned recordings of as many pieces, then `validation_segments` raw ones.
    """

    def __init__(
        self,
        named: list[Source],
        music: list[Source],
        pairs: int = 24,
        segments: int = 3,
        segment_s: float = 2.4,
        music_segment_s: float = 3.0,
        sample_rate: int = 44_100,
        paraphrases: int = 4,
        validation_pairs: int = 256,
        validation_segments: int = 8,
        validation_share: float = 0.06,
        named_weights: dict[str, float] | None = None,
        music_weights: dict[str, float] | None = None,
        stem_mix_probability: float = 0.5,
        decode_once: bool = True,
        workers: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.sources = {"named": named, "music": music}
        self.weights = {"named": named_weights or {}, "music": music_weights or {}}
        self.sizes = {"named": pairs, "music": segments}
        self.validation_sizes = {"named": validation_pairs, "music": validation_segments}
        self.segment_s, self.music_segment_s, self.sample_rate = segment_s, music_segment_s, sample_rate
        self.paraphrases, self.stem_mix_probability = paraphrases, stem_mix_probability
        self.validation_share, self.decode_once, self.workers = validation_share, decode_once, workers
        self.seed = seed
        self.training: dict[str, Any] = {}
        self.validation: dict[str, Any] = {}

    def prepare_data(self) -> None:
        for sources in self.sources.values():
            for corpus in corpora_of(sources):
                corpus.download()

    def setup(self, stage: str) -> None:
        for kind, sources in self.sources.items():
            items = [item for corpus in corpora_of(sources) for item in corpus.items()]
            if not sources or not self.sizes[kind]:
                continue
            held_out = [item for item in items if in_test(item.content, self.validation_share, self.seed)]
            training = [item for item in items if not in_test(item.content, self.validation_share, self.seed)]
            self.training[kind] = self._dataset(kind, training, self.seed, None)
            self.validation[kind] = self._dataset(kind, held_out or items, 1, self.validation_sizes[kind])

    def train_dataloader(self) -> CombinedLoader:
        step = self.trainer.global_step if self.trainer else 0
        for dataset in self.training.values():
            # A resumed run goes on with new draws instead of repeating those it began with.
            dataset.set_epoch(step)
        loaders = {k: self._loader(d, self.sizes[k], self.workers) for k, d in self.training.items()}
        return CombinedLoader(loaders, "min_size")

    def val_dataloader(self) -> list[DataLoader]:
        return [self._loader(d, min(32, len(d)), 0) for d in self.validation.values()]

    def _dataset(self, kind: str, items: list[Item], seed: int, validation: int | None) -> Any:
        weights = {s: w for s, w in self.weights[kind].items() if s in {item.source for item in items}}
        length = validation or 10_000_000
        if kind == "named":
            return CaptionedDataset(
                items,
                self.segment_s,
                self.sample_rate,
                seed,
                length,
                self.paraphrases,
                weights,
                each_once=validation is not None,
            )
        return SegmentDataset(
            items,
            self.music_segment_s,
            self.sample_rate,
            seed=seed,
            segments_per_epoch=length,
            stem_mix_probability=0.0 if validation else self.stem_mix_probability,
            weights=weights,
            decode_once=self.decode_once,
        )

    def _loader(self, dataset: Any, batch_size: int, workers: int) -> DataLoader:
        return DataLoader(
            dataset,
            batch_size,
            num_workers=workers,
            collate_fn=captioned if isinstance(dataset, CaptionedDataset) else stacked,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=4 if workers else None,
            multiprocessing_context="spawn" if workers else None,
        )


def captioned(drawn: list[tuple[Tensor, str, str]]) -> Captioned:
    """Single draws as one batch."""
    x, texts, families = zip(*drawn, strict=True)
    return Captioned(torch.stack(x), list(texts), list(families))
