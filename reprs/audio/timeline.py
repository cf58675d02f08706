"""How time reaches an operation that remembers: as a whole clip, as a block of a stream, or sample by sample.

Effects are pure functions of whole clips. The few operations in them that remember (a filter, a smoother, a
delay line, an oscillator) ask here how their audio lies in time, so that no effect has to:

- `carried()`: the audio is the next block of a stream. The operation gets a slot, the one it had in the
  block before, because an effect calls its operations in the same order every time.
- `folded()`: every item of the batch is one sample of a clip, with knobs of its own (automation). The
  operation joins the samples, runs in time, and splits them again.

An operation that needs the whole clip says so with `whole_clip_only`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


class NeedsWholeClipError(ValueError):
    """This audio cannot be had in blocks, or with knobs that move."""


@dataclass
class Slot:
    """What one operation remembers between two blocks; None before the first."""

    state: Any = None


@dataclass
class Memory:
    """The slots of a stream, in the order in which the operations ask."""

    slots: list[Slot] = field(default_factory=list)
    asked: int = 0

    def next(self) -> Slot:
        if self.asked == len(self.slots):
            self.slots.append(Slot())
        self.asked += 1
        return self.slots[self.asked - 1]


@dataclass(frozen=True)
class Fold:
    """`clips` × `samples` items of one sample each, those of a clip in order."""

    clips: int
    samples: int

    def join(self, x: Tensor) -> Tensor:
        """Audio `(clips · samples, C, 1)` → `(clips, C, samples)`."""
        return x.reshape(self.clips, self.samples, -1).transpose(1, 2)

    def split(self, x: Tensor) -> Tensor:
        """The inverse of `join`."""
        return x.transpose(1, 2).reshape(self.clips * self.samples, -1, 1)

    def join_rows(self, x: Tensor) -> Tensor:
        """Rows of flattened channels, `(clips · samples · C, …)` → `(clips · C, samples, …)`."""
        channels = len(x) // (self.clips * self.samples)
        rest = x.shape[2:] if x.ndim > 1 and x.shape[1] == 1 else x.shape[1:]
        apart = x.reshape(self.clips, self.samples, channels, *rest)
        return apart.transpose(1, 2).reshape(self.clips * channels, self.samples, *rest)

    def split_rows(self, x: Tensor) -> Tensor:
        """`(clips · C, samples)` → `(clips · samples · C, 1)`."""
        apart = x.reshape(self.clips, -1, self.samples)
        return apart.transpose(1, 2).reshape(-1, 1)


_memory: ContextVar[Memory | None] = ContextVar("memory", default=None)
_fold: ContextVar[Fold | None] = ContextVar("fold", default=None)


def carried() -> Slot | None:
    """The slot of the operation that asks; None outside a stream."""
    memory = _memory.get()
    return memory.next() if memory is not None else None


def folded() -> Fold | None:
    """How the samples lie in the batch; None where items are clips."""
    return _fold.get()


def in_pieces() -> bool:
    """Whether the audio is not a batch of whole clips."""
    return _memory.get() is not None or _fold.get() is not None


def whole_clip_only(why: str) -> None:
    """Refuse to stream and to automate: call it where an operation cannot."""
    if in_pieces():
        raise NeedsWholeClipError(why)


@contextlib.contextmanager
def block_of(memory: Memory) -> Iterator[None]:
    """Inside, operations go on from where they stood in the block before."""
    memory.asked = 0
    token = _memory.set(memory)
    try:
        yield
    finally:
        _memory.reset(token)


@contextlib.contextmanager
def folding(fold: Fold) -> Iterator[None]:
    """Inside, items of the batch are single samples."""
    token = _fold.set(fold)
    try:
        yield
    finally:
        _fold.reset(token)
