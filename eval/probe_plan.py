"""What the probes listen to, as plain data: cuts, chains, and clips with their labels.

Pieces are divided once into those that probes learn from and those they are tested on; every task keeps to
that division. The same cuts and settings go through both engines, so a column that crosses engines differs in
the program that rendered and in nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from eval.chains import DEFAULT_KINDS, PedalboardChain, sample_chain
from eval.clips import STORED_RMS_DB, Job, kept_clips
from eval.engines import ENGINES, fingerprint, render
from eval.music import Cut, Piece, draw_cut
from eval.plan import PREROLL_S
from eval.styles import STYLE_TASKS, STYLES, sample_style

FORMAT = 1
TRAIN_SHARE = 0.6
CUTS_A_PIECE = 2
# DeepAFx-ST's probe learns styles from 600 clips each; that of the default sizes from 288, tested on 192.
STYLE_CUTS = 4
# Pairs that sound different the other way round: one of the two is not linear.
PAIRS = (("distortion", "reverb"), ("filter", "distortion"))
FEWEST_PIECES = 8


@dataclass(frozen=True)
class Sizes:
    """Pieces, chains on each of a piece's two cuts, and songs of the built-in corpus for the instruments."""

    pieces: int = 120
    train_chains: int = 10
    test_chains: int = 4
    songs: int = 120

    @classmethod
    def quick(cls) -> Sizes:
        """About a quarter of the work: for watching a training, not for a published number."""
        return cls(pieces=40, train_chains=4, test_chains=2, songs=50)


@dataclass(frozen=True)
class Clip:
    """One clip: its cut, chain and engine, and what a task has to know of it."""

    cut: int
    chain: int
    preroll_s: float
    engine: str
    label: str


@dataclass
class ProbePlan:
    """`tasks[task]["pedalboard train"]` and the like hold indices into `clips`."""

    settings: dict[str, Any]
    cuts: list[Cut] = field(default_factory=list)
    chains: list[PedalboardChain] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
    tasks: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        data = {**self.__dict__, "cuts": [asdict(c) for c in self.cuts]}
        data["clips"] = [list(asdict(c).values()) for c in self.clips]
        return data | {"chains": [c.to_json() for c in self.chains]}

    def key(self) -> str:
        import pedalboard

        data = self.to_json()
        for cut in data["cuts"]:
            del cut["piece"]["path"]  # where the music lies changes nothing
        text = json.dumps([FORMAT, pedalboard.__version__, fingerprint(), data], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def contents(self, indices: Sequence[int]) -> list[str]:
        return [self.cuts[self.clips[i].cut].piece.content for i in indices]

    def chain_of(self, index: int) -> PedalboardChain:
        return self.chains[self.clips[index].chain]

    def labels(self, indices: Sequence[int]) -> np.ndarray:
        return np.array([self.clips[i].label for i in indices])


def make_probe_plan(
    pieces: Sequence[Piece], stems: Sequence[tuple[Piece, str]], sizes: Sizes, seed: int, clip_s: float
) -> ProbePlan:
    """Draw everything. `stems` are pieces of one instrument each, with its name; none, and no such task."""
    if len(pieces) < FEWEST_PIECES:
        raise ValueError(f"{len(pieces)} pieces are too few to divide; probes need at least {FEWEST_PIECES}")
    rng = np.random.default_rng(seed)
    draw = _Draw(ProbePlan({"seed": seed, "clip_s": clip_s, "stored_rms_db": STORED_RMS_DB}), rng)
    chosen = [pieces[i] for i in rng.permutation(len(pieces))[: sizes.pieces]]
    split = max(2, round(TRAIN_SHARE * len(chosen)))
    sides = {"train": chosen[:split], "test": chosen[split:]}
    for side, own in sides.items():
        for piece in own:
            draw.chains(piece, side, sizes.train_chains if side == "train" else sizes.test_chains)
            draw.orders(piece, side)
            draw.styles(piece, side, "mild styles")
    draw.instruments(stems)
    for side, own in sides.items():
        for piece in own:
            for _ in range(STYLE_CUTS):
                draw.styles(piece, side, "styles")
    return draw.plan


def probe_clips(plan: ProbePlan, folder: Path) -> np.ndarray:
    """All clips `(N, 2, T)` int16, memory-mapped; rendered into `folder` on first use."""
    jobs = [Job(c.cut, c.preroll_s, partial(render, c.engine, plan.chains[c.chain])) for c in plan.clips]
    return kept_clips(folder, plan.cuts, jobs, plan.settings["clip_s"], PREROLL_S[1], plan.to_json())


class _Draw:
    """Appends cuts, chains and clips to a plan, all from one generator."""

    def __init__(self, plan: ProbePlan, rng: np.random.Generator) -> None:
        self.plan, self.rng = plan, rng

    def chains(self, piece: Piece, side: str, count: int) -> None:
        """Chains with each effect in half of the clips, on two cuts; the label is the cut's number."""
        for number in range(CUTS_A_PIECE):
            cut = self._cut(piece)
            for _ in range(count):
                self._clips("chains", side, cut, sample_chain(self.rng), str(number))

    def orders(self, piece: Piece, side: str) -> None:
        """Each pair of effects with the same settings in both orders; the label is `first>second`."""
        cut = self._cut(piece)
        for pair in PAIRS:
            steps = {kind: sample_chain(self.rng, [kind], 1).steps for kind in pair}
            for order in (pair, pair[::-1]):
                chain = PedalboardChain(order, tuple(s for kind in order for s in steps[kind]))
                self._clips("order", side, cut, chain, ">".join(order))

    def styles(self, piece: Piece, side: str, task: str) -> None:
        """The five styles on one cut."""
        cut = self._cut(piece)
        for name in STYLES:
            chain = sample_style(self.rng, name, STYLE_TASKS[task][name])
            self._clips(task, side, cut, chain, name)

    def instruments(self, stems: Sequence[tuple[Piece, str]]) -> None:
        """Two chains on each stem, songs divided like pieces; the label is the instrument."""
        songs = sorted({piece.content for piece, _ in stems})
        learnt = {songs[i] for i in self.rng.permutation(len(songs))[: round(TRAIN_SHARE * len(songs))]}
        for piece, instrument in stems:
            side, cut = "train" if piece.content in learnt else "test", self._cut(piece)
            for _ in range(2):
                chain = sample_chain(self.rng)
                self._clips("instruments", side, cut, chain, instrument, ENGINES[:1])

    def _cut(self, piece: Piece) -> int:
        self.plan.cuts.append(draw_cut(self.rng, piece, self.plan.settings["clip_s"] + PREROLL_S[1]))
        return len(self.plan.cuts) - 1

    def _clips(
        self,
        task: str,
        side: str,
        cut: int,
        chain: PedalboardChain,
        label: str,
        engines: Sequence[str] = ENGINES,
    ) -> None:
        """The chain on the cut by every engine; ours is for learning from."""
        self.plan.chains.append(chain)
        preroll_s = round(float(self.rng.uniform(*PREROLL_S)), 4)
        for engine in engines:
            if engine == "pedalboard" or side == "train":
                clip = Clip(cut, len(self.plan.chains) - 1, preroll_s, engine, label)
                self.plan.clips.append(clip)
                sides = self.plan.tasks.setdefault(task, {})
                sides.setdefault(f"{engine} {side}", []).append(len(self.plan.clips) - 1)


def presence(plan: ProbePlan, indices: Sequence[int]) -> np.ndarray:
    """Which kinds of effect are on, `(n, K)` of 0 and 1 in the order of `DEFAULT_KINDS`."""
    return np.array([[kind in plan.chain_of(i).kinds for kind in DEFAULT_KINDS] for i in indices], np.int64)
