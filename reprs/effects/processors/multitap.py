"""Multitap delay."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.delay_line import shifted
from reprs.effects.mix import crossfade
from reprs.effects.processors.pan import balance
from reprs.effects.spec import Param, effect

TAPS = 4


def _declared() -> dict[str, Param]:
    params = {}
    for i in range(TAPS):
        params[f"tap{i + 1}_ms"] = Param(5, 2_000, default=125 * (i + 1), scale="log")
        params[f"tap{i + 1}_gain_db"] = Param(-40, 6, default=-3 * (i + 1))
        params[f"tap{i + 1}_position"] = Param(-1, 1, default=0.5 * (-1) ** (i + 1))
    return params


@effect
def multitap(
    x: Tensor,
    sample_rate: int,
    mix: Annotated[Tensor, Param(0, 1, default=0.4)],
    **taps: Annotated[Tensor, _declared()],
) -> Tensor:
    """Four echoes, each with its delay, gain and place between left (-1) and right (1), without feedback.

    A tap is panned as in `pan`, at constant power; audio that is not stereo ignores the place. The delays are
    read with a cubic.
    """
    knobs = [taps[f"tap{i + 1}_{knob}"] for i in range(TAPS) for knob in ("ms", "gain_db", "position")]

    def run(x: Tensor, mix: Tensor, *knobs: Tensor) -> Tensor:
        wet = _tap(x, sample_rate, *knobs[:3])
        for i in range(1, TAPS):
            wet = wet + _tap(x, sample_rate, *knobs[3 * i : 3 * i + 3])
        return crossfade(x, wet, mix)

    return by_item(run, x, mix, *knobs)


def _tap(x: Tensor, sample_rate: int, ms: Tensor, gain_db: Tensor, position: Tensor) -> Tensor:
    delay = (ms.double() * (sample_rate / 1000)).repeat_interleave(x.shape[1])
    gain = 10 ** (gain_db / 20)[:, None, None]
    late = shifted(x.flatten(0, 1), delay).view_as(x) * gain
    return late * balance(x, position[:, None]) if x.shape[1] == 2 else late
