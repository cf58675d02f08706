"""What the quality models are judged on: degraded cuts of music that training never read.

Judged cuts carry the teacher's scores: two seen kinds and one unseen kind at two strengths each. Ladders
carry every kind at rising strengths, and need no teacher: their order is known. No piece is in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reprs.corpora.item import Item
from reprs.views.degradations import UNSEEN, kinds, seen_kinds
from reprs.views.degraded import Cut, Fault
from reprs.views.ladders import CUT_S, make_cut, pieces_of, rungs

RUNGS = (0.25, 0.5, 0.75, 1.0)


def judged_cuts(items: Sequence[Item], count: int, seed: int) -> list[Cut]:
    """`count` cuts of as many pieces as there are; every kind comes equally often.

    Raises `ValueError` where no piece is long enough.
    """
    if not pieces_of(items):
        raise ValueError(f"none of {len(items)} recordings is longer than {CUT_S + 1:g} s")
    rng = np.random.default_rng([seed, 1])
    pieces = _in_turn(rng, pieces_of(items))
    seen, unseen = _in_turn(rng, seen_kinds()), _in_turn(rng, UNSEEN)
    cuts = []
    for _ in range(count):
        first = next(seen)
        second = next(kind for kind in seen if kind != first)
        chosen = [first, second, next(unseen)]
        renders = [(fault,) for kind in chosen for fault in rungs(rng, kind, 2)]
        cuts.append(make_cut(next(pieces), rng, renders, int(rng.integers(2**31))))
    return cuts


def ladder_cuts(items: Sequence[Item], count: int, seed: int, apart: Sequence[Cut] = ()) -> list[Cut]:
    """`count` cuts with every kind at the strengths `RUNGS`, of pieces that `apart` leaves where it does."""
    rng = np.random.default_rng([seed, 2])
    taken = {cut.content for cut in apart}
    free = [item for item in items if item.content not in taken]
    pieces = _in_turn(rng, pieces_of(free) or pieces_of(items))
    renders = [(Fault(kind, strength),) for kind in kinds for strength in RUNGS]
    return [make_cut(next(pieces), rng, renders, int(rng.integers(2**31))) for _ in range(count)]


def speech_cuts(items: Sequence[Item], count: int, seed: int) -> list[Cut]:
    """`count` cuts of speech with two seen kinds at two strengths each; none where there is no speech."""
    if not pieces_of(items):
        return []
    rng = np.random.default_rng([seed, 3])
    pieces, seen = _in_turn(rng, pieces_of(items)), _in_turn(rng, seen_kinds())
    cuts = []
    for _ in range(count):
        renders = [(fault,) for kind in (next(seen), next(seen)) for fault in rungs(rng, kind, 2)]
        cuts.append(make_cut(next(pieces), rng, renders, int(rng.integers(2**31))))
    return cuts


def _in_turn(rng: np.random.Generator, values: Sequence[Any]) -> Iterator[Any]:
    """All in one random order after another: each is used before any is used again."""
    while True:
        for i in rng.permutation(len(values)):
            yield values[i]
