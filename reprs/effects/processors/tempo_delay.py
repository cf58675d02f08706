"""Delay in time with the music."""

from __future__ import annotations

import re
from typing import Annotated

from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.mix import crossfade
from reprs.effects.processors.delay import recirculated
from reprs.effects.spec import Param, effect


@effect
def tempo_delay(
    x: Tensor,
    sample_rate: int,
    tempo_bpm: Annotated[Tensor, Param(40, 240, default=120)],
    feedback: Annotated[Tensor, Param(0, 0.9, default=0.4)],
    ping_pong: Annotated[Tensor, Param(0, 1, default=0)],
    damping_hz: Annotated[Tensor, Param(500, 16_000, default=8_000, scale="log")],
    mix: Annotated[Tensor, Param(0, 1, default=0.3)],
    *,
    note: str = "1/8",
) -> Tensor:
    """`delay` with its time as a note value at a tempo of quarter notes a minute.

    `note` is "1/1", "1/2" … "1/64"; "1/8." is dotted (half as long again), "1/8t" a triplet (two thirds).
    """
    beats = quarters(note)

    def run(x: Tensor, mix: Tensor, tempo_bpm: Tensor, *knobs: Tensor) -> Tensor:
        return crossfade(x, recirculated(x, sample_rate, beats * 60_000 / tempo_bpm.double(), *knobs), mix)

    return by_item(run, x, mix, tempo_bpm, feedback, ping_pong, damping_hz, at_a_time=4)


def quarters(note: str) -> float:
    """The length of a note value in quarter notes: "1/8." → 0.75."""
    found = re.fullmatch(r"1/(1|2|4|8|16|32|64)([.t]?)", note)
    if not found:
        raise ValueError(f'a note value is "1/4", dotted "1/4." or triplet "1/4t", not {note!r}')
    return 4 / int(found[1]) * {"": 1, ".": 3 / 2, "t": 2 / 3}[found[2]]
