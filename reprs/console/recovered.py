"""Recovery: the setting of a console that made a reference of the very recording that is given.

The reference then lies in what the console can do, so the residuals go to nothing at its setting, and least
squares find it where a gradient alone only comes near. No derivative throws a switch: effects are added one
after another while that explains more.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.console.least_squares import Found, descend
from reprs.console.opened import opened
from reprs.console.parts import switches
from reprs.console.staging import Staging
from reprs.objectives.band_levels import BandLevels

EXCERPT_S = 2.5
LEAD_S = 3.0  # heard by reverbs and compressors, but not judged
ENOUGH = 0.25  # of the loudest stretch's energy
ROWS = 8  # rendered at once: they stay in a CPU's cache
TRIED_STEPS, WORTH, CERTAIN = 5, 0.9, 0.3
EXPLAINED, FAINT = 3e-4, 1e-6
FIRST_STEPS = 12
# A gain at all frequencies of the equaliser that threshold, makeup and fader take back is nearly nothing to
# hear: descents end at different ones. They start again where the bands move least, and this far from there,
# until a round of them is of no use.
LEVELS_DB, NEAR_DB, ROUNDS, BETTER = (0.0, -4.0, 4.0), 0.5, 3, 2.0
# The loss tells which is right. Where it is full of something else, small gains are more likely than large.
SETTLED, HOPELESS, INDEPENDENT, GAIN_DB = 1e-9, 3e-3, 50, 3.0
# Where effects that start off are looked for; in the knobs' own units, every combination is heard.
STARTS: dict[str, dict[str, tuple[float, ...]]] = {
    "highpass": {"cutoff_hz": (40.0, 70.0, 120.0, 200.0)},
    "distortion": {"drive_db": (4.0, 9.0, 15.0), "output_db": (-12.0, -6.0, -1.0), "mix": (0.5, 1.0)},
    "reverb": {"decay_s": (0.7, 1.5, 3.0)},
    "delay": {"feedback": (0.35,)},
}
# What comes late is looked for where what is not explained yet follows what a bus would answer.
TIMED, SENT_DB = {"reverb": "pre_delay_ms", "delay": "delay_ms"}, -18.0
OF_TIMES = 0.01  # of another knob's reach: a sample or two later, and phases no longer add up as they did
# Sides cancel between two pans: a descent would stay where it is.
PLACES = {"pan": (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75), "stereo_width.width": (0.4, 0.8, 1.0, 1.3, 1.7)}
DEVIATION, OF_GAINS = 0.25, 0.15


def recovered(
    console: Console,
    tracks: Tensor,
    sample_rate: int,
    knobs: Knobs,
    reference: Tensor,
    steps: int,
    on_step: Callable[[int, float], None] | None = None,
) -> Knobs:
    """Knobs of the console for one recording `(1, 1, C, T)` whose mix `reference` `(2, T)` is.

    `knobs` is where to begin, and what is returned where nothing else is nearer. `steps` limits each descent:
    from the start, and after each effect that is added.
    """
    with torch.no_grad():
        excerpt = _excerpt(tracks, reference, sample_rate)
        search = _Search(console, *excerpt, sample_rate, knobs, steps, on_step)
        found, on = search.run()
        return search.knobs(found.z[None], on) if found.loss < search.loss_of(knobs) else knobs


def _excerpt(tracks: Tensor, reference: Tensor, sample_rate: int) -> tuple[Tensor, Tensor, int]:
    """The first stretch that is loud enough, with what leads to it, and the samples of that lead."""
    length = min(round(EXCERPT_S * sample_rate), reference.shape[-1])
    hop = max(1, length // 6)
    energies = reference.unfold(-1, length, hop).square().sum((0, 2))
    start = int((energies >= ENOUGH * energies.amax()).nonzero()[0]) * hop
    first = max(0, start - round(LEAD_S * sample_rate))
    return tracks[..., first : start + length], reference[None, :, first : start + length], start - first


@dataclass
class _Search:
    """One excerpt, and the knobs that are asked about it."""

    console: Console
    tracks: Tensor
    target: Tensor
    lead: int
    sample_rate: int
    given: Knobs
    steps: int
    on_step: Callable[[int, float], None] | None = None

    def __post_init__(self) -> None:
        self.heard = BandLevels(self.target, self.sample_rate, self.lead)
        self.staging = Staging(self.console, self.sample_rate)
        self.start = opened(self.console, self.given)
        self.z = self.console.flatten(self.start)[0]
        self.names = [*self.console.track_params, *self.console.shared_params]
        self.params = [*self.console.track_params.values(), *self.console.shared_params.values()]
        strip = [name for name in STARTS if name in self.console.track_switches]
        self.optional = [*strip, *(name for name in STARTS if name in self.console.buses)]
        self.step = 0

    def run(self) -> tuple[Found, list[str]]:
        """Add the effects that explain most, one after another, and settle the levels; then again."""
        best, on = self._explained(self._descend(self._placed(), []), [], EXPLAINED)
        best = self._settled(best, on)
        further, more = self._explained(best, on, FAINT)
        return (best, on) if more == on else (self._settled(further, more), more)

    def _explained(self, best: Found, on: list[str], enough: float) -> tuple[Found, list[str]]:
        """With the effects that explain most of what is left, while that is more than `enough`."""
        while best.loss > enough and len(on) < len(self.optional):
            name, start = self._most_telling(best, on)
            further = self._descend(start.z, [*on, name])
            if further.loss > WORTH * best.loss:
                break
            best, on = further, [*on, name]
        return best, on

    def _placed(self) -> Tensor:
        """The start, or the same at the pan and the width that come nearest."""
        rows = torch.cat([self.z[None], self._combined(self.z, PLACES)])
        return rows[int(self._residuals(rows, []).square().sum(1).argmin())]

    def _most_telling(self, best: Found, on: Sequence[str]) -> tuple[str, Found]:
        """The effect to add, a few steps on; the first that leaves little of the loss saves the others."""
        tries: dict[str, Found] = {}
        for name in self.optional:
            if name not in on:
                tries[name] = self._tried(best.z, on, name)
                if tries[name].loss < CERTAIN * best.loss:
                    return name, tries[name]
        name = min(tries, key=lambda each: tries[each].loss)
        return name, tries[name]

    def _settled(self, best: Found, on: Sequence[str]) -> Found:
        """The most likely of the descents from equalisers that are louder or softer as a whole."""
        for _ in range(ROUNDS if self.staging.possible else 0):
            if best.loss <= SETTLED:
                break
            last, (calm, level_db) = best, self.staging.least_moved(best.z)
            for by_db in LEVELS_DB if best.loss < HOPELESS else LEVELS_DB[:1]:
                if best.loss > SETTLED and abs(level_db + by_db) >= NEAR_DB:
                    other = self._descend(self.staging.slid(calm, by_db), on)
                    best = min(best, other, key=self._unlikely)
            if self._unlikely(best) > self._unlikely(last) - BETTER:
                break
        return self._descend(best.z, on, self.steps) if best.loss > SETTLED else best

    def _unlikely(self, found: Found) -> float:
        """The negative logarithm of the chance of what is left, and of gains this large (a Laplace prior)."""
        left = INDEPENDENT / 2 * math.log(found.loss + SETTLED)
        return left + self.staging.gains_db(found.z) / GAIN_DB

    def knobs(self, z: Tensor, on: Sequence[str]) -> Knobs:
        """Knobs of rows `(R, P)`, with the optional effects that are `on`."""
        found = self.console.unflatten(z, 1, self.start)
        tracks_on, shared_on = switches(self.console, self.start)
        for name in self.optional:
            if name in self.console.buses:
                shared_on[..., self.console.shared_switches.index(name)] = name in on
            else:
                tracks_on[..., self.console.track_switches.index(name)] = name in on
        rows = len(z)
        return replace(found, tracks_on=tracks_on.expand(rows, -1, -1), shared_on=shared_on.expand(rows, -1))

    def loss_of(self, knobs: Knobs) -> float:
        """The loss of settings as they stand."""
        return float(self.heard(self.console(self.tracks, self.sample_rate, knobs)).square().sum())

    def _residuals(self, z: Tensor, on: Sequence[str]) -> Tensor:
        return torch.cat([self.heard(self._mix(rows, on)) for rows in z.split(ROWS)])

    def _mix(self, z: Tensor, on: Sequence[str]) -> Tensor:
        """Mixes `(R, 2, T)` of the excerpt."""
        tracks = self.tracks.expand(len(z), -1, -1, -1)
        return self.console(tracks, self.sample_rate, self.knobs(z, on))

    def _descend(self, z: Tensor, on: Sequence[str], most: int = FIRST_STEPS) -> Found:
        """Least squares in the knobs of what is on, `most` steps and no more than are wanted."""
        live = torch.tensor([i for i, name in enumerate(self.names) if self._is_live(name, on)])
        gains = torch.tensor([self.names[i].endswith("gain_db") for i in live.tolist()])
        middle = torch.where(gains, 0.5, self.z[live])
        deviation = torch.where(gains, OF_GAINS, DEVIATION)
        late = torch.tensor([self.names[i].endswith(tuple(TIMED.values())) for i in live.tolist()])

        def whole(values: Tensor) -> Tensor:
            rows = z.repeat(len(values), 1)
            rows[:, live] = values
            return rows

        found = descend(
            lambda values: self._residuals(whole(values), on),
            z[live],
            middle,
            deviation,
            min(most, self.steps),
            self._told,
            torch.where(late, OF_TIMES, 1.0),
        )
        return Found(whole(found.z[None])[0], found.loss)

    def _tried(self, z: Tensor, on: Sequence[str], name: str) -> Found:
        """A few steps with one more effect, from the best of its starts."""
        rows = self._combined(z, {f"{name}.{knob}": values for knob, values in STARTS[name].items()})
        if name in TIMED:
            rows = self._timed(rows, z, on, name)
        losses = self._residuals(rows, [*on, name]).square().sum(1)
        return self._descend(rows[int(losses.argmin())], [*on, name], TRIED_STEPS)

    def _timed(self, rows: Tensor, z: Tensor, on: Sequence[str], bus: str) -> Tensor:
        """Rows `(R, P)` with a bus as late and as loud as it is in what is not explained yet."""
        late, send = self.names.index(f"{bus}.{TIMED[bus]}"), self.names.index(f"{bus}.send_db")
        rows = rows.clone()
        rows[:, late], rows[:, send] = 0.0, self.params[send].to_unit(torch.tensor(SENT_DB))
        dry = self._mix(z[None], on)
        answers = self._mix(rows, [*on, bus]) - dry
        first_ms, last_ms = (float(self.params[late].from_unit(torch.tensor(at))) for at in (0.0, 1.0))
        longest = round((last_ms - first_ms) * self.sample_rate / 1_000)
        lags, gains = _echo(self.target - dry, answers, min(longest, answers.shape[-1] // 2))
        rows[:, late] = self.params[late].to_unit(first_ms + 1_000 * lags / self.sample_rate).clamp(0, 1)
        rows[:, send] = self.params[send].to_unit(SENT_DB + 20 * torch.log10(gains)).clamp(0.1, 1)
        return rows

    def _combined(self, z: Tensor, values: Mapping[str, tuple[float, ...]]) -> Tensor:
        """`z` with every combination of values of some knobs, of those that are there: `(R, P)`."""
        places = [(self.names.index(name), each) for name, each in values.items() if name in self.names]
        rows = z.repeat(math.prod(len(each) for _, each in places), 1)
        for row, combination in zip(rows, itertools.product(*(each for _, each in places)), strict=True):
            for (i, _), value in zip(places, combination, strict=True):
                row[i] = self.params[i].to_unit(torch.tensor(value)).clamp(0, 1)
        return rows

    def _is_live(self, name: str, on: Sequence[str]) -> bool:
        return not any(name.startswith(f"{effect}.") and effect not in on for effect in self.optional)

    def _told(self, loss: float) -> None:
        if self.on_step is not None:
            self.on_step(self.step, loss)
        self.step += 1


def _echo(left: Tensor, answers: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """By how many samples, at most `longest`, what is `left` `(1, 2, T)` follows `answers` `(R, 2, T)`.

    And at which gain, `(R,)` each: the peak of the correlation of phases (Knapp and Carter 1976).
    """
    size = 2 * left.shape[-1]
    ours, theirs = torch.fft.rfft(left, n=size), torch.fft.rfft(answers, n=size)
    cross = ours * theirs.conj()
    alike = torch.fft.irfft(cross / cross.abs().clamp_min(1e-20), n=size).sum(1)
    lags = alike[:, : longest + 1].argmax(1)
    products = torch.fft.irfft(cross, n=size).sum(1).gather(1, lags[:, None])[:, 0]
    gains = products / answers.square().sum((1, 2)).clamp_min(1e-20)
    return lags, gains.clamp(0.02, 10.0)
