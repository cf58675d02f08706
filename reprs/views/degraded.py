"""Degraded clips of music and what the teacher thinks of them, kept in the cache folder.

A cut is a few seconds of one piece; beside it stand its renders, each with one fault or more. A cut is
rendered, judged and written by itself, so that long work goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from reprs.audio import files
from reprs.corpora.cache import cache_folder
from reprs.corpora.item import Item
from reprs.views.degradations import degrade
from reprs.views.visqol import CEILING, visqol

FORMAT = 1
SAMPLE_RATE = 44_100
CLIP_S = 4.0
# Faults run over more than the clip: a reverb has its tail, a codec its window before the clip begins.
BEFORE_S, AFTER_S = 0.6, 0.2
CUT_S = BEFORE_S + CLIP_S + AFTER_S
RMS_DB = -20.0
QUIET_DB = -45.0
CANDIDATES = 8
STORED_PEAK = 0.98


@dataclass(frozen=True)
class Fault:
    """A kind of degradation and its strength in [0, 1]."""

    kind: str
    strength: float


@dataclass(frozen=True)
class Cut:
    """Where a clip is taken, and what is done to it: a render for every list of faults; `seed` is theirs.

    The first of `starts_s` that is loud throughout is taken, else the loudest. `before` is done to the music
    itself, the clean clip included: another original.
    """

    path: str
    content: str
    starts_s: tuple[float, ...]
    renders: tuple[tuple[Fault, ...], ...]
    seed: int
    size_bytes: int = 0
    before: tuple[Fault, ...] = ()

    def key(self, judged: bool) -> str:
        """What decides the clips: the file's size, not the folder it is in."""
        about = {**asdict(self), "path": "", "format": FORMAT, "judged": judged}
        if not self.before:
            del about["before"]  # as in the cuts that were kept before there was such a thing
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Degraded:
    """Clips `(1 + R, 2, T)` int16, the clean one first, and the teacher's scores `(1 + R,)`, NaN unasked."""

    cut: Cut
    clips: np.ndarray
    scores: np.ndarray

    def audio(self, index: int) -> np.ndarray:
        """One clip `(2, T)` float32."""
        return self.clips[index].astype(np.float32) / 32_767


def kept_cut(cut: Cut, judged: bool) -> Path:
    """Where a cut is in the cache; rendered, and judged, on first use. Raises AudioError."""
    if not is_kept(cut, judged):
        _write(_path(cut, judged), render(cut, judged))
    return _path(cut, judged)


def is_kept(cut: Cut, judged: bool) -> bool:
    """Whether a cut is in the cache."""
    return _path(cut, judged).exists()


def read(cut: Cut, path: Path) -> Degraded:
    """A cut out of the cache."""
    with np.load(path) as kept:
        return Degraded(cut, kept["clips"], kept["scores"])


def read_scores(path: Path) -> np.ndarray:
    """The scores of a cut in the cache, without its clips."""
    with np.load(path) as kept:
        return kept["scores"]


def render(cut: Cut, judged: bool) -> Degraded:
    """The clean clip, every render of it and, with `judged`, what the teacher says; raises AudioError."""
    dry = _faulty(_read_cut(cut), cut.before, cut.seed + 1)
    whole = [dry, *(_faulty(dry, faults, cut.seed) for faults in cut.renders)]
    first = round(BEFORE_S * SAMPLE_RATE)
    parts = [x[:, first : first + round(CLIP_S * SAMPLE_RATE)] for x in whole]
    scores = [CEILING] + [np.nan] * len(cut.renders)
    if judged:
        scores[1:] = [visqol(parts[0], y, SAMPLE_RATE) for y in parts[1:]]
    return Degraded(cut, np.stack([_stored(x) for x in parts]), np.array(scores, np.float32))


def draw_starts(rng: np.random.Generator, item: Item, length_s: float = CUT_S) -> tuple[float, ...]:
    """Places in a piece to try, in s."""
    end_s = item.start_s + (item.duration_s or files.info(item.path).duration_s - item.start_s)
    starts = rng.uniform(item.start_s, max(item.start_s, end_s - length_s - 0.05), CANDIDATES)
    return tuple(round(float(s), 3) for s in starts)


def _path(cut: Cut, judged: bool) -> Path:
    return cache_folder("quality") / f"{cut.key(judged)}.npz"


def _read_cut(cut: Cut) -> np.ndarray:
    """`(2, T)` float32 at `RMS_DB`, from the first place that is loud throughout."""
    frames, best, best_db = round(CUT_S * SAMPLE_RATE), None, -np.inf
    for start_s in cut.starts_s:
        x = files.read(cut.path, start_s, CUT_S + 0.01, SAMPLE_RATE)[0].numpy()[:2, :frames]
        x = np.pad(np.repeat(x, 3 - len(x), axis=0)[:2], ((0, 0), (0, frames - x.shape[1])))
        quietest_db = min(_level_db(part) for part in np.array_split(x, 5, axis=1))
        if quietest_db > best_db:
            best, best_db = x, quietest_db
        if best_db > QUIET_DB:
            break
    if best is None or best_db < QUIET_DB - 40:
        raise files.AudioError(f"{cut.path}: no place loud enough to degrade")
    return (best * 10 ** ((RMS_DB - _level_db(best)) / 20)).astype(np.float32)


def _faulty(x: np.ndarray, faults: Sequence[Fault], seed: int) -> np.ndarray:
    for fault in faults:
        x = degrade(x, SAMPLE_RATE, fault.kind, fault.strength, seed)
    return x


def _level_db(x: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(x, dtype=np.float64)) + 1e-20))


def _stored(x: np.ndarray) -> np.ndarray:
    """16 bit with its peak near full scale: storing adds no clipping and as little noise as can be."""
    return np.round(x * (STORED_PEAK * 32_767 / max(float(np.abs(x).max()), 1e-6))).astype(np.int16)


def _write(path: Path, done: Degraded) -> None:
    """Written aside and renamed: whoever reads sees all of it or nothing."""
    scratch = path.with_suffix(f".{os.getpid()}.new")
    with scratch.open("wb") as file:
        np.savez(file, clips=done.clips, scores=done.scores)
    os.replace(scratch, path)
