"""What controllers are asked to do: tracks, a reference, and where there is one the mix it should become.

The chains or knobs that made the reference are applied to the tracks as well: that is the target. A reference
is another part of the same song, or another song; stems are never mixed like those of another song, so a mix
after another song has no target and is compared with its reference alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from eval.chains import DRY_RMS_DB, match_rms
from eval.mix_chains import draw_mix, draw_single
from eval.mix_songs import Song, held_out_recordings, held_out_songs, stems_apart, two_parts
from eval.music import SAMPLE_RATE
from reprs.console.console import Console
from reprs.console.knobs import Knobs, all_on
from reprs.console.standard import single_console, standard_console
from reprs.corpora.progress import track
from reprs.views.mixes import KnobPrior, level_db

FEW_TRACKS = 3


@dataclass(frozen=True)
class Trial:
    """`tracks` `(N, 2, T)`, `reference` and `target` `(2, T)`, and the `knobs` of one mix, where known."""

    content: str
    tracks: Tensor
    reference: Tensor
    target: Tensor | None = None
    knobs: Knobs | None = None


@dataclass(frozen=True)
class Task:
    """Trials of one kind, and the console whose knobs are asked for."""

    name: str
    console: Console
    trials: list[Trial]


# How a reference is made of two parts of a song: what is drawn, on the first, and both parts' mixes.
Maker = Callable[[Console, Tensor, Tensor, np.random.Generator], tuple[Tensor, Tensor, Knobs | None]]


def make_tasks(count: int, length_s: float, seed: int) -> list[Task]:
    """The tasks with `count` trials each at most, one a content where there are enough."""
    shortest_s = 2 * length_s + 1
    songs = held_out_songs(shortest_s)
    stems, finished = stems_apart(songs), held_out_recordings(shortest_s)
    rng = np.random.default_rng(seed)
    single, several = single_console(), standard_console()
    found = []
    for name, maker in (("pedalboard", by_pedalboard), ("console", by_console)):
        parts = list(_parts(_mixed(finished, stems, rng), count, length_s, rng, f"match: {name}"))
        found.append(Task(f"match, {name}, same piece", single, _same(single, parts, maker, rng)))
        found.append(Task(f"match, {name}, other piece", single, _other(single, parts, maker, rng)))
        parts = list(_parts(_shuffled(songs, rng), count, length_s, rng, f"mix: {name}"))
        found.append(Task(f"mix, {name}, same song", several, _same(several, parts, maker, rng)))
        if name == "pedalboard":
            found.append(Task("mix, pedalboard, other song", several, _after_another(several, parts, rng)))
    return found


def by_pedalboard(
    console: Console, first: Tensor, second: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor, None]:
    """Mixes `(2, T)` of tracks `(N, 2, T)` by another program's effects."""
    x, y = first.numpy(), second.numpy()
    chain = draw_single(rng, x[0]) if console.master is None else draw_mix(rng, x)
    mixes = [torch.from_numpy(chain.render(part, SAMPLE_RATE)) for part in (x, y)]
    return mixes[0], mixes[1], None


def known_settings(count: int, length_s: float, seed: int) -> list[Task]:
    """Mixes by our console of the very tracks that are given: `count` of one recording each, half as many of
    `FEW_TRACKS` stems of a song.
    """
    rng, shortest_s = np.random.default_rng([seed, 2]), 2 * length_s + 1
    single = Task("found, one recording", single_console(), [])
    several = Task("found, stems", standard_console(), [])
    songs = {single.name: held_out_recordings(shortest_s), several.name: held_out_songs(shortest_s)}
    for task, of_it in ((single, count), (several, count // 2)):
        for song, first, _ in _parts(_shuffled(songs[task.name], rng), of_it, length_s, rng, task.name):
            chosen = rng.permutation(len(first))[:FEW_TRACKS]
            tracks = first[np.sort(chosen)]
            target, _, knobs = by_console(task.console, tracks, tracks, rng)
            task.trials.append(Trial(song.content, tracks, target, target, knobs))
    return [single, several]


@torch.no_grad()
def by_console(
    console: Console, first: Tensor, second: Tensor, rng: np.random.Generator, ordered: bool = True
) -> tuple[Tensor, Tensor, Knobs]:
    """Mixes of both by our console, with knobs drawn for the levels of the first.

    What the tasks here ask for is judged in the usual order of effects; without `ordered` it is drawn, too.
    """
    knobs = random_knobs(console, first, int(rng.integers(2**31)), ordered)
    return console(first[None], SAMPLE_RATE, knobs)[0], console(second[None], SAMPLE_RATE, knobs)[0], knobs


def random_knobs(console: Console, tracks: Tensor, seed: int, ordered: bool = True) -> Knobs:
    """A draw of the prior for tracks `(N, 2, T)`; `ordered`: with the effects in the usual order."""
    drawn = prior_of(console).draw(level_db(tracks)[None], torch.Generator().manual_seed(seed))
    on = drawn.tracks_on & all_on(console.track_switches) if ordered else drawn.tracks_on
    return Knobs(drawn.tracks, drawn.shared, on, drawn.shared_on)


def prior_of(console: Console) -> KnobPrior:
    """The prior over a console's knobs."""
    return KnobPrior(
        console.track_params, console.shared_params, console.track_switches, console.shared_switches
    )


Parts = tuple[Song, Tensor, Tensor]


def _same(console: Console, parts: list[Parts], maker: Maker, rng: np.random.Generator) -> list[Trial]:
    """The reference is the second part of the same song."""
    trials = []
    for song, first, second in parts:
        target, reference, knobs = maker(console, first, second, rng)
        trials.append(Trial(song.content, first, reference, target, knobs))
    return trials


def _other(console: Console, parts: list[Parts], maker: Maker, rng: np.random.Generator) -> list[Trial]:
    """The reference is the second part of the next song, at the first one's level, through the same chain."""
    trials = []
    for (song, first, _), (_, _, second) in zip(parts, parts[1:] + parts[:1], strict=True):
        second = torch.from_numpy(match_rms(second.numpy(), DRY_RMS_DB))
        target, reference, knobs = maker(console, first, second, rng)
        trials.append(Trial(song.content, first, reference, target, knobs))
    return trials


def _after_another(console: Console, parts: list[Parts], rng: np.random.Generator) -> list[Trial]:
    """The reference is a mix of the next song, by chains of its own."""
    trials = []
    for (song, first, _), (_, _, second) in zip(parts, parts[1:] + parts[:1], strict=True):
        reference, _, _ = by_pedalboard(console, second, second, rng)
        trials.append(Trial(song.content, first, reference))
    return trials


def _parts(
    songs: Iterator[Song], count: int, length_s: float, rng: np.random.Generator, label: str
) -> Iterator[Parts]:
    """Two parts of each of the first `count` songs that have them."""

    def found() -> Iterator[Parts]:
        for song in songs:
            parts = two_parts(song, length_s, rng)
            if parts is not None:
                yield song, *parts

    for _, one in zip(range(count), track(found(), label, count), strict=False):
        yield one


def _mixed(some: list[Song], others: list[Song], rng: np.random.Generator) -> Iterator[Song]:
    """One of each in turn, in random orders."""
    for pair in zip(_shuffled(some, rng), _shuffled(others, rng), strict=False):
        yield from pair


def _shuffled(songs: list[Song], rng: np.random.Generator) -> Iterator[Song]:
    yield from [songs[i] for i in rng.permutation(len(songs))]
