"""Rows of the table of mix generators: each draws settings for a trial's tracks in its reference's style."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eval.mix_songs import held_out_songs, two_parts
from eval.mix_trials import Trial, by_console, prior_of
from eval.music import SAMPLE_RATE
from reprs.console.knobs import Knobs
from reprs.console.standard import standard_console
from reprs.corpora.progress import track
from reprs.models.flow import noise_for
from reprs.views.mixes import level_db

LOUDNESS_DB = -18.0
MOST_TRACKS = 6


@dataclass(frozen=True)
class Heard:
    """A trial and what the generator hears of it: its `song`, and the `style` `(1, R)` of its reference."""

    trial: Trial
    song: Any
    style: Tensor


@dataclass(frozen=True)
class Row:
    """`draw(heard, samples, seed)` gives settings, a batch of `samples`, or of `answers`."""

    name: str
    draw: Callable[[Heard, int, int], Knobs]
    answers: int | None = None


def make_trials(count: int, length_s: float, seed: int) -> list[Trial]:
    """Unseen songs with known settings: the reference is one part of a song, the target another one."""
    console, rng = standard_console(), np.random.default_rng([seed, 7])
    songs = held_out_songs(2 * length_s + 1)
    trials: list[Trial] = []
    for index in track([int(i) for i in rng.permutation(len(songs))], "unseen songs"):
        parts = two_parts(songs[index], length_s, rng)
        if parts is None:
            continue
        chosen = torch.from_numpy(rng.permutation(len(parts[0]))[:MOST_TRACKS])
        first, second = (part[chosen] for part in parts)
        target, reference, knobs = by_console(console, first, second, rng)
        trials.append(Trial(songs[index].content, first, reference, target, knobs))
        if len(trials) == count:
            break
    return trials


def heard(generator: Any, trials: Sequence[Trial]) -> list[Heard]:
    """Every trial as the generator hears it."""
    return [
        Heard(t, generator.hear(t.tracks, SAMPLE_RATE), generator.condition(t.reference, None, SAMPLE_RATE))
        for t in track(trials, "listening")
    ]


def make_rows(generator: Any, rivals: Any, controller: Any) -> list[Row]:
    """The flow, what learned beside it, and what has not learned; `rivals`, `controller` may be None."""
    rows = [
        Row("flow", lambda h, n, seed: generator.sample(h.song, h.style, n, seed)),
        Row("flow, guidance 2", lambda h, n, seed: generator.sample(h.song, h.style, n, seed, guidance=2.0)),
        Row(
            "flow, temperature 0.5",
            lambda h, n, seed: generator.sample(h.song, h.style, n, seed, temperature=0.5),
        ),
        Row("flow, no style", lambda h, n, seed: generator.sample(h.song, 0 * h.style, n, seed)),
    ]
    if rivals is not None:
        named = {
            "regression": rivals.regression,
            "conditional VAE": rivals.vae,
            "Gaussian prior": rivals.prior,
        }
        rows += [_rival(generator, name, model) for name, model in named.items()]
    if controller is not None:
        rows.append(Row("controller", lambda h, n, seed: _controlled(controller, h), 1))
    rows.append(Row("random knobs", _random))
    rows.append(Row("the prior again", _prior))
    return rows


@torch.no_grad()
def rendered(heard: Heard, knobs: Knobs) -> Tensor:
    """Mixes `(S, 2, T)` of a trial's tracks, at one level."""
    console = standard_console()
    count = len(knobs.tracks)
    tracks = heard.trial.tracks.expand(count, -1, -1, -1)
    return levelled(console(tracks, SAMPLE_RATE, knobs))


def levelled(x: Tensor) -> Tensor:
    """Recordings `(B, 2, T)` at the same RMS."""
    rms = x.square().mean((1, 2), keepdim=True).sqrt().clamp_min(1e-6)
    return x * 10 ** (LOUDNESS_DB / 20) / rms


def _rival(generator: Any, name: str, model: Any) -> Row:
    """A row of what learned beside the flow, in its coordinates."""

    def draw(h: Heard, samples: int, seed: int) -> Knobs:
        noise = noise_for(h.song.keys, model.noise_sizes, samples, seed)
        tokens, style = h.song.tokens.expand(samples, -1, -1), h.style.expand(samples, -1)
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool)
        return generator.settings(model.draw(noise, tokens, style, mask), h.song)

    return Row(name, draw, 1 if name == "regression" else None)


def _controlled(controller: Any, h: Heard) -> Knobs:
    return controller(h.trial.tracks[None], SAMPLE_RATE, reference=h.trial.reference)


def _random(h: Heard, samples: int, seed: int) -> Knobs:
    """Every knob anywhere, every switch by a coin."""
    console, dice = standard_console(), torch.Generator().manual_seed(seed)
    rest = console.neutral(samples, len(h.trial.tracks))
    assert rest.tracks_on is not None and rest.shared_on is not None
    parts = [torch.rand(x.shape, generator=dice) for x in (rest.tracks, rest.shared)]
    flips = [torch.rand(x.shape, generator=dice) < 0.5 for x in (rest.tracks_on, rest.shared_on)]
    return Knobs(parts[0], parts[1], flips[0], flips[1])


def _prior(h: Heard, samples: int, seed: int) -> Knobs:
    """What valid settings are drawn from, without regard to the reference: another valid mix."""
    dice = torch.Generator().manual_seed(seed)
    drawn = prior_of(standard_console()).draw(level_db(h.trial.tracks).expand(samples, -1), dice)
    return Knobs(drawn.tracks, drawn.shared, drawn.tracks_on, drawn.shared_on)
