"""An excerpt of a recording and its mix, and what knobs of a console make of it: residuals, their slopes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from reprs.console.by_response import LIFT_DB, Bands, Layout, Model, Pull, lifted
from reprs.console.console import Console
from reprs.console.knobs import FIRST, Knobs
from reprs.console.opened import opened
from reprs.console.parts import switches
from reprs.objectives.band_levels import BandLevels

EXCERPT_S = 2.5
LEAD_S = 3.0  # heard by reverbs and compressors, but not judged
ENOUGH = 0.25  # of the loudest stretch's energy
ROWS = 8  # rendered at once: they stay in a CPU's cache
# Differences of knobs: one-sided far away, two-sided near by.
COARSE, FINE, NEAR = 2e-3, 4e-3, 1e-3
# The prior's share of the loss: it decides between settings that do the same, and goes as the loss goes.
PRIOR, DEVIATION, OF_GAINS = 0.002, 0.25, 0.15
EQUALISER = "parametric_eq"
# What takes back a louder equaliser, by a decibel each.
MADE_UP = {"compressor.threshold_db": 1.0, "compressor.makeup_db": -1.0}
# Where effects that start off are looked for; in the knobs' own units, every combination is heard.
STARTS: dict[str, dict[str, tuple[float, ...]]] = {
    "highpass": {"cutoff_hz": (40.0, 70.0, 120.0, 200.0)},
    "distortion": {"drive_db": (4.0, 9.0, 15.0), "output_db": (-12.0, -6.0, -1.0), "mix": (0.5, 1.0)},
    "reverb": {"decay_s": (0.7, 1.5, 3.0)},
    "delay": {"feedback": (0.35,)},
}
# What comes late is looked for where what is not explained yet follows what a bus would answer.
TIMED, SENT_DB = {"reverb": "pre_delay_ms", "delay": "delay_ms"}, -18.0
# Of another knob's reach: a sample or two later, and phases no longer add up as they did.
OF_TIMES, LONGEST = 0.01, 0.3


@dataclass(frozen=True)
class Found:
    """Knobs `(P,)` and the sum of their squared residuals."""

    z: Tensor
    loss: float


class Excerpt:
    """A loud stretch of one recording `(1, 1, C, T)` and of its mix `(2, T)`, and the knobs of its console.

    `z` `(P,)` is the setting `given` with every effect on. Those in `optional` are on where a call says so:
    effects that start off, buses, and "compressor.first" for what comes before the effect that precedes it.
    """

    def __init__(
        self, console: Console, tracks: Tensor, reference: Tensor, sample_rate: int, given: Knobs
    ) -> None:
        self.console, self.sample_rate = console, sample_rate
        self.track, self.target, lead = _stretch(tracks[0], reference, sample_rate)
        self.heard = BandLevels(self.target, sample_rate, lead)
        self.start = opened(console, given)
        self.z = console.flatten(self.start)[0]
        self.names = [*console.track_params, *console.shared_params]
        self.params = [*console.track_params.values(), *console.shared_params.values()]
        self.optional = [n for n in STARTS if n in console.track_switches or n in console.buses]
        self.optional += [name for name in console.track_switches if name.endswith(FIRST)]
        self.late = np.array([name.endswith(tuple(TIMED.values())) for name in self.names])
        self.gains = np.array([name.endswith("gain_db") for name in self.names])

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
        return float(self.heard(self.console(self.track[None], self.sample_rate, knobs)).square().sum())

    def at(self, z: Tensor, on: Sequence[str]) -> Found:
        """Knobs `(P,)` and their loss."""
        return Found(z, float(self.losses(z[None], on)))

    def losses(self, z: Tensor, on: Sequence[str]) -> Tensor:
        """Of rows `(R, P)`, `(R,)`; infinite where there is none."""
        return self.residuals(z, on).square().sum(1).nan_to_num(nan=torch.inf)

    def residuals(self, z: Tensor, on: Sequence[str], tracks: Tensor | None = None) -> Tensor:
        """Of rows `(R, P)`, of the track or each of one of its own `(R, C, T)`: `(R, F)`."""
        tracks = self.track.expand(len(z), -1, -1) if tracks is None else tracks
        parts = zip(z.split(ROWS), tracks.split(ROWS), strict=True)
        return torch.cat([self.heard(self._mix(rows, on, x)) for rows, x in parts])

    def model(self, found: Found, on: Sequence[str], before: Model | None = None) -> Model:
        """Residuals around knobs and their slopes, by differences; by splines those `before`, if given."""
        layout, z, near = self._layout(on), found.z, found.loss < NEAR
        by = torch.from_numpy(np.where(self.late, OF_TIMES, 1.0)).float() * (FINE if near else COARSE)
        turned = torch.diag(torch.where(z > 0.5, -by, by))[layout.others]
        ahead, back = z + turned, (z - turned).clamp(0, 1) if near else z.expand(len(turned), -1)
        rows = self.residuals(torch.cat([z[None], ahead, *([back] if near else [])]), on)
        off, there = rows[0], rows[1 : 1 + len(ahead)]
        spans = (ahead - back).gather(1, torch.tensor(layout.others)[:, None])
        by_knob = (there - (rows[1 + len(ahead) :] if near else off)) / spans
        by_spline = off[None][:0]
        if before is not None:
            by_spline = before.by_spline
        elif self.columns:
            louder = self.residuals(z.expand(len(self._lifted), -1), on, self._lifted)
            by_spline = (louder - off) / LIFT_DB
        middle = np.where(self.gains, 0.5, self.z.double().numpy())
        weight = PRIOR * found.loss / np.where(self.gains, OF_GAINS, DEVIATION) ** 2
        return Model(layout, z, off, by_spline, by_knob, Pull(middle, weight))

    @cached_property
    def columns(self) -> list[int]:
        """The columns of the equaliser; none where the strip has none."""
        if EQUALISER not in self.console.strip.names:
            return []
        columns = self.console.strip.slices[self.console.strip.names.index(EQUALISER)]
        return list(range(columns.start, columns.stop))

    @cached_property
    def made_up(self) -> np.ndarray:
        """By how much knobs turn for an equaliser that is louder by a decibel, `(P,)`."""
        turned = np.zeros(len(self.names))
        for name, sign in MADE_UP.items():
            if name in self.names:
                i = self.names.index(name)
                turned[i] = sign / (self.params[i].max - self.params[i].min)
        return turned

    def gains_db(self, z: Tensor) -> float:
        """The sum of what the bands of the equaliser lift and cut."""
        return sum(abs(float(self.params[i].from_unit(z[i]))) for i in self.columns if self.gains[i])

    def begun(self, z: Tensor, on: Sequence[str], name: str) -> Tensor:
        """Rows `(R, P)` with one more effect at each of its starts."""
        rows = self.combined(z, {f"{name}.{knob}": values for knob, values in STARTS.get(name, {}).items()})
        return self._timed(rows, z, on, name) if name in TIMED else rows

    def retimed(self, z: Tensor, on: Sequence[str]) -> Tensor:
        """Rows `(R, P)`, each with a bus that is on as late and as loud as it is in what the others leave."""
        rows = [self._timed(z[None], z, [n for n in on if n != bus], bus) for bus in TIMED if bus in on]
        return torch.cat([z[None][:0], *rows])

    def combined(self, z: Tensor, values: Mapping[str, tuple[float, ...]]) -> Tensor:
        """`z` with every combination of values of some knobs, of those that are there: `(R, P)`."""
        places = [(self.names.index(name), each) for name, each in values.items() if name in self.names]
        rows = z.repeat(math.prod(len(each) for _, each in places), 1)
        for row, combination in zip(rows, itertools.product(*(each for _, each in places)), strict=True):
            for (i, _), value in zip(places, combination, strict=True):
                row[i] = self.params[i].to_unit(torch.tensor(value)).clamp(0, 1)
        return rows

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

    @cached_property
    def _lifted(self) -> Tensor:
        return lifted(self.track[0], self.sample_rate)

    @cached_property
    def _bands(self) -> Bands | None:
        if not self.columns:
            return None
        effect = self.console.strip.effects[self.console.strip.names.index(EQUALISER)]
        return Bands(effect, self.sample_rate)

    def _layout(self, on: Sequence[str]) -> Layout:
        others = [i for i, n in enumerate(self.names) if i not in self.columns and self._is_live(n, on)]
        farthest = np.where(self.late, OF_TIMES * LONGEST, 1.0)
        return Layout(self._bands, self.columns, others, self.made_up, farthest)

    def _is_live(self, name: str, on: Sequence[str]) -> bool:
        return not any(name.startswith(f"{effect}.") and effect not in on for effect in self.optional)

    def _mix(self, z: Tensor, on: Sequence[str], tracks: Tensor | None = None) -> Tensor:
        """Mixes `(R, 2, T)` of the excerpt."""
        tracks = self.track.expand(len(z), -1, -1) if tracks is None else tracks
        return self.console(tracks[:, None], self.sample_rate, self.knobs(z, on))


def _stretch(track: Tensor, reference: Tensor, sample_rate: int) -> tuple[Tensor, Tensor, int]:
    """The first stretch that is loud enough, with what leads to it, and the samples of that lead."""
    length = min(round(EXCERPT_S * sample_rate), reference.shape[-1])
    hop = max(1, length // 6)
    energies = reference.unfold(-1, length, hop).square().sum((0, 2))
    start = int((energies >= ENOUGH * energies.amax()).nonzero()[0]) * hop
    first = max(0, start - round(LEAD_S * sample_rate))
    return track[..., first : start + length], reference[None, :, first : start + length], start - first


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
