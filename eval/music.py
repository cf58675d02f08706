"""The music a model is judged on: pieces that training never saw, cut into clips of equal level."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eval.chains import DRY_RMS_DB, match_rms, rms_db

if TYPE_CHECKING:
    from reprs.corpora.item import Item

SAMPLE_RATE = 44_100
QUIET_RMS_DB = -45.0
CANDIDATES = 6
FEWEST = 8
# Songs of the built-in corpus where there are no recordings; a fifth of them is held out.
SONGS = 120
# Of the contents of the training packages, what recipes leave out; and what is judged on otherwise.
KEPT_BACK = 0.08
RELEASED = "released music out of Debian packages"


@dataclass(frozen=True)
class Piece:
    """One file of one content, the unit that a query and its target never share."""

    path: str
    content: str
    source: str
    start_s: float
    duration_s: float
    size_bytes: int


@dataclass(frozen=True)
class Cut:
    """Where to cut a clip: the first of `starts_s` that is loud throughout, else the loudest."""

    piece: Piece
    starts_s: tuple[float, ...]


def find_pieces(folder: Path | None, shortest_s: float, kept_back: bool = False) -> tuple[str, list[Piece]]:
    """The name of the music (`find_items`) and its pieces, one a content, each at least `shortest_s` long."""
    music, items = find_items(folder, kept_back)
    return music, _pieces(items, shortest_s)


def find_items(folder: Path | None, kept_back: bool = False) -> tuple[str, list[Item]]:
    """The name of the music that is judged on, and its recordings.

    A folder when one is given. With `kept_back` the pieces of the training packages that no training reads;
    `ValueError` where they were not fetched. Else the test-role Debian packages when they are in the cache,
    or the held-out songs of the built-in corpus.
    """
    from reprs.corpora.debian import DebianCorpus
    from reprs.corpora.item import in_test

    if folder is not None:
        return f"folder {folder.name}", usable_items(folder)
    recordings = DebianCorpus(role="train" if kept_back else "test").items()
    if kept_back:
        recordings = [item for item in recordings if in_test(item.content, KEPT_BACK)]
    if len({item.content for item in recordings}) >= FEWEST:
        return ("pieces kept back from training" if kept_back else RELEASED), recordings
    if kept_back:
        raise ValueError("nothing is kept back: fetch it with python -m reprs.corpora.debian --role train")
    return _held_out(SONGS)


def held_out_songs(n_songs: int, shortest_s: float) -> tuple[str, list[Piece]]:
    """The held-out fifth of `n_songs` songs of the built-in corpus."""
    music, items = _held_out(n_songs)
    return music, _pieces(items, shortest_s)


def usable_items(folder: Path) -> list[Item]:
    """The files of a folder with their lengths; those that cannot be used are named on stderr."""
    from reprs.audio import files
    from reprs.corpora.folder import FolderCorpus

    corpus = FolderCorpus(folder)
    problems = {problem.path: problem for problem in corpus.validate()}
    for problem in problems.values():
        print(f"left out: {problem}", file=sys.stderr)
    return [
        replace(item, duration_s=files.info(item.path).duration_s)
        for item in corpus.items()
        if item.path not in problems
    ]


def draw_cut(rng: np.random.Generator, piece: Piece, length_s: float) -> Cut:
    """A random place in a piece; should it be quiet there, others, and in the end a search from the start."""
    spare_s = piece.duration_s - length_s
    starts = [*rng.uniform(0, spare_s, size=CANDIDATES), *np.linspace(0, spare_s, 4 * CANDIDATES)]
    return Cut(piece, tuple(round(piece.start_s + float(s), 3) for s in starts))


def read_cut(cut: Cut, length_s: float) -> np.ndarray:
    """The clip `(2, T)` float32 at 44.1 kHz and `DRY_RMS_DB`; a piece without a loud place is an error."""
    from reprs.audio import files

    best, best_db = None, QUIET_RMS_DB - 40
    frames = round(length_s * SAMPLE_RATE)
    for start_s in cut.starts_s:
        x = files.read(Path(cut.piece.path), start_s, length_s, SAMPLE_RATE)[0].numpy()
        quietest_db = min(rms_db(part) for part in np.array_split(x, 4, axis=-1))
        if quietest_db > best_db and x.shape[-1] >= frames - 64:
            best, best_db = x, quietest_db
        if best_db > QUIET_RMS_DB:
            break
    if best is None or not math.isfinite(rms_db(best)):
        raise ValueError(f"{cut.piece.path}: no place loud enough to judge a model on; take the file away")
    stereo = np.zeros((2, frames), np.float32)
    taken = min(frames, best.shape[-1])
    stereo[:, :taken] = best[:2, :taken]
    return match_rms(stereo, DRY_RMS_DB)


def _held_out(n_songs: int) -> tuple[str, list[Item]]:
    from reprs.corpora.builtin import BuiltinCorpus

    builtin = BuiltinCorpus(n_songs=n_songs, split="test")
    builtin.download()
    return "held-out songs of the built-in corpus", list(builtin.items())


def _pieces(items: Sequence, shortest_s: float) -> list[Piece]:
    """One item of every content, as a piece: a mixture before a stem, a longer before a shorter."""
    from reprs.audio import files

    best: dict[str, tuple[tuple[bool, float], Piece]] = {}
    for item in items:
        duration_s = round(item.duration_s or files.info(item.path).duration_s - item.start_s, 3)
        rank = (item.instrument is None, duration_s)
        if duration_s > shortest_s and (item.content not in best or rank > best[item.content][0]):
            size = Path(item.path).stat().st_size
            piece = Piece(str(item.path), item.content, item.source, item.start_s, duration_s, size)
            best[item.content] = rank, piece
    return [best[content][1] for content in sorted(best)]
