"""Parts of songs as tracks, for random mixes: the same tracks elsewhere in a song, or another song's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reprs.audio import files
from reprs.corpora import pcm_cache
from reprs.corpora.item import Item

TRIES = 30
QUIETEST_DBFS = -50.0
# Programs' families that play a role other than their own name.
ROLES = {"guitar": "chords", "piano": "chords", "organ": "chords", "synth pad": "pad", "ensemble": "pad"}


@dataclass(frozen=True)
class Song:
    """Recordings that belong together: stems, each with its role ("bass", "drums", …), or one recording."""

    content: str
    tracks: tuple[Item, ...]
    roles: tuple[str, ...]


class Songs:
    """Draws songs and parts of them; all chance comes from the generators passed in.

    `stems` are the songs with several tracks, `singles` every recording by itself.
    """

    def __init__(self, items: Sequence[Item], part_s: float, sample_rate: int) -> None:
        self.part_s, self.sample_rate = part_s, sample_rate
        by_content: dict[str, list[Item]] = {}
        for item in items:
            by_content.setdefault(item.content, []).append(item)
        self.singles = [Song(i.content, (i,), (role_of(i),)) for i in items]
        self.stems = [
            Song(content, tuple(stems), tuple(role_of(i) for i in stems))
            for content, members in sorted(by_content.items())
            if len(stems := [i for i in members if i.instrument is not None]) > 1
        ]
        self._contents = sorted(by_content)
        self._singles_of = {c: [s for s in self.singles if s.content == c] for c in self._contents}

    def single(self, rng: np.random.Generator) -> Song:
        """One recording: a piece first, then one of its files."""
        members = self._singles_of[self._contents[int(rng.integers(len(self._contents)))]]
        return members[int(rng.integers(len(members)))]

    def band(self, count: int, rng: np.random.Generator) -> Song | None:
        """`count` tracks of one song, in any order; None where no song has as many."""
        enough = [s for s in self.stems if len(s.tracks) >= count]
        return _some(enough[int(rng.integers(len(enough)))], count, rng) if enough else None

    def like(self, song: Song, rng: np.random.Generator) -> Song | None:
        """Tracks of another song that play the same roles; None where a few tries find none."""
        for _ in range(TRIES):
            other = self.stems[int(rng.integers(len(self.stems)))]
            if other.content != song.content and set(song.roles) <= set(other.roles):
                chosen = [other.roles.index(role) for role in song.roles]
                return Song(other.content, tuple(other.tracks[i] for i in chosen), song.roles)
        return None

    def part(self, song: Song, place: float) -> Tensor | None:
        """The tracks `(N, 2, T)` at `place` in [0, 1) of the song; None where too short or silent."""
        try:
            x = torch.stack([self._cut(item, place) for item in song.tracks])
        except files.AudioError:
            return None
        loud = x.sum(0).square().mean().sqrt() > 10 ** (QUIETEST_DBFS / 20)
        return x if bool(loud) else None

    def _cut(self, item: Item, place: float) -> Tensor:
        samples = pcm_cache.pcm(item, self.sample_rate)
        length = round(self.part_s * self.sample_rate)
        if len(samples) < length:
            raise files.AudioError(f"{item.path}: shorter than {self.part_s:g} s")
        start = int(place * (len(samples) - length + 1))
        x = np.ascontiguousarray(samples[start : start + length].T, dtype=np.float32) / np.float32(32767)
        return torch.from_numpy(np.repeat(x, 2, axis=0) if len(x) == 1 else x)


def role_of(item: Item) -> str:
    """What a track does in a song: what its file's name begins with, or its instrument's usual role."""
    begins = item.path.stem.split("_", 1)[0]
    role = item.instrument or "mix" if begins.isdigit() or "_" not in item.path.stem else begins
    return ROLES.get(role, role)


def _some(song: Song, count: int, rng: np.random.Generator) -> Song:
    chosen = rng.permutation(len(song.tracks))[:count].tolist()
    return Song(song.content, tuple(song.tracks[i] for i in chosen), tuple(song.roles[i] for i in chosen))
