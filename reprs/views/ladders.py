"""Which faults a cut gets: a few for the teacher to judge, or whole ladders, whose order needs no teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reprs.corpora.item import Item
from reprs.views.degradations import seen_kinds, training_kinds
from reprs.views.degraded import CUT_S, Cut, Fault, draw_starts

# Closer rungs are told apart by chance.
LEAST_STEP = 0.15
# The judged kinds come so many times as often as the broader ones.
SEEN_WEIGHT = 2.0
# What other originals are like, at most so: another equaliser, and duller.
ORIGINALS = {"resonances": 0.7, "band_limit": 0.3}


def training_cuts(items: Sequence[Item], count: int, seed: int) -> list[Cut]:
    """`count` cuts, every piece once before any comes again; the first are the same whatever the count."""
    pieces = pieces_of(items)
    order = np.concatenate(
        [np.random.default_rng([seed, i]).permutation(len(pieces)) for i in range(count // len(pieces) + 1)]
    )
    return [training_cut(pieces[order[i]], seed, i) for i in range(count)]


def training_cut(item: Item, seed: int, index: int) -> Cut:
    """Three kinds at two strengths each, two of them at once, and all three; of half, another original."""
    rng = np.random.default_rng([seed, index, 3])
    weights = np.array([SEEN_WEIGHT if kind in seen_kinds() else 1.0 for kind in training_kinds()])
    chosen = [str(k) for k in rng.choice(training_kinds(), 3, replace=False, p=weights / weights.sum())]
    renders: list[tuple[Fault, ...]] = [(f,) for kind in chosen for f in rungs(rng, kind, 2)]
    renders += [tuple(rungs(rng, kind, 1)[0] for kind in chosen[:count]) for count in (2, 3)]
    cut = make_cut(item, rng, renders, int(rng.integers(2**31)))
    mild = {name: Fault(name, round(float(most * rng.random()), 4)) for name, most in ORIGINALS.items()}
    return replace(cut, before=tuple(fault for fault in mild.values() if rng.random() < 0.3))


def rungs(rng: np.random.Generator, kind: str, count: int) -> list[Fault]:
    """Rising strengths of one kind, at least `LEAST_STEP` apart."""
    spare = 1 - LEAST_STEP * (count - 1)
    drawn = np.sort(rng.random(count)) * spare + LEAST_STEP * np.arange(count)
    return [Fault(kind, round(float(strength), 4)) for strength in drawn]


def make_cut(item: Item, rng: np.random.Generator, renders: Sequence[tuple[Fault, ...]], seed: int) -> Cut:
    """A cut somewhere in a piece."""
    path = str(item.path)
    return Cut(path, item.content, draw_starts(rng, item), tuple(renders), seed, item.path.stat().st_size)


def pieces_of(items: Sequence[Item]) -> list[Item]:
    """One item a content, a mixture before a stem, long enough for a cut, in the order of their names."""
    best: dict[str, Item] = {}
    for item in sorted(items, key=lambda i: (i.instrument is not None, i.content, str(i.path))):
        if item.duration_s is None or item.duration_s > CUT_S + 1:
            best.setdefault(item.content, item)
    return [best[content] for content in sorted(best)]
