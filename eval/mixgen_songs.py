"""Songs for judging mix generators: the same tracks with several references, each of known settings.

The settings of a reference are a draw of the prior, made on another part of the song; the target has the same
settings on the tracks themselves. So references and targets are samples of p(mix, reference | song).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from eval.mix_songs import Song, songs_of, two_parts
from eval.mix_trials import Trial, by_console
from eval.music import KEPT_BACK
from reprs.console.standard import standard_console
from reprs.corpora.item import Item, in_test
from reprs.corpora.progress import track

MOST_TRACKS = 6
LOUDNESS_DB = -18.0
# Songs of the built-in corpus that no other judge and no training uses: all those of another seed.
BUILTIN = {"n_songs": 120, "seed": 1, "split": None}
# Test-role songs on which earlier generators were compared while they were made.
LOOKED_AT = {f"midi/planetblupi-music-midi__music{n:03d}" for n in (0, 1, 2, 3, 5, 9)}
# What `configs/mixgen.yaml` trains on.
TRAINED_ON = {"n_songs": 300, "split": "train"}


@dataclass(frozen=True)
class Case:
    """A song: `trials` on the same tracks, a reference each, and as many `others` to compare samples with."""

    content: str
    trials: tuple[Trial, ...]
    others: tuple[Trial, ...]


def make_cases(role: str, count: int, mixes: int, length_s: float, seed: int) -> list[Case]:
    """At most `count` songs of a role with `mixes` references, and as many others.

    "test": songs to judge on. "train": pieces that training keeps back, to choose on.
    """
    songs = unseen(2 * length_s + 1) if role == "test" else kept_back(2 * length_s + 1)
    rng = np.random.default_rng([seed, 7])
    cases: list[Case] = []
    for index in track([int(i) for i in rng.permutation(len(songs))][:count], f"songs of the role {role}"):
        parts = two_parts(songs[index], length_s, rng)
        if parts is not None:
            cases.append(_case(songs[index].content, *parts, mixes, rng))
    return cases


def unseen(shortest_s: float) -> list[Song]:
    """Test-role songs as stems that nothing was compared on before."""
    return songs_of([item for item in _items("test", **BUILTIN) if item.content not in LOOKED_AT], shortest_s)


def kept_back(shortest_s: float) -> list[Song]:
    """Train-role songs as stems that training leaves out for validation."""
    return songs_of([i for i in _items("train", **TRAINED_ON) if in_test(i.content, KEPT_BACK)], shortest_s)


def _items(role: Literal["train", "test"], **builtin: Any) -> list[Item]:
    """Stems of a role: composed ones, recorded ones, and MIDI files whose packages are in the cache."""
    from reprs.corpora.builtin import BuiltinCorpus
    from reprs.corpora.debian import DebianCorpus, package_folder
    from reprs.corpora.midi import SOUNDFONTS, MidiCorpus

    composed, midi = BuiltinCorpus(**builtin), MidiCorpus(role)
    composed.download()
    items = [*DebianCorpus(role=role, kinds=["stems"]).items(), *composed.items()]
    if all((package_folder(p) / "complete").exists() for p in (*midi.packages, SOUNDFONTS[role])):
        midi.download()
        items += midi.items()
    return items


def _case(content: str, first: Tensor, second: Tensor, mixes: int, rng: np.random.Generator) -> Case:
    chosen = torch.from_numpy(rng.permutation(len(first))[:MOST_TRACKS])
    made = [_trial(content, first[chosen], second[chosen], rng) for _ in range(2 * mixes)]
    return Case(content, tuple(made[:mixes]), tuple(made[mixes:]))


def _trial(content: str, first: Tensor, second: Tensor, rng: np.random.Generator) -> Trial:
    target, reference, knobs = by_console(standard_console(), first, second, rng, ordered=False)
    return Trial(content, first, reference, levelled(target[None])[0], knobs)


def levelled(x: Tensor) -> Tensor:
    """Recordings `(B, 2, T)` at the same RMS."""
    rms = x.square().mean((1, 2), keepdim=True).sqrt().clamp_min(1e-6)
    return x * 10 ** (LOUDNESS_DB / 20) / rms
