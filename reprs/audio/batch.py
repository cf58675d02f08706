"""A call over many files: which ones they are, what becomes of each, and whether its output has a place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from reprs.audio import files

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """A file that could not be used, and why, in one line that names it."""

    path: Path
    reason: str


def find(paths: Iterable[str | Path]) -> tuple[list[Path], list[Failure]]:
    """Audio files among files and folders, and the paths where there are none."""
    found: dict[Path, None] = {}
    failures = []
    for path in paths:
        try:
            found.update(dict.fromkeys(files.find([path])))
        except files.AudioError as error:
            failures.append(Failure(Path(path), str(error)))
    return list(found), failures


def attempt(path: Path, do: Callable[[], T]) -> T | Failure:
    """What `do` makes of one file; whatever goes wrong with it never ends a batch."""
    try:
        return do()
    except files.AudioError as error:
        return Failure(path, str(error))
    except ValueError as error:
        return Failure(path, f"{path}: {_one_line(error)}")
    except Exception as error:
        return Failure(path, f"{path}: {type(error).__name__}: {_one_line(error)}")


def check_writable(path: Path) -> None:
    """Say before the work, not after it, that an output file or folder has no place; raises `ValueError`."""
    above = path if path.is_dir() else next(p for p in path.absolute().parents if p.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise ValueError(f"{path} cannot be written: {above} is not a folder that one may write to")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
