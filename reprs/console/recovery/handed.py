"""Settings that sound the same: what equalisers hand each other, or hand on to what follows them.

What the master does to all tracks their strips can do as well, band by band, and a gain at all frequencies is
taken back by what follows an equaliser. No slope leads from one such setting to another, for bands stand in
other places there; but responses are known, so what one gives the others can take, all of it at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from reprs.console.recovery.by_response import FARTHEST, LEVEL_DB, Equaliser, Layout
from reprs.console.recovery.in_box import in_box
from reprs.console.recovery.starts import drawn

# Levels that are tried, and how far apart those are that are told from each other.
LEVELS_DB, APART_DB = (-10.0, -8.0, -6.0, -4.0, -2.0, 2.0, 4.0, 6.0, 8.0, 10.0), 0.3
AUDIBLE_DB = 0.1  # a band of less is nothing to hand
FITS, STEPS = 8, 40  # of those that fit best by their gains, all knobs follow
EXACT_DB = 0.02  # RMS; a fit that is more beside is not the same


def handed(layout: Layout, z: Tensor, of_master: bool, random: np.random.Generator) -> Tensor:
    """Knobs `(R, P)` that do nearly the same as `z` `(P,)`: each band of the last equaliser, where that is
    `of_master`, handed to all others, each band of another handed to it, and gains at all frequencies to what
    takes them back."""
    here, equalisers = z.double().numpy(), layout.equalisers
    every = range(len(equalisers))
    rows = list[np.ndarray]()
    if of_master:
        for e in every:
            for db in _bands_db(equalisers[e], here):
                # What one loses the others gain, and the master lacks what its tracks have.
                gained_db = db if e == every[-1] else -db
                wanted = {i: -gained_db if i == every[-1] else gained_db for i in every}
                rows += _refitted(equalisers, here, wanted, random)
    for equaliser in equalisers:
        if equaliser.made_up[layout.others].any():
            for knobs, level_db in _levels(equaliser, here[equaliser.columns], random):
                moved = _taken_back(equaliser, here, level_db)
                moved[equaliser.columns] = knobs
                rows.append(moved.clip(0, 1))
    return torch.from_numpy(np.array(rows).reshape(-1, len(here))).float()


def _taken_back(equaliser: Equaliser, here: np.ndarray, level_db: float) -> np.ndarray:
    """Knobs `(P,)` that take back a level, of the ways to do so the one that there is most room for."""
    turns = [each for each in (equaliser.made_up, equaliser.instead) if each is not None]
    ways = [here + each * level_db for each in turns]
    return min(ways, key=lambda moved: float(np.abs(moved - moved.clip(0, 1)).sum()))


def _bands_db(equaliser: Equaliser, here: np.ndarray) -> list[np.ndarray]:
    """Responses `(POINTS,)` of the bands that do something, the highpass aside."""
    bands = equaliser.bands.each_db(here[None, equaliser.columns])[0][equaliser.bands.before :]
    return [db for db in bands if np.abs(db).max() > AUDIBLE_DB]


def _refitted(
    equalisers: Sequence[Equaliser],
    here: np.ndarray,
    gained_db: dict[int, np.ndarray],
    random: np.random.Generator,
) -> list[np.ndarray]:
    """Knobs `(P,)` like those `here` whose equalisers gain so much; none where one of them cannot."""
    moved = here.copy()
    for e, db in gained_db.items():
        equaliser = equalisers[e]
        wanted_db = equaliser.bands.slopes(here[None, equaliser.columns])[0][0] + db
        knobs, off_db = _fitted(equaliser, wanted_db, here[equaliser.columns], random)
        if off_db > EXACT_DB:
            return []
        moved[equaliser.columns] = knobs
    return [moved]


def _fitted(
    equaliser: Equaliser, wanted_db: np.ndarray, here: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Knobs `(K,)` of an equaliser that come nearest to a response `(POINTS,)`, begun at those `here` and at
    random, and how far off they are, in dB RMS."""
    bands = equaliser.bands
    begun, off_db = bands.fitted(wanted_db, np.concatenate([here[None], drawn(here, random)]))
    starts = np.concatenate([here[None], begun[off_db.argsort()[:FITS]]])

    def heard(knobs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        response_db, slopes = bands.slopes(knobs)
        return response_db - wanted_db, slopes

    knobs, off = in_box(heard, starts, np.zeros(len(here)), np.ones(len(here)), STEPS)
    least = int(off.argmin())
    return knobs[least], float(np.sqrt(off[least] / len(wanted_db)))


def _levels(
    equaliser: Equaliser, here: np.ndarray, random: np.random.Generator
) -> list[tuple[np.ndarray, float]]:
    """Knobs `(K,)` of an equaliser that does the same at another level, in dB, each as near as knobs around
    there can, and these levels."""
    bands, starts = equaliser.bands, list[np.ndarray]()
    before_db = bands.slopes(here[None])[0][0]
    for level_db in LEVELS_DB:
        begun, off_db = bands.fitted(before_db + level_db, np.concatenate([here[None], drawn(here, random)]))
        best = begun[off_db.argsort()[:FITS]]
        starts.append(np.concatenate([best, np.full((len(best), 1), level_db / LEVEL_DB)], axis=1))

    def heard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        response_db, slopes = bands.slopes(values[:, :-1])
        by_level = np.full((*slopes.shape[:2], 1), -LEVEL_DB)
        off_db = response_db - before_db - LEVEL_DB * values[:, -1:]
        return off_db, np.concatenate([slopes, by_level], axis=2)

    sides = np.append(np.zeros(len(here)), -FARTHEST), np.append(np.ones(len(here)), FARTHEST)
    values, off = in_box(heard, np.concatenate(starts), *sides, STEPS)
    kept = list[int]()
    for i in off.argsort():
        level_db = LEVEL_DB * values[i, -1]
        there = [0.0, *(LEVEL_DB * values[k, -1] for k in kept)]
        if off[i] < len(before_db) * EXACT_DB**2 and all(abs(level_db - each) > APART_DB for each in there):
            kept.append(int(i))
    return [(values[i, :-1], LEVEL_DB * values[i, -1]) for i in kept]
