"""Progress of long loops: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 10.0


def track(steps: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield `steps` and show on stderr how far along they are; silent when there is nothing to do."""
    if total is None:
        total = len(steps) if isinstance(steps, Sequence) else None
    if total == 0:
        return iter(())
    return _bar(steps, label, total) if sys.stderr.isatty() else _lines(steps, label, total)


def _bar(steps: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(steps, label, total=total, console=Console(stderr=True))


def _lines(steps: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    said, start = 0.0, time.monotonic()
    for count, step in enumerate(steps, 1):
        yield step
        now = time.monotonic()
        if count == total or now - said >= SECONDS_BETWEEN_LINES:
            said = now
            print(f"{label}: {count}/{total or '?'} ({now - start:.0f} s)", file=sys.stderr, flush=True)
