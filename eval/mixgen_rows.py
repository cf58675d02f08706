"""Rows of the table of mix generators: each draws settings for a trial's tracks in its reference's style."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eval.mix_trials import Trial, prior_of
from eval.mixgen_songs import Case, levelled
from eval.music import SAMPLE_RATE
from reprs.console.counted import SettingSpace
from reprs.console.knobs import Knobs
from reprs.console.standard import standard_console
from reprs.corpora.progress import track
from reprs.models.flow import noise_for
from reprs.views.mixes import level_db


@dataclass(frozen=True)
class Heard:
    """A trial and what the generator hears of it: its `song`, and the `style` `(1, R)` of its reference.

    `number` is its own: two trials never share the noise of a seed.
    """

    trial: Trial
    song: Any
    style: Tensor
    number: int = 0

    def noise(self, seed: int) -> int:
        """The seed that this trial's samples are drawn with."""
        return 10_000 * seed + self.number


@dataclass(frozen=True)
class Row:
    """`draw(heard, samples, seed, first)` gives settings, a batch of `samples`, or of `answers`.

    They are those that a call for more of them gives from number `first` on, where that makes a difference.
    """

    name: str
    draw: Callable[[Heard, int, int, int], Knobs]
    answers: int | None = None


def heard(generator: Any, cases: Sequence[Case]) -> list[list[Heard]]:
    """Every song's trials as the generator hears them."""
    found: list[list[Heard]] = []
    for case in track(cases, "listening"):
        song = generator.hear(case.trials[0].tracks, SAMPLE_RATE)
        styles = [generator.condition(t.reference, None, SAMPLE_RATE) for t in case.trials]
        first = len(found) * len(case.trials)
        numbered = zip(case.trials, styles, range(first, first + len(styles)), strict=True)
        found.append([Heard(trial, song, style, number) for trial, style, number in numbered])
    return found


def flow(generator: Any, name: str, styled: bool = True, **how: float) -> Row:
    """The generator with `guidance` and `temperature`, with the reference's style or none."""

    def draw(h: Heard, samples: int, seed: int, first: int) -> Knobs:
        style = h.style if styled else torch.zeros_like(h.style)
        found: Knobs = generator.sample(h.song, style, samples, h.noise(seed), first=first, **how)
        return found

    return Row(name, draw)


def make_rows(generator: Any, rivals: Any, controller: Any) -> list[Row]:
    """The flow, what learned beside it, and what has not learned; `rivals`, `controller` may be None."""
    rows = [
        flow(generator, "flow"),
        flow(generator, "flow, guidance 2", guidance=2.0),
        flow(generator, "flow, no style", styled=False),
    ]
    if rivals is not None:
        rows += [
            _rival(generator, "regression", rivals.regression),
            _rival(generator, "conditional VAE", rivals.vae),
            _rival(generator, "Gaussian prior", rivals.prior, SettingSpace(generator.console, counted=False)),
        ]
    if controller is not None:
        rows.append(Row("controller", lambda h, *_: _controlled(controller, h), 1))
    return [*rows, Row("random knobs", _random), Row("the prior again", _prior)]


@torch.no_grad()
def rendered(heard: Heard, knobs: Knobs) -> Tensor:
    """Mixes `(S, 2, T)` of a trial's tracks, at one level."""
    tracks = heard.trial.tracks.expand(len(knobs.tracks), -1, -1, -1)
    return levelled(standard_console()(tracks, SAMPLE_RATE, knobs))


def _rival(generator: Any, name: str, model: Any, space: SettingSpace | None = None) -> Row:
    """A row of what learned beside the flow, in its coordinates if they are not said."""

    def draw(h: Heard, samples: int, seed: int, first: int) -> Knobs:
        noise = noise_for(h.song.keys, model.noise_sizes, samples, h.noise(seed))
        tokens, style = h.song.tokens.expand(samples, -1, -1), h.style.expand(samples, -1)
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool)
        found: Knobs = generator.settings(model.draw(noise, tokens, style, mask), h.song, space)
        return found

    return Row(name, draw, 1 if name == "regression" else None)


def _controlled(controller: Any, h: Heard) -> Knobs:
    found: Knobs = controller(h.trial.tracks[None], SAMPLE_RATE, reference=h.trial.reference)
    return found


def _random(h: Heard, samples: int, seed: int, first: int = 0) -> Knobs:
    """Every knob anywhere, every switch by a coin."""
    console, dice = standard_console(), torch.Generator().manual_seed(h.noise(seed))
    rest = console.neutral(samples, len(h.trial.tracks))
    assert rest.tracks_on is not None and rest.shared_on is not None
    parts = [torch.rand(x.shape, generator=dice) for x in (rest.tracks, rest.shared)]
    flips = [torch.rand(x.shape, generator=dice) < 0.5 for x in (rest.tracks_on, rest.shared_on)]
    return Knobs(parts[0], parts[1], flips[0], flips[1])


def _prior(h: Heard, samples: int, seed: int, first: int = 0) -> Knobs:
    """What valid settings are drawn from, without regard to the reference: the floor of distances of sets."""
    dice = torch.Generator().manual_seed(h.noise(seed))
    drawn = prior_of(standard_console()).draw(level_db(h.trial.tracks).expand(samples, -1), dice)
    return Knobs(drawn.tracks, drawn.shared, drawn.tracks_on, drawn.shared_on)
