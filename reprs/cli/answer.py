"""How every verb answers: its exit code, what failed on stderr, the output and tables on stdout."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reprs.audio.batch import Failure

DONE, SOME_FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130


def find(audio: list[str]) -> tuple[list[Path], list[Failure]]:
    """The audio files of a call; unusable where there is not one."""
    from reprs.audio import batch

    paths, missing = batch.find(audio)
    if not paths:
        raise ValueError("; ".join(failure.reason for failure in missing))
    return paths, missing


def report(said: str, failures: Sequence[Any], out: Any) -> int:
    """List what failed on stderr, name the output on stdout."""
    print(said + (f", {len(failures)} failed:" if failures else ""), file=sys.stderr)
    for failure in failures:
        print(f"  {failure.reason}", file=sys.stderr)
    if out:
        print(out)
    return SOME_FAILED if failures else DONE


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows of cells in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        print(f"  {first:<{widths[0]}}  {'  '.join(cells)}")
