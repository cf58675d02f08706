"""Random raw segments of a corpus, for training."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from reprs.audio import files
from reprs.corpora import pcm_cache
from reprs.corpora.item import Item, NothingUsable

TRIES = 50


class SegmentDataset(Dataset):
    """`dataset[i]` → a segment float32 `(channels, T)` in [-1, 1] and the index of its piece in `.contents`.

    A piece is drawn (`weights` multiplies the chance of every piece of a source, 1 where it is not named),
    then one of its recordings, then a place in it: the same for the same `(seed, epoch, i)`, wherever and in
    whatever order it is asked for. A segment below `quietest_dbfs` RMS is drawn again; a file that fails is
    reported once and another piece is drawn.

    `stem_mix_probability`: the share of draws from pieces with several stems that are a random subset of the
    stems, each with a random gain (-9 to 3 dB) and balance. `decode_once` keeps every file as 16-bit PCM in
    the cache folder; `prepare()` fills it ahead.
    """

    def __init__(
        self,
        items: Sequence[Item],
        segment_s: float,
        sample_rate: int = 44_100,
        channels: int = 2,
        seed: int = 0,
        segments_per_epoch: int = 10_000,
        quietest_dbfs: float = -50.0,
        stem_mix_probability: float = 0.0,
        weights: Mapping[str, float] | None = None,
        decode_once: bool = True,
    ) -> None:
        if not items:
            raise ValueError("no items to draw segments from; is the corpus downloaded?")
        self.items = list(items)
        self.segment_s, self.sample_rate, self.channels = segment_s, sample_rate, channels
        self.seed, self.segments_per_epoch = seed, segments_per_epoch
        self.quietest = 10 ** (quietest_dbfs / 20)
        self.stem_mix_probability, self.decode_once = stem_mix_probability, decode_once
        self.contents = sorted({item.content for item in self.items})
        self._of_content: list[list[int]] = [[] for _ in self.contents]
        index = {content: i for i, content in enumerate(self.contents)}
        for i, item in enumerate(self.items):
            self._of_content[index[item.content]].append(i)
        self._cumulative = self._chances(weights or {})
        # Shared with the worker processes of a DataLoader, which keep their own copy of everything else.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._reported = torch.zeros(len(self.items), dtype=torch.uint8).share_memory_()

    def __len__(self) -> int:
        return self.segments_per_epoch

    def set_epoch(self, epoch: int) -> None:
        """Draw other segments; reaches the persistent workers of a DataLoader, too."""
        self._epoch[0] = epoch

    def prepare(self, workers: int = 2) -> None:
        """Decode what is not in the cache yet, and report what cannot be decoded."""
        if self.decode_once:
            failed = {p.path: p for p in pcm_cache.fill(self.items, self.sample_rate, workers)}
            for i, item in enumerate(self.items):
                if item.path in failed:
                    self._report(i, str(failed[item.path]))

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if not 0 <= index < self.segments_per_epoch:
            raise IndexError(index)
        rng = np.random.default_rng([self.seed, int(self._epoch[0]), index])
        for _ in range(TRIES):
            content = int(np.searchsorted(self._cumulative, rng.random(), side="right"))
            segment = self._draw(content, rng)
            if segment is not None and np.sqrt(np.mean(np.square(segment))) >= self.quietest:
                return torch.from_numpy(segment), content
        raise NothingUsable(
            f"no usable segment of {self.segment_s:g} s in {TRIES} draws; the corpus' validate() says why"
        )

    def _draw(self, content: int, rng: np.random.Generator) -> np.ndarray | None:
        """One segment `(channels, T)` of a piece, or `None` where its files are broken or too short."""
        members = self._of_content[content]
        stems = [i for i in members if self.items[i].instrument is not None]
        place = rng.random()
        if len(stems) > 1 and rng.random() < self.stem_mix_probability:
            chosen = rng.permutation(stems)[: rng.integers(1, len(stems) + 1)]
            return _mixed([self._segment(int(i), place) for i in chosen], rng)
        return self._segment(members[int(rng.integers(len(members)))], place)

    def _segment(self, i: int, place: float) -> np.ndarray | None:
        """The segment at `place` in [0, 1) of an item's possible starts."""
        try:
            cut = self._from_cache if self.decode_once else self._from_file
            return cut(self.items[i], place)
        except files.AudioError as error:
            self._report(i, str(error))
            return None

    def _from_cache(self, item: Item, place: float) -> np.ndarray:
        samples = pcm_cache.pcm(item, self.sample_rate)
        length = round(self.segment_s * self.sample_rate)
        if len(samples) < length:
            raise files.AudioError(f"{item.path}: shorter than a segment of {self.segment_s:g} s")
        start = int(place * (len(samples) - length + 1))
        x = np.ascontiguousarray(samples[start : start + length].T, dtype=np.float32) / np.float32(32767)
        return _with_channels(x, self.channels)

    def _from_file(self, item: Item, place: float) -> np.ndarray:
        end_s = files.info(item.path).duration_s
        duration_s = min(end_s - item.start_s, item.duration_s or end_s)
        if duration_s < self.segment_s:
            raise files.AudioError(f"{item.path}: shorter than a segment of {self.segment_s:g} s")
        start_s = item.start_s + place * (duration_s - self.segment_s)
        x = files.read(item.path, start_s, self.segment_s, self.sample_rate)[0].numpy()
        length = round(self.segment_s * self.sample_rate)
        # The start falls between samples of the file, so the end may lack one.
        return _with_channels(
            np.pad(x, ((0, 0), (0, max(0, length - x.shape[1]))))[:, :length], self.channels
        )

    def _chances(self, weights: Mapping[str, float]) -> np.ndarray:
        """Cumulative chance of each piece."""
        sources = [self.items[members[0]].source for members in self._of_content]
        unknown = set(weights) - set(sources)
        if unknown:
            raise ValueError(f"weights name sources that have no items: {', '.join(sorted(unknown))}")
        chances = np.array([weights.get(source, 1.0) for source in sources])
        return np.cumsum(chances / chances.sum())

    def _report(self, i: int, message: str) -> None:
        if not self._reported[i]:
            self._reported[i] = 1
            print(f"left out: {message}", file=sys.stderr, flush=True)


def _with_channels(x: np.ndarray, channels: int) -> np.ndarray:
    """Mono is repeated; channels past the wanted ones are dropped."""
    if channels == 1:
        return x.mean(axis=0, keepdims=True)
    return np.repeat(x, channels, axis=0) if len(x) == 1 else x[:channels]


def _mixed(stems: list[np.ndarray | None], rng: np.random.Generator) -> np.ndarray | None:
    """The sum of stems, each with its own gain and balance; scaled down where it exceeds ±1."""
    usable = [x for x in stems if x is not None]
    if not usable:
        return None
    gains = 10 ** (rng.uniform(-9, 3, (len(usable), 1, 1)) / 20)
    balance = rng.uniform(-0.7, 0.7, (len(usable), 1))
    sides = np.stack([np.minimum(1, 1 - balance), np.minimum(1, 1 + balance)], axis=1)
    sides = sides if len(usable[0]) == 2 else np.ones((len(usable), len(usable[0]), 1))
    mix = np.sum(np.stack(usable) * (gains * sides), axis=0)
    return (mix / max(1.0, np.abs(mix).max())).astype(np.float32)
