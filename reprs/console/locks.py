"""Which knobs of a mix stay as they are while others are sampled, by the names that people use."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.parts import CALLED


def locked_places(console: Console, lock: Sequence[str], names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """True for what is locked: `(N, Pt + Et)` of the tracks, `(Ps + Es,)` of what they share; knobs first.

    A lock is a track ("vocals"), a part of all tracks ("compressor", "eq", "fader", "reverb.send_db"), a part
    of one ("vocals.compressor", "vocals.pan"), or what is shared ("master", "reverb", "master.limiter").
    Raises ValueError for what is none of them.
    """
    columns = [*console.track_params, *console.track_switches]
    shared = [*console.shared_params, *console.shared_switches]
    tracks = torch.zeros(len(names), len(columns), dtype=torch.bool)
    mix = torch.zeros(len(shared), dtype=torch.bool)
    for name in (part.strip() for item in lock for part in item.split(",")):
        found = _place(name, names, columns, tracks)
        for column, knob in enumerate(shared):
            if any(_within(knob, wanted) for wanted in CALLED.get(name, (name,))):
                mix[column] = found = True
        if not found:
            known = ", ".join([*names, *console.track_switches, "fader", "pan", "reverb", "master"])
            raise ValueError(f"nothing here is called {name!r}; lock {known}, or TRACK.PART")
    return tracks, mix


def _place(name: str, names: Sequence[str], columns: Sequence[str], tracks: Tensor) -> bool:
    """Mark what `name` is of the tracks; False where it is nothing of them."""
    if name in names:
        tracks[list(names).index(name)] = True
        return True
    rows: Tensor | slice = slice(None)
    owner = next((n for n in sorted(names, key=len, reverse=True) if name.startswith(f"{n}.")), None)
    if owner is not None:
        rows, name = torch.tensor([list(names).index(owner)]), name.removeprefix(f"{owner}.")
    found = False
    for column, knob in enumerate(columns):
        if any(_within(knob, wanted) for wanted in CALLED.get(name, (name,))):
            tracks[rows, column] = found = True
    return found


def _within(knob: str, wanted: str) -> bool:
    """Whether "compressor.ratio" is part of "compressor", or "fader_db" of "fader"."""
    return knob == wanted or knob.startswith((f"{wanted}.", f"{wanted}_"))
