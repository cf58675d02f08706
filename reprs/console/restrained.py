"""No sample compresses a track more than engineers do, unless the mix it goes on from does."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.views.mixes import MADE_UP, PEAKS_DB

# What is taken from peaks in finished mixes is 3 to 10 dB as a rule (Senior 2011; Pestana and Reiss 2014).
MOST_DB = 12.0
THRESHOLD, RATIO, MAKEUP = (f"compressor.{name}" for name in ("threshold_db", "ratio", "makeup_db"))


def restrained(
    console: Console,
    knobs: Knobs,
    levels_db: Tensor,
    start: Knobs | None = None,
    locked: Tensor | None = None,
) -> Knobs:
    """`knobs` of any batch with thresholds raised until no track loses more than `MOST_DB` of its peaks.

    `levels_db` `(N,)` are the tracks' RMS in dBFS. What `start`, one mix, takes is allowed, too. The makeup
    that belonged to the rest is taken back. Knobs that `locked` `(N, Pt)` marks stay.
    """
    params = console.track_params
    threshold_db, ratio, makeup_db = _compressor(console, knobs)
    most_db = torch.full((len(levels_db),), MOST_DB)
    if start is not None:
        most_db = most_db.maximum(reduction_db(console, start, levels_db)[0])
    too_much_db = (reduction_db(console, knobs, levels_db) - most_db).clamp(min=0)
    raised_db = threshold_db + too_much_db / (1 - 1 / ratio).clamp(min=1e-3)
    columns = list(params)
    tracks = knobs.tracks.clone()
    for name, value in ((THRESHOLD, raised_db), (MAKEUP, makeup_db - MADE_UP * too_much_db)):
        param = params[name]
        changed = param.to_unit(value.clamp(param.min, param.max))
        column = columns.index(name)
        free = (too_much_db > 0) if locked is None else (too_much_db > 0) & ~locked[:, column]
        tracks[..., column] = torch.where(free, changed, tracks[..., column])
    return replace(knobs, tracks=tracks)


def reduction_db(console: Console, knobs: Knobs, levels_db: Tensor) -> Tensor:
    """What compressors take from peaks of tracks of these levels `(N,)`: `(B, N)`, 0 where they are off."""
    threshold_db, ratio, _ = _compressor(console, knobs)
    over_db = (levels_db + PEAKS_DB - threshold_db).clamp(min=0)
    taken_db = over_db * (1 - 1 / ratio)
    if knobs.tracks_on is None:
        return taken_db
    return taken_db * knobs.tracks_on[..., console.track_switches.index("compressor")]


def _compressor(console: Console, knobs: Knobs) -> tuple[Tensor, Tensor, Tensor]:
    columns = list(console.track_params)
    values = [
        console.track_params[name].from_unit(knobs.tracks[..., columns.index(name)])
        for name in (THRESHOLD, RATIO, MAKEUP)
    ]
    return values[0], values[1].clamp(min=1), values[2]
