"""What to render for the retrieval tasks, as plain data, and the cache of the rendered clips.

A plan fixes every cut, chain and pre-roll before a sample is touched; its hash names the cache folder, so a
second model is judged on exactly the same clips without rendering them again.

Economy: 20 chains on one content X serve as each other's distractors, so a group of 20 queries needs 40 clips
instead of 20 × 21. Each query's target has its own content Y, from another piece.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from eval.chains import DEFAULT_KINDS, PedalboardChain, render, sample_chain
from eval.clips import STORED_RMS_DB, Job, kept_clips
from eval.music import Cut, Piece, draw_cut

FORMAT = 1
WAYS = 20
# Of so many pieces two are kept apart, and the others can find each other.
FEWEST_PIECES, KEPT_APART = 4, 2
# A chain starts a random while before the clip: echoes and tails are under way, and the phase of a chorus or
# phaser differs between a query and its target, as it does in music.
PREROLL_S = (0.5, 1.5)


@dataclass(frozen=True)
class Sizes:
    """How many groups of 20 queries each 20-way task has, the gallery's size, and the clips for z-scores."""

    groups: int = 40
    groups_by_count: int = 24
    gallery: int = 256
    reference: int = 200
    counts: tuple[int, ...] = (1, 3, 5)

    @classmethod
    def quick(cls) -> Sizes:
        """About a fifth of the work: for watching a training, not for a published number."""
        return cls(groups=8, groups_by_count=4, gallery=256, reference=100)


@dataclass
class Plan:
    """Cuts, chains, and renders `(cut, chain, preroll_s)`; tasks hold indices into the renders."""

    settings: dict[str, Any]
    cuts: list[Cut] = field(default_factory=list)
    chains: list[PedalboardChain] = field(default_factory=list)
    renders: list[tuple[int, int, float]] = field(default_factory=list)
    reference: list[int] = field(default_factory=list)
    groups: dict[str, list[dict[str, list[int]]]] = field(default_factory=dict)
    gallery: dict[str, list[int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        data = {**self.__dict__, "cuts": [asdict(c) for c in self.cuts]}
        return data | {"chains": [c.to_json() for c in self.chains]}

    def folder_name(self) -> str:
        return f"retrieval-{self.key()}"

    def key(self) -> str:
        import pedalboard

        data = self.to_json()
        for cut in data["cuts"]:
            del cut["piece"]["path"]  # where the music lies changes nothing
        text = json.dumps([FORMAT, pedalboard.__version__, data], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_plan(
    pieces: list[Piece],
    sizes: Sizes,
    seed: int,
    clip_s: float = 3.0,
    kinds: tuple[str, ...] = DEFAULT_KINDS,
    random_order: bool = False,
) -> Plan:
    """Draw everything; a sixth of the pieces is kept apart for the baselines' z-scores.

    Raises `ValueError` where there are too few pieces for a clip and another to find.
    """
    if len(pieces) < FEWEST_PIECES:
        raise ValueError(
            f"{len(pieces)} pieces longer than {clip_s + PREROLL_S[1]:g} s are too few; "
            f"retrieval needs at least {FEWEST_PIECES}"
        )
    rng = np.random.default_rng(seed)
    shuffled = [pieces[i] for i in rng.permutation(len(pieces))]
    apart = max(KEPT_APART, len(pieces) // 6)
    settings = dict(seed=seed, clip_s=clip_s, kinds=list(kinds), random_order=random_order)
    plan = Plan(settings | {"preroll_s": list(PREROLL_S), "stored_rms_db": STORED_RMS_DB})
    draw = _Draw(plan, rng, clip_s + PREROLL_S[1], kinds, random_order)
    kept_apart, tested = _forever(rng, shuffled[:apart]), _forever(rng, shuffled[apart:])
    plan.reference = [draw.render(draw.cut(next(kept_apart)), draw.chain()) for _ in range(sizes.reference)]
    plan.groups["20-way"] = [draw.group(tested, None) for _ in range(sizes.groups)]
    plan.gallery = draw.gallery(tested, sizes.gallery)
    for count in sizes.counts:
        name = f"20-way, {count} effect{'s' if count > 1 else ''}"
        plan.groups[name] = [draw.group(tested, count) for _ in range(sizes.groups_by_count)]
    return plan


def rendered(plan: Plan, folder: Path) -> np.ndarray:
    """All clips `(N, 2, T)` int16, memory-mapped; rendered into `folder` on first use."""
    jobs = [
        Job(cut, preroll_s, partial(render, plan.chains[chain])) for cut, chain, preroll_s in plan.renders
    ]
    clip_s = plan.settings["clip_s"]
    return kept_clips(folder / plan.folder_name(), plan.cuts, jobs, clip_s, PREROLL_S[1], plan.to_json())


class _Draw:
    """Appends cuts, chains and renders to a plan, all from one generator."""

    def __init__(
        self,
        plan: Plan,
        rng: np.random.Generator,
        length_s: float,
        kinds: tuple[str, ...],
        random_order: bool,
    ) -> None:
        self.plan, self.rng, self.length_s = plan, rng, length_s
        self.kinds, self.random_order = kinds, random_order

    def cut(self, piece: Piece) -> int:
        self.plan.cuts.append(draw_cut(self.rng, piece, self.length_s))
        return len(self.plan.cuts) - 1

    def chain(self, count: int | None = None) -> int:
        chain = sample_chain(self.rng, self.kinds, count, random_order=self.random_order)
        self.plan.chains.append(chain)
        return len(self.plan.chains) - 1

    def render(self, cut: int, chain: int) -> int:
        self.plan.renders.append((cut, chain, round(float(self.rng.uniform(*PREROLL_S)), 4)))
        return len(self.plan.renders) - 1

    def group(self, pieces: Iterator[Piece], count: int | None) -> dict[str, list[int]]:
        """20 chains on one content, and the same 20 each on a content of another piece."""
        own = next(pieces)
        x, chains = self.cut(own), [self.chain(count) for _ in range(WAYS)]
        queries = [self.render(x, chain) for chain in chains]
        targets = [self.render(self.cut(_other(pieces, own)), chain) for chain in chains]
        return {"queries": queries, "targets": targets}

    def gallery(self, pieces: Iterator[Piece], size: int) -> dict[str, list[int]]:
        """`size` chains, each on its own content, and again each on a content of another piece."""
        queries, targets = [], []
        for _ in range(size):
            own, chain = next(pieces), self.chain()
            queries.append(self.render(self.cut(own), chain))
            targets.append(self.render(self.cut(_other(pieces, own)), chain))
        return {"queries": queries, "targets": targets}


def _forever(rng: np.random.Generator, pieces: list[Piece]) -> Iterator[Piece]:
    """The pieces in one random order after another: every piece is used before any is used again."""
    while True:
        for i in rng.permutation(len(pieces)):
            yield pieces[i]


def _other(pieces: Iterator[Piece], own: Piece) -> Piece:
    return next(p for p in pieces if p.content != own.content)
