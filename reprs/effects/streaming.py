"""Audio that comes in blocks: what one block leaves behind, the next one takes up."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from reprs.audio import timeline


class Stream:
    """`process` block after block; together they are what the whole clip would have become.

    `batch` and `channels` are fixed, a block may have any length. No gradient. An effect that looks ahead or
    wants the whole clip raises ValueError at the first block.
    """

    def __init__(self, run: Callable[[Tensor], Tensor], batch: int, channels: int) -> None:
        self._run, self._shape = run, (batch, channels)
        self._memory = timeline.Memory()

    @torch.no_grad()
    def process(self, x: Tensor) -> Tensor:
        """The next block, `(B, C, T)` → `(B, C, T)`."""
        if x.shape[:2] != self._shape:
            raise ValueError(
                f"this stream takes ({self._shape[0]}, {self._shape[1]}, T), got {tuple(x.shape)}"
            )
        with timeline.block_of(self._memory):
            return self._run(x)

    def reset(self) -> None:
        """Back to silence."""
        self._memory = timeline.Memory()
