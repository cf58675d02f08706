"""An excerpt of tracks and their mix, and what knobs of a console make of it: residuals, their slopes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.knobs import FIRST, Knobs
from reprs.console.opened import opened
from reprs.console.parts import switches
from reprs.console.recovery.by_response import Layout, Model, Pull
from reprs.console.recovery.ceiling import ceiling_db
from reprs.console.recovery.equalisers import EQUALISER, HIGHPASS, MASTER, equalisers
from reprs.console.recovery.least_squares import Found
from reprs.console.recovery.responses import LIFT_DB, OCTAVES, lifted
from reprs.console.recovery.reused import Reused
from reprs.objectives.band_levels import BandLevels
from reprs.objectives.waves import Waves

EXCERPT_S = 2.5
LEAD_S = 3.0  # heard by reverbs and compressors, but not judged
ENOUGH = 0.25  # of the loudest stretch's energy
ROWS = 8  # rendered at once: they stay in a CPU's cache
# Differences of knobs: one-sided far away, two-sided near by.
COARSE, FINE, NEAR, NEAR_WAVES = 2e-3, 4e-3, 1e-3, 3e-6
# The prior's share of the loss: it decides between settings that do the same, and goes as the loss goes.
PRIOR, DEVIATION, OF_GAINS = 0.002, 0.25, 0.15
# Of several tracks a master can do what all of their strips can do as well: there it counts for more, and the
# master is touched lightly (`reprs.views.mixes`).
OF_MASTER, SEVERAL_PRIOR = 0.07, 0.03
# Effects that are on where a call says so; others always are.
OF_TRACKS, LATE = (HIGHPASS, "distortion"), ("pre_delay_ms", "delay_ms")
# Of another knob's reach: a sample or two later, and phases no longer add up as they did.
OF_TIMES, LONGEST = 0.01, 0.3
COARSER, CLOSE = 2, 2e-2  # are splines of several tracks, but where the loss is small
# For each row the numbers of a track and of a spline; None for the tracks as they are.
Lifts = Sequence[tuple[int, int]] | None


class Excerpt:
    """A loud stretch of tracks `(1, N, C, T)` and of their mix `(2, T)`, and the knobs of the console.

    `z` `(P,)` is the setting `given` with every effect on. Knobs are called "0:compressor.ratio" and
    "reverb.decay_s". What is in `optional` is on where a call says so: effects that start off, buses, those
    of the master, and "0:compressor.first" for what comes before the effect that precedes it.
    """

    def __init__(
        self, console: Console, tracks: Tensor, reference: Tensor, sample_rate: int, given: Knobs
    ) -> None:
        self.console, self.sample_rate, self.count = console, sample_rate, tracks.shape[1]
        self.tracks, self.target, lead = _stretch(tracks[0], reference, sample_rate)
        self.lead, self.near = lead, NEAR
        self.heard: BandLevels | Waves = BandLevels(self.target, sample_rate, lead)
        self.render = Reused(console, self.tracks, sample_rate)
        self.lifted: dict[int, float] = {}
        self.start = opened(console, given)
        self.z = console.flatten(self.start)[0]
        self.ceiling_db = ceiling_db(reference)
        each = range(self.count)
        self.names = [f"{n}:{knob}" for n in each for knob in console.track_params] + [*console.shared_params]
        self.params = [*self.count * [*console.track_params.values()], *console.shared_params.values()]
        strip = [s for s in console.track_switches if s in OF_TRACKS]
        first = [s for s in console.track_switches if s.endswith(FIRST)]
        self.optional = [f"{n}:{name}" for n in each for name in strip]
        self.optional += console.shared_switches
        self.optional += [f"{n}:{name}" for n in each for name in first]
        self.late = np.array([name.endswith(LATE) for name in self.names])
        self.gains = np.array([name.endswith("gain_db") for name in self.names])
        of_master = np.array([name.startswith(MASTER) for name in self.names])
        self.deviation = np.where(self.gains, np.where(of_master, OF_MASTER, OF_GAINS), DEVIATION)

    def hear_waves(self) -> None:
        """From here on residuals are those of waves."""
        self.heard, self.near = Waves(self.target, self.sample_rate, self.lead), NEAR_WAVES

    def knobs(self, z: Tensor, on: Sequence[str]) -> Knobs:
        """Knobs of rows `(R, P)`, with the optional effects that are `on`."""
        found = self.console.unflatten(z, self.count, self.start)
        tracks_on, shared_on = switches(self.console, self.start)
        for name in self.optional:
            if name in self.console.shared_switches:
                shared_on[..., self.console.shared_switches.index(name)] = name in on
            else:
                track, _, switch = name.partition(":")
                tracks_on[..., int(track), self.console.track_switches.index(switch)] = name in on
        rows = len(z)
        return replace(found, tracks_on=tracks_on.expand(rows, -1, -1), shared_on=shared_on.expand(rows, -1))

    def loss_of(self, knobs: Knobs) -> float:
        """The loss of settings as they stand."""
        return float(self.heard(self.render(knobs)).square().sum())

    def at(self, z: Tensor, on: Sequence[str]) -> Found:
        """Knobs `(P,)` and their loss."""
        return Found(z, float(self.losses(z[None], on)))

    def losses(self, z: Tensor, on: Sequence[str]) -> Tensor:
        """Of rows `(R, P)`, `(R,)`; infinite where there is none."""
        return self.residuals(z, on).square().sum(1).nan_to_num(nan=torch.inf)

    def residuals(self, z: Tensor, on: Sequence[str], lifts: Lifts = None) -> Tensor:
        """Of rows `(R, P)`, `(R, F)`; with `lifts`, each with one of the tracks lifted by a spline."""
        rows = torch.arange(len(z)).split(ROWS)
        return torch.cat([self.heard(self.mixes(z[r], on, lifts and [lifts[i] for i in r])) for r in rows])

    def mixes(self, z: Tensor, on: Sequence[str], lifts: Lifts = None) -> Tensor:
        """Mixes `(R, 2, T)` of the excerpt."""
        return self.render(self.knobs(z, on), lifts)

    def answers(self, bus: str, z: Tensor, on: Sequence[str]) -> Tensor:
        """What a bus returns of each track, `(R, N, 2, T)`."""
        return self.render.answers(bus, self.knobs(z, on))

    def model(self, found: Found, on: Sequence[str], before: Model | None = None) -> Model:
        """Residuals around knobs and their slopes, by differences; by splines those `before`, if given."""
        layout, z, near = self.layout(on), found.z, found.loss < self.near
        by = torch.from_numpy(np.where(self.late, OF_TIMES, 1.0)).float() * (FINE if near else COARSE)
        turned = torch.diag(torch.where(z > 0.5, -by, by))[layout.others]
        ahead, back = z + turned, (z - turned).clamp(0, 1) if near else z.expand(len(turned), -1)
        rows = self.residuals(torch.cat([z[None], ahead, *([back] if near else [])]), on)
        off, there = rows[0], rows[1 : 1 + len(ahead)]
        spans = (ahead - back).gather(1, torch.tensor(layout.others)[:, None])
        by_knob = (there - (rows[1 + len(ahead) :] if near else off)) / spans
        apart = OCTAVES if self.count == 1 or found.loss < CLOSE else COARSER * OCTAVES
        known = (
            before is not None and len(before.by_spline) == len(layout.equalisers) and before.apart == apart
        )
        by_spline = before.by_spline if known and before is not None else self._by_spline(z, off, on, apart)
        middle = np.where(self.gains, 0.5, self.z.double().numpy())
        several = self.count > 1 and isinstance(self.heard, BandLevels)
        share = np.where(self.gains & several, SEVERAL_PRIOR, PRIOR)
        weight = share * found.loss / self.deviation**2
        of_waves = isinstance(self.heard, Waves)
        return Model(layout, z, off, by_spline, by_knob, Pull(middle, weight), apart, of_waves)

    def gains_db(self, z: Tensor) -> float:
        """The sum of what the bands of equalisers lift and cut."""
        rows = zip(z.tolist(), self.params, self.gains, strict=True)
        return sum(abs(p.min + v * (p.max - p.min)) for v, p, gain in rows if gain)

    def of_tracks(self, knob: str) -> list[int]:
        """Where a knob of each track is."""
        return [self.names.index(f"{n}:{knob}") for n in range(self.count)]

    def _by_spline(self, z: Tensor, off: Tensor, on: Sequence[str], apart: float) -> Tensor:
        """Slopes `(E, K, F)` a decibel, of each equaliser."""
        found = []
        for n in range(self.count if EQUALISER in self.console.strip.names else 0):
            if self.lifted.get(n) != apart:
                self.render.offer(n, lifted(self.tracks[n], self.sample_rate, apart))
                self.lifted[n] = apart
            lifts = [(n, k) for k in range(len(self.render.others[n]))]
            found.append(self.residuals(z.expand(len(lifts), -1), on, lifts))
        if MASTER + EQUALISER in on:
            knobs = self.knobs(z[None], on)
            louder = lifted(self.render.premaster(knobs)[0], self.sample_rate, apart)
            rows = [
                self.console.mastered(x, self.sample_rate, self.knobs(z.expand(len(x), -1), on))
                for x in louder.split(ROWS)
            ]
            found.append(torch.cat([self.heard(y) for y in rows]))
        return (torch.stack(found) - off) / LIFT_DB if found else off.new_zeros(0, 0, len(off))

    def live(self, on: Sequence[str]) -> list[int]:
        """Where the knobs are that do something, those of equalisers first."""
        layout = self.layout(on)
        return [*(i for e in layout.equalisers for i in e.columns), *layout.others]

    def layout(self, on: Sequence[str]) -> Layout:
        """Which knobs are those of equalisers, and which others do something."""
        waves = isinstance(self.heard, Waves)
        found = equalisers(self.console, self.names, self.params, on, self.sample_rate, waves)
        held = {i for e in found for i in e.columns}
        others = [i for i, n in enumerate(self.names) if i not in held and self._is_live(n, on)]
        farthest = np.where(self.late, OF_TIMES * LONGEST, 1.0)
        return Layout(found, others, farthest)

    def _is_live(self, name: str, on: Sequence[str]) -> bool:
        """Whether a knob does something: a send is its bus's."""
        knob = name.partition(":")[2] if name.endswith("send_db") else name
        return not any(knob.startswith(f"{effect}.") and effect not in on for effect in self.optional)


def _stretch(tracks: Tensor, reference: Tensor, sample_rate: int) -> tuple[Tensor, Tensor, int]:
    """The first stretch in which mix and tracks are loud enough, with what leads to it, and the samples of
    that lead; tracks that are never loud together are where the faintest of them is loudest."""
    length = min(round(EXCERPT_S * sample_rate), reference.shape[-1])
    hop = max(1, length // 6)
    # Of one track there is nothing to tell apart.
    several = tracks.expand(-1, 2, -1) if len(tracks) > 1 else tracks[:0].expand(-1, 2, -1)
    each = torch.cat([reference[None].expand(1, 2, -1), several])
    energies = each.unfold(-1, length, hop).square().sum((1, 3))
    share = (energies / energies.amax(1, keepdim=True).clamp_min(1e-20)).amin(0)
    start = int((share >= min(ENOUGH, float(share.amax()))).nonzero()[0]) * hop
    first = max(0, start - round(LEAD_S * sample_rate))
    return tracks[..., first : start + length], reference[None, :, first : start + length], start - first
