"""Recovery: the setting of a console that made a reference of the very tracks that are given.

The reference then lies in what the console can do, so the residuals go to nothing at its setting, and least
squares find it where a gradient alone only comes near. No derivative throws a switch: effects are added one
after another while that explains more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from reprs.console.begun import begun, combined, retimed
from reprs.console.by_response import Model, Start
from reprs.console.console import Console
from reprs.console.excerpted import Excerpt, Found
from reprs.console.knobs import FIRST, Knobs

# Not far above what rounding leaves of equal sounds, and what it may leave: between them a level of the
# equaliser may still be a decibel off, so that a few rounds more are spent there.
FLOOR, LEAST, LAST_ROUNDS = 3e-10, 1e-12, 3
FIRST_ROUNDS, TRIED_ROUNDS, MORE_ROUNDS, BETTER = 5, 3, 8, 0.7
DAMPINGS, FIRST_DAMPING, LEAST_DAMPING, LARGEST_DAMPING = (1e-2, 1.0, 1e2), 1e-3, 1e-7, 3.0
LOOSE = 1e-4  # of what a model makes the best of
# An effect is added where it leaves less than `WORTH` of the loss, at once if less than `CERTAIN`. Below
# `STRAIGHT` models are to be believed, and it is tried only where they promise something.
TRIED, WORTH, CERTAIN, EXPLAINED, STRAIGHT = 3, 0.9, 0.3, 3e-4, 1e-5
STEADY = 1e-4  # slopes by the response stay what they are
# A gain at all frequencies of the equaliser that threshold, makeup and fader take back is nearly nothing to
# hear, and so are bells in each other's place: models are asked from these levels, and from places at random.
LEVELS_DB, BANDS_TOGETHER = (-8.0, -4.0, 4.0, 8.0), 1.4
SPREADS, FEW, RENDERED = (0.08, 0.15, 0.3), 12, 6
# Where that is of no use, equalisers are fitted to the response at every level: the best of so many, half of
# them with bands all over the place.
HIGHEST_DB, EVERY_DB, DRAWN, FITTED, NEAR_BY, AGAIN_DAMPING = 18.0, 2.0, 96, 12, 0.2, 1e-7
# The loss tells which is right. Where it is full of something else, small gains are more likely than large.
INDEPENDENT, GAIN_DB = 50, 3.0
# Sides cancel between two pans, and a compressor that rests has no slope: a descent would stay where it is.
PLACES = {"pan": (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75), "stereo_width.width": (0.4, 0.8, 1.0, 1.3, 1.7)}
COMPRESSED = {"compressor.threshold_db": (-40.0, -32.0, -24.0, -16.0), "compressor.ratio": (2.0, 5.0)}


def recovered(
    console: Console,
    tracks: Tensor,
    sample_rate: int,
    knobs: Knobs,
    reference: Tensor,
    steps: int,
    on_step: Callable[[int, float], None] | None = None,
) -> Knobs:
    """Knobs of the console for tracks `(1, N, C, T)` that sound, whose mix `reference` `(2, T)` is.

    `knobs` is where to begin, and what is returned where nothing else is nearer. `steps` limits each descent:
    from the start, and after each effect that is added.
    """
    with torch.no_grad():
        excerpt = Excerpt(console, tracks, reference, sample_rate, knobs)
        found, on = _Search(excerpt, steps, on_step).run()
        return excerpt.knobs(found.z[None], on) if found.loss < excerpt.loss_of(knobs) else knobs


class _Search:
    """What is asked of an excerpt, one thing after another."""

    def __init__(self, excerpt: Excerpt, steps: int, on_step: Callable[[int, float], None] | None) -> None:
        self.excerpt, self.steps, self.on_step, self.step = excerpt, steps, on_step, 0
        self.random = np.random.default_rng(0)

    def run(self) -> tuple[Found, list[str]]:
        """Add the effects that explain most, one after another, and settle the levels; then again."""
        best, on = self._closer(self._placed(), [], FIRST_ROUNDS), list[str]()
        for enough in (EXPLAINED, FLOOR, FLOOR):
            known = len(on)
            best, on = self._explained(best, on, enough)
            if best.loss <= FLOOR or (enough == FLOOR and len(on) == known and best.loss < STRAIGHT):
                break
            best = self._closer(best, on, self.steps)
        return (self._closer(best, on, LAST_ROUNDS, LEAST) if best.loss <= FLOOR else best), on

    def _explained(self, best: Found, on: list[str], enough: float) -> tuple[Found, list[str]]:
        """With the effects that explain most of what is left, while that is more than `enough`."""
        # Another order of effects does a little of what many effects do: it comes when all else fails.
        names = [n for n in self.excerpt.optional if enough <= FLOOR or not n.endswith(FIRST)]
        while best.loss > enough and len(on) < len(names):
            name, further = self._most_telling(best, on, [n for n in names if n not in on])
            if further.loss > WORTH * best.loss:
                break
            on = [*on, name]
            best = self._closer(further, on, MORE_ROUNDS)
        return best, on

    def _placed(self) -> Found:
        """The start, or the same at the pans, widths and compressors that leave least to the rest."""
        best = self.excerpt.at(self.excerpt.z, [])
        for values in (PLACES, COMPRESSED):
            model, z = self.excerpt.model(best, []), best.z.clone()
            for n in range(self.excerpt.count):
                of_track = {f"{n}:{knob}": each for knob, each in values.items()}
                rows = torch.cat([best.z[None], combined(self.excerpt, best.z, of_track)])
                chosen = rows[int(model.left(self.excerpt.residuals(rows, []), LOOSE).argmin())]
                z = torch.where(chosen == best.z, z, chosen)
            best = self.excerpt.at(z, [])
        return best

    def _most_telling(self, best: Found, on: Sequence[str], names: Sequence[str]) -> tuple[str, Found]:
        """The effect to add, a few steps on; the first that leaves little of the loss saves the others."""
        model = self.excerpt.model(best, on)
        places: list[tuple[float, str, Tensor]] = []
        for name in names:
            rows = begun(self.excerpt, best.z, on, name)
            left = model.left(self.excerpt.residuals(rows, [*on, name]), LOOSE)
            places.append((float(left.min()), name, rows[int(left.argmin())]))
        places.sort(key=lambda each: each[0])
        tries = {"": best}
        for promised, name, z in places[:TRIED]:
            if best.loss < STRAIGHT and promised > best.loss:
                break
            tries[name] = self._closer(self.excerpt.at(z, [*on, name]), [*on, name], TRIED_ROUNDS)
            if tries[name].loss < CERTAIN * best.loss:
                break
        name = min(tries, key=lambda each: tries[each].loss)
        return name, tries[name]

    def _closer(self, best: Found, on: Sequence[str], rounds: int, enough: float = FLOOR) -> Found:
        """Where models lead, one after another, until `enough` is left or there is nothing more to find."""
        damping, idle, known = FIRST_DAMPING, 0, None
        for _ in range(rounds):
            if best.loss <= enough or damping > LARGEST_DAMPING or idle > 1:
                break
            before = best
            best = self._likeliest(best, retimed(self.excerpt, best.z, on), on)
            model = self.excerpt.model(best, on, known)
            level = [0.0] * len(model.layout.equalisers)
            here = [Start(best.z.double().numpy(), level, damping * factor) for factor in DAMPINGS]
            best = self._led(model, here, best, on)
            if level and best.loss > BETTER * before.loss:
                best = self._led(model, self._elsewhere(model, best.z, damping), best, on)
            if level and best.loss > BETTER * before.loss:
                best = self._led(model, self._refitted(model, best.z), best, on)
            # Near by, slopes by the response stay what they are.
            known = model if best.loss < min(STEADY, BETTER * before.loss) else None
            idle = idle + 1 if best.loss > BETTER * before.loss else 0
            damping = damping * 30 if best is before else max(damping / 3, LEAST_DAMPING)
            self._told(best.loss)
        return best

    def _led(self, model: Model, starts: Sequence[Start], best: Found, on: Sequence[str]) -> Found:
        """The most likely of where a model leads from starts, and of the best so far."""
        places, left = model.best(starts)
        return self._likeliest(best, torch.from_numpy(places[left.argsort()[:RENDERED]]).float(), on)

    def _likeliest(self, best: Found, rows: Tensor, on: Sequence[str]) -> Found:
        """The most likely of the best so far and of knobs `(R, P)`."""
        if not len(rows):
            return best
        reached = zip(rows, self.excerpt.losses(rows, on).tolist(), strict=True)
        return min([best, *(Found(z, loss) for z, loss in reached)], key=self._unlikely)

    def _elsewhere(self, model: Model, z: Tensor, damping: float) -> list[Start]:
        """Starts from louder and softer equalisers that are made up for, and from bands moved at random."""
        excerpt, starts, equalisers = self.excerpt, list[Start](), model.layout.equalisers
        for e, equaliser in enumerate(equalisers):
            for level_db in LEVELS_DB:
                moved = z.double().numpy() + equaliser.made_up * level_db
                for i in equaliser.columns:
                    if excerpt.gains[i]:
                        span_db = excerpt.params[i].max - excerpt.params[i].min
                        moved[i] += level_db / BANDS_TOGETHER / span_db
                starts.append(Start(moved.clip(0, 1), _one(level_db, e, len(equalisers)), damping))
        for i in range(FEW):
            moved, columns = z.double().numpy().copy(), equalisers[i % len(equalisers)].columns
            moved[columns] += SPREADS[i % len(SPREADS)] * self.random.standard_normal(len(columns))
            starts.append(Start(moved.clip(0, 1), [0.0] * len(equalisers), damping))
        return starts

    def _refitted(self, model: Model, z: Tensor) -> list[Start]:
        """Starts from equalisers with the same response but for a level, which is made up for."""
        here, starts, equalisers = z.double().numpy(), list[Start](), model.layout.equalisers
        few = max(1, FITTED // len(equalisers) ** 2)
        for e, equaliser in enumerate(equalisers):
            for level_db in np.arange(-HIGHEST_DB, HIGHEST_DB + 1, EVERY_DB):
                near = here[equaliser.columns] + NEAR_BY * self.random.standard_normal(
                    (DRAWN // 2, len(equaliser.columns))
                )
                drawn = np.concatenate([near, self.random.uniform(size=near.shape)]).clip(0, 1)
                knobs, off_db = equaliser.bands.fitted(model.before_db[e] + level_db, drawn)
                for each in knobs[off_db.argsort()[:few]]:
                    moved = here + equaliser.made_up * level_db
                    moved[equaliser.columns] = each
                    starts.append(Start(moved.clip(0, 1), _one(level_db, e, len(equalisers)), AGAIN_DAMPING))
        return starts

    def _unlikely(self, found: Found) -> float:
        """The negative logarithm of the chance of what is left, and of gains this large (a Laplace prior)."""
        left = INDEPENDENT / 2 * math.log(found.loss + LEAST)
        return left + self.excerpt.gains_db(found.z) / GAIN_DB

    def _told(self, loss: float) -> None:
        if self.on_step is not None:
            self.on_step(self.step, loss)
        self.step += 1


def _one(value: float, at: int, count: int) -> list[float]:
    """`value` at one of `count` places, else 0."""
    return [value if i == at else 0.0 for i in range(count)]
