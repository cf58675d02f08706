"""Finished music as a teacher: settings that lead from effect-normalised recordings back to what they were.

Martínez-Ramírez et al. (2022) taught mixing by music that is produced already: brought to the average of a
corpus (`reprs.views.normalisation`), it stands for what an engineer was given. Here the way back is looked
for among the settings of the console (`reprs.console.finishing`): equaliser, compressor, width and fader, all
else being off. Recordings that no setting brings near are left out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from reprs.console.finishing import finishing
from reprs.corpora.cache import cache_folder
from reprs.corpora.item import in_test
from reprs.models import hub
from reprs.training.data import Source, corpora_of
from reprs.training.mix_set import Listener, Mixes, fill, read_shards
from reprs.training.random_mixes import LEVEL_DB, LEVEL_RANGE_DB, MixBatch, RandomMixes
from reprs.training.songs import Song, Songs
from reprs.views.level import set_level
from reprs.views.mixes import level_db
from reprs.views.normalisation import BANDS, BANDS_PER_OCTAVE, LOWEST_HZ, EffectNormaliser

# Part of the key: raise it when what is kept changes.
VERSION = 1
A_SHARD = 8
AVERAGED = 48  # recordings whose mean is the average that all are brought to
PLACES = 3  # of a recording that are tried
FADER_DB = 3.0
BANDS_HZ = LOWEST_HZ * 2 ** (np.arange(BANDS) / BANDS_PER_OCTAVE)
# Mixes are kept whose distance (multi-resolution STFT) is at most this, and this share of the one before.
NEAR, NEARER = 0.75, 0.8


@dataclass(frozen=True)
class FinishedSet:
    """Which recordings teach, and how many shards of `A_SHARD` there are; `seed` draws them.

    `kept_back` is a share of the recordings that training leaves out (as `MixData` does): those alone.
    """

    corpora: list[Source]
    shards: int = 16
    part_s: float = 4.0
    ears: str = "effect"
    timbre: str = "timbre"
    seed: int = 0
    kept_back: float = 0.0

    def folder(self) -> Path:
        """Where the shards are kept: their number is not part of the name, so that a set can grow."""
        about = {k: v for k, v in asdict(self).items() if k not in ("shards", "kept_back")}
        about |= {"version": VERSION} | ({"kept_back": self.kept_back} if self.kept_back else {})
        about["hashes"] = [hub.load(name).model_hash for name in (self.ears, self.timbre)]
        key = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:16]
        return cache_folder("finished", key)

    def build(self) -> None:
        """Estimate what is missing: about a minute a shard on one core; a cut run goes on where it was."""
        fill(self.folder(), self.shards, lambda: FinishedMaker(self), "taking finished music apart")

    def load(self) -> Mixes | None:
        """The recordings that came near, of at most `shards` shards; None where there are none."""
        return read_shards(self.folder(), self.shards)


class FinishedMaker:
    """Takes the recordings of a shard apart and writes down what is heard of them."""

    def __init__(self, wanted: FinishedSet) -> None:
        corpora = corpora_of(wanted.corpora)
        for corpus in corpora:
            corpus.download()
        items = [item for corpus in corpora for item in corpus.items() if item.instrument is None]
        self.seed = wanted.seed
        self.listener = Listener(wanted.ears, wanted.timbre)
        self.songs = Songs(items, wanted.part_s, self.listener.sample_rate)
        self.prior = RandomMixes(self.listener.console, self.songs)
        order = np.random.default_rng([wanted.seed, 0]).permutation(len(self.songs.singles))
        self.chosen = [self.songs.singles[i] for i in order]
        self.normaliser = self._averaged()
        if wanted.kept_back:
            self.chosen = [s for s in self.chosen if in_test(s.content, wanted.kept_back, wanted.seed)]

    def __call__(self, index: int) -> dict[str, np.ndarray]:
        first = index * A_SHARD
        found = []
        for number in range(first, min(first + A_SHARD, len(self.chosen))):
            rng = np.random.default_rng([self.seed, 1, number])
            for _ in range(PLACES):
                batch = self._taken_apart(self.chosen[number], rng)
                if batch is not None:
                    found.append(self.listener(batch, (self.seed, 1, number)))
                    break
        if not found:
            return {"contents": np.array([], dtype=str)}
        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}

    def _averaged(self) -> EffectNormaliser:
        """A normaliser that has heard some recordings."""
        normaliser, rng = EffectNormaliser(), np.random.default_rng([self.seed, 2])
        for song in self.chosen[:AVERAGED]:
            x = self.songs.part(song, rng.random())
            if x is not None:
                normaliser.learn(x, self.songs.sample_rate)
        return normaliser

    def _taken_apart(self, song: Song, rng: np.random.Generator) -> MixBatch | None:
        """A normalised part, the setting that finishes it, and another part, finished; None if not near."""
        place, rate = rng.random(), self.songs.sample_rate
        parts = [self.songs.part(song, at) for at in (place, (place + rng.uniform(0.3, 0.7)) % 1)]
        if parts[0] is None or parts[1] is None:
            return None
        samples = parts[0].shape[-1]
        plain = self.normaliser(torch.cat([parts[0], parts[1]], dim=-1), rate, learn=False)[..., :samples]
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        drawn_db = LEVEL_DB + LEVEL_RANGE_DB * torch.randn(1, generator=generator)
        plain = set_level(plain, drawn_db)
        louder_db = drawn_db + FADER_DB * torch.randn(1, generator=generator) - level_db(parts[0])
        done, other = (x * 10 ** (louder_db / 20)[:, None, None] for x in (parts[0], parts[1]))
        knobs = self.prior.knobs(level_db(plain)[:, None], generator)
        # Both are relative to their means: levels are the fader's.
        spectra_db = [self.normaliser.measure(x, rate)[0][0] for x in (plain, done)]
        curve_db = (spectra_db[1] - spectra_db[0]).numpy()
        found = finishing(self.listener.console, plain[0], done[0], rate, BANDS_HZ, curve_db, knobs)
        if found.after > min(NEAR, NEARER * found.before):
            return None
        there = torch.ones(1, 1, dtype=torch.bool)
        alone = torch.zeros(1, dtype=torch.bool)
        return MixBatch(plain[:, None], done[:, None], found.knobs, other, there, [song.content], alone)
