"""The training set of controllers and mix generators: what is heard of random mixes, computed once.

Encoders are frozen, so tokens and conditions of a mix never change: they are kept in the cache folder, a few
kilobytes a mix, and an epoch over ten thousand mixes takes seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reprs.console import listening
from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.console.standard import standard_console
from reprs.console.swapped import Swaps, played
from reprs.corpora.cache import cache_folder
from reprs.corpora.item import in_test
from reprs.corpora.progress import track
from reprs.models import hub
from reprs.training.data import Source, corpora_of
from reprs.training.random_mixes import MixBatch, RandomMixes, Words
from reprs.training.songs import Songs
from reprs.views.mixes import level_db

# Part of the key: raise it when prior, console or listening change what is kept.
VERSION = 2
MOST_TRACKS = 6
# Tracks and mixes of every draw of a shard.
DRAWS = ((1, 24), (1, 24), (2, 8), (3, 8), (4, 8), (5, 8), (6, 8))
FIELDS = ("tokens", "there", "condition", "sound", "words", "tracks", "shared", "tracks_on", "shared_on")


@dataclass(frozen=True)
class MixSet:
    """Where the mixes come from, and how many shards of 88 there are; `seed` draws them.

    `strip` says which effects of the console's strips are others (`reprs.console.swapped`).
    """

    corpora: list[Source]
    shards: int = 120
    part_s: float = 4.0
    foreign_share: float = 0.3
    ears: str = "effect"
    timbre: str = "timbre"
    seed: int = 0
    strip: Swaps = field(default_factory=dict)

    def folder(self) -> Path:
        """Where the shards are kept: their number is not part of the name, so that a set can grow."""
        about = {k: v for k, v in asdict(self).items() if k not in ("shards", "strip")} | {
            "version": VERSION,
            "draws": DRAWS,
        }
        # How a plugin's gradient is found changes nothing that is kept.
        about |= {"strip": played(self.strip)} if self.strip else {}
        about["hashes"] = [hub.load(name).model_hash for name in (self.ears, self.timbre)]
        key = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:16]
        return cache_folder("mixes", key)

    def build(self) -> None:
        """Render and hear what is missing: about 15 s a shard on one core; a cut run goes on where it was."""
        fill(self.folder(), self.shards, lambda: ShardMaker(self), "hearing random mixes")

    def load(self) -> Mixes:
        """The shards that are there, at most `shards`; raises ValueError where there is none."""
        found = read_shards(self.folder(), self.shards)
        if found is None:
            raise ValueError("no random mixes yet: `reprs fit` makes them, or MixSet.build()")
        return found


@dataclass(frozen=True)
class Mixes:
    """`M` mixes, tracks padded to `MOST_TRACKS`.

    `tokens` `(M, N, D)`, `there` `(M, N)`, `condition` `(M, R)` of the reference without timbre, timbre
    embeddings of its `sound` and of `words` about it `(M, 256)`, the knobs, the levels of the tracks in dBFS
    `(M, N)`, captions and contents.
    """

    tokens: Tensor
    there: Tensor
    condition: Tensor
    sound: Tensor
    words: Tensor
    knobs: Knobs
    levels_db: Tensor
    captions: list[str] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, rows: Tensor) -> Mixes:
        """Some of the mixes; `rows` `(K,)` are indices or true where a mix is taken."""
        index = rows.nonzero()[:, 0] if rows.dtype == torch.bool else rows
        k = self.knobs
        assert k.tracks_on is not None and k.shared_on is not None
        knobs = Knobs(k.tracks[index], k.shared[index], k.tracks_on[index], k.shared_on[index])
        tensors: dict[str, Any] = {n: getattr(self, n)[index] for n in (*FIELDS[:5], "levels_db")}
        texts: dict[str, Any] = {
            n: [getattr(self, n)[i] for i in index.tolist()] for n in ("captions", "contents")
        }
        return replace(self, knobs=knobs, **tensors, **texts)

    def to(self, device: torch.device | str, **how: Any) -> Mixes:
        """The same on a device, as a trainer wants it."""
        moved: dict[str, Any] = {n: getattr(self, n).to(device, **how) for n in (*FIELDS[:5], "levels_db")}
        turned: dict[str, Any] = {n: getattr(self.knobs, n).to(device, **how) for n in FIELDS[5:]}
        return replace(self, knobs=Knobs(**turned), **moved)

    def trimmed(self) -> Mixes:
        """Without the columns of tracks that no mix has; a track that is silent may be the last one."""
        count = max(1, int(self.there.any(0).nonzero().amax()) + 1) if bool(self.there.any()) else 1
        k = self.knobs
        knobs = Knobs(
            k.tracks[:, :count],
            k.shared,
            None if k.tracks_on is None else k.tracks_on[:, :count],
            k.shared_on,
        )
        cut = {"tokens": self.tokens[:, :count], "there": self.there[:, :count], "knobs": knobs}
        return replace(self, **cut, levels_db=self.levels_db[:, :count])  # type: ignore[arg-type]

    @staticmethod
    def joined(parts: Sequence[dict[str, Any]]) -> Mixes:
        """Shards one after another."""
        columns: dict[str, Any] = {
            n: torch.cat([torch.from_numpy(p[n]) for p in parts]) for n in (*FIELDS, "levels_db")
        }
        knobs = Knobs(**{n: columns.pop(n) for n in FIELDS[5:]})
        heard = {n: v if n == "there" else v.float() for n, v in columns.items()}
        texts: dict[str, Any] = {n: [str(t) for p in parts for t in p[n]] for n in ("captions", "contents")}
        return Mixes(knobs=knobs, **heard, **texts)


class ShardMaker:
    """Renders the mixes of a shard and writes down what is heard of them."""

    def __init__(self, wanted: MixSet) -> None:
        self.seed = wanted.seed
        self.mixes = random_mixes(wanted)
        self.listener = Listener(wanted.ears, wanted.timbre, self.mixes.console)

    def __call__(self, index: int) -> dict[str, np.ndarray]:
        parts = []
        for place, (count, batch) in enumerate(DRAWS):
            seed = (self.seed, index, place)
            parts.append(self.listener(self.mixes.draw(batch, count, seed), seed))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class Listener:
    """What is kept of mixes of a `console`: what the encoders hear, knobs, captions and contents."""

    sample_rate = listening.SAMPLE_RATE

    def __init__(self, ears: str, timbre: str, console: Console | None = None) -> None:
        self.ears, self.timbre = hub.load(ears), hub.load(timbre)
        self.console = console or standard_console()
        self.words = Words(self.console)

    @torch.no_grad()
    def __call__(self, batch: MixBatch, seed: tuple[int, ...]) -> dict[str, np.ndarray]:
        """`FIELDS` and what else a shard has; `seed` draws the captions."""
        rate = self.sample_rate
        tokens, _ = listening.tokens(self.ears, batch.tracks, rate, batch.there)
        captions = self.words(batch.knobs, np.random.default_rng(seed))
        padded = _padded(batch.knobs)
        found = {
            "tokens": _pad(tokens).half(),
            "there": _pad(batch.there),
            "condition": listening.condition(self.ears, batch.reference, rate).half(),
            "sound": self.timbre.embed(batch.reference, rate).half(),
            "words": self.timbre.embed_text(captions).half(),
            "tracks": padded.tracks,
            "shared": padded.shared,
            "tracks_on": padded.tracks_on,
            "shared_on": padded.shared_on,
            "levels_db": _pad(level_db(batch.tracks).clamp(min=-100)),
        }
        arrays = {name: value.numpy() for name, value in found.items() if value is not None}
        return arrays | {"captions": np.array(captions), "contents": np.array(batch.contents)}


def fill(folder: Path, shards: int, maker: Callable[[], Callable[[int], Any]], label: str) -> None:
    """Make the shards that are missing; `maker` is asked for what makes them only if there are any."""
    missing = [i for i in range(shards) if not (folder / _name(i)).exists()]
    if not missing:
        return
    make = maker()
    for index in track(missing, label):
        if (folder / _name(index)).exists():
            continue  # another process was faster
        scratch = folder / f".{os.getpid()}-{_name(index)}"
        arrays: dict[str, Any] = make(index)
        np.savez(scratch, **arrays)
        scratch.rename(folder / _name(index))


def read_shards(folder: Path, shards: int) -> Mixes | None:
    """The mixes of those of the first `shards` that are there and not empty; None where there are none."""
    paths = [p for i in range(shards) if (p := folder / _name(i)).exists()]
    parts = [part for path in paths if len((part := _read(path))["contents"])]
    return Mixes.joined(parts) if parts else None


def random_mixes(wanted: MixSet, left_out: float = 0.0) -> RandomMixes:
    """What draws the mixes of a set, for those who need the audio, without a share of the contents."""
    corpora = corpora_of(wanted.corpora)
    for corpus in corpora:
        corpus.download()
    items = [item for corpus in corpora for item in corpus.items()]
    items = [item for item in items if not in_test(item.content, left_out, wanted.seed)]
    songs = Songs(items, wanted.part_s, listening.SAMPLE_RATE)
    return RandomMixes(standard_console(strip=wanted.strip), songs, wanted.foreign_share)


def _padded(knobs: Knobs) -> Knobs:
    assert knobs.tracks_on is not None
    return replace(knobs, tracks=_pad(knobs.tracks), tracks_on=_pad(knobs.tracks_on))


def _pad(x: Tensor) -> Tensor:
    """`(B, N, …)` → `(B, MOST_TRACKS, …)`, with zeros."""
    padded = x.new_zeros(x.shape[0], MOST_TRACKS, *x.shape[2:])
    padded[:, : x.shape[1]] = x
    return padded


def _name(index: int) -> str:
    return f"{index:05d}.npz"


def _read(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
