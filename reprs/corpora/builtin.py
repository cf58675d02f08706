"""The built-in corpus: songs composed from a seed and played by a soundfont, as stems and mix."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

from reprs.corpora.cache import cache_folder
from reprs.corpora.item import Item, Problem, problems_of
from reprs.corpora.progress import track

LICENCE = "made by reprs (MIT) with the soundfont TimGM6mb (GPL-2)"
# Part of the folder's name: raise it when composer or synthesiser change what they make.
VERSION = 1
TEST_EVERY = 5


class BuiltinCorpus:
    """`n_songs` songs of `seconds` each: the same for the same seed, on every machine.

    Every fifth song is held out: `split` is "train", "test" or `None` for all. Song `i` does not depend on
    `n_songs`, so a larger corpus continues a smaller one. Items are the stems, with their instruments, and
    the mix (instrument `None`), which is exactly their sum.
    """

    name = "builtin"

    def __init__(
        self,
        n_songs: int = 48,
        seconds: float = 30.0,
        seed: int = 0,
        split: Literal["train", "test"] | None = None,
        sample_rate: int = 44_100,
        workers: int = 2,
    ) -> None:
        if n_songs < 1 or seconds < 1:
            raise ValueError(f"the built-in corpus has at least 1 song of 1 s, not {n_songs} of {seconds} s")
        if split not in (None, "train", "test"):
            raise ValueError(f"split is 'train', 'test' or None, not {split!r}")
        self.n_songs, self.seconds, self.seed, self.split = n_songs, seconds, seed, split
        self.sample_rate, self.workers = sample_rate, workers

    @property
    def folder(self) -> Path:
        """Where the songs are kept."""
        return cache_folder("builtin", f"v{VERSION}-seed{self.seed}-{self.seconds:g}s-{self.sample_rate}")

    def download(self) -> None:
        """Compose and render what is missing, in parallel processes; about a second a song and core."""
        missing = [i for i in range(self.n_songs) if not self._song(i).exists()]
        if not missing:
            return
        reading, writing = os.pipe()
        workers = [self._worker(first, writing) for first in range(min(self.workers, self.n_songs))]
        os.close(writing)
        with os.fdopen(reading) as numbers:
            for _ in track(numbers, "composing the built-in corpus", total=len(missing)):
                pass
        if any(worker.wait() for worker in workers):
            raise RuntimeError(
                f"the built-in corpus could not be rendered into {self.folder}: see the message above"
            )

    def items(self) -> list[Item]:
        """The stems and the mix of every song, in order."""
        return [
            Item(path, f"builtin/{self.seed}/{number:04d}", "builtin", _instrument(path), LICENCE)
            for number in range(self.n_songs)
            if self.split is None or (self.split == "test") == (number % TEST_EVERY == TEST_EVERY - 1)
            for path in sorted(self._song(number).glob("*.flac"))
        ]

    def validate(self) -> list[Problem]:
        """The items that cannot be used."""
        return problems_of(self.items())

    def _song(self, number: int) -> Path:
        return self.folder / f"song_{number:04d}"

    def _worker(self, first: int, writing: int) -> subprocess.Popen:
        step = min(self.workers, self.n_songs)
        numbers = [self.folder, self.seconds, self.sample_rate, self.seed, first, step, self.n_songs]
        command = [sys.executable, "-m", "reprs.corpora.synth", *map(str, numbers)]
        return subprocess.Popen(command, stdout=writing)


def _instrument(path: Path) -> str | None:
    return None if path.stem == "mix" else path.stem.split("_", 1)[1].replace("-", " ")
