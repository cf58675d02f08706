"""What a corpus is made of: items, and the problems some of them have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reprs.audio import files

SILENCE_DBFS = -70.0
SHORTEST_S = 0.1


@dataclass(frozen=True)
class Item:
    """One recording: a file, or a part of one.

    `content` names the piece it belongs to and is the unit of every train/test split; stems and mix of a song
    share it. `instrument` is `None` for a mixture; `licence` is a short name or the path of the full text.
    """

    path: Path
    content: str
    source: str
    instrument: str | None = None
    licence: str | None = None
    start_s: float = 0.0
    duration_s: float | None = None


@dataclass(frozen=True)
class Problem:
    """A file that is left out, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return self.reason if str(self.path) in self.reason else f"{self.path}: {self.reason}"


class NothingUsable(RuntimeError):
    """Draw after draw from a corpus came to nothing; its files have been named by then."""


class Corpus(Protocol):
    """What every corpus offers."""

    name: str

    def download(self) -> None:
        """Bring the audio into place (fetch, generate); at once when it is there already."""

    def items(self) -> Sequence[Item]:
        """Every recording, in a fixed order."""

    def validate(self) -> list[Problem]:
        """Every item that cannot be used, each file named once."""


def in_test(content: str, fraction: float, seed: int = 0) -> bool:
    """Whether a piece is held out: fixed by its name alone, whatever else is in the corpus."""
    digest = hashlib.sha256(f"{seed}:{content}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64


def problem_of(item: Item, shortest_s: float = SHORTEST_S) -> Problem | None:
    """Why an item cannot be used (missing, empty, not audio, too short, NaN, silent), or `None`."""
    try:
        about = files.info(item.path)
        duration_s = min(about.duration_s - item.start_s, item.duration_s or float("inf"))
        if duration_s < shortest_s:
            return Problem(item.path, f"{duration_s:.3f} s are too short (at least {shortest_s:g} s)")
        silent = _peak(item, _spots(item, duration_s)) < 10 ** (SILENCE_DBFS / 20)
        # Nothing at those spots says little of a long file: only then is all of it decoded.
        silent = silent and _peak(item, [(item.start_s, duration_s)]) < 10 ** (SILENCE_DBFS / 20)
    except files.AudioError as error:
        return Problem(item.path, str(error))
    return Problem(item.path, f"is silent (peak below {SILENCE_DBFS:g} dBFS)") if silent else None


def problems_of(items: Iterable[Item], shortest_s: float = SHORTEST_S) -> list[Problem]:
    """The problems of a list of items, each file named once."""
    found: dict[Path, Problem] = {}
    for item in items:
        problem = None if item.path in found else problem_of(item, shortest_s)
        if problem is not None:
            found[item.path] = problem
    return list(found.values())


def _spots(item: Item, duration_s: float, count: int = 8, length_s: float = 1.0) -> list[tuple[float, float]]:
    """Start and length of eight seconds spread over the item, or of all of it where it is shorter."""
    if duration_s <= count * length_s:
        return [(item.start_s, duration_s)]
    step_s = (duration_s - length_s) / (count - 1)
    return [(item.start_s + i * step_s, length_s) for i in range(count)]


def _peak(item: Item, parts: list[tuple[float, float]]) -> float:
    return max(float(files.read(item.path, start, length)[0].abs().max()) for start, length in parts)
