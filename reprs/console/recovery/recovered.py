"""Recovery: the setting of a console that made a reference of the very tracks that are given.

The reference then lies in what the console can do, so the residuals go to nothing at its setting, and least
squares find it where a gradient alone only comes near. No derivative throws a switch: effects are added one
after another while that explains more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.knobs import FIRST, Knobs
from reprs.console.recovery.begun import begun
from reprs.console.recovery.excerpted import Excerpt
from reprs.console.recovery.least_squares import Found
from reprs.console.recovery.search import FLOOR, LEAST, LOOSE, Search
from reprs.console.recovery.together import Together

FIRST_ROUNDS, TRIED_ROUNDS, MORE_ROUNDS = 5, 3, 8
LAST_ROUNDS = 3  # where nearly nothing is left, for levels
# An effect is added where it leaves less than `WORTH` of the loss, at once if less than `CERTAIN`. Below
# `STRAIGHT` models are to be believed, and it is tried only where they promise something.
TRIED, WORTH, CERTAIN, EXPLAINED, STRAIGHT = 3, 0.9, 0.3, 3e-4, 1e-5


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
        search = Alone if tracks.shape[1] == 1 and console.master is None else Together
        found, on = search(excerpt, steps, on_step).run()
        return excerpt.knobs(found.z[None], on) if found.loss < excerpt.loss_of(knobs) else knobs


class Alone(Search):
    """One recording without a master: every effect is tried for a few steps before it is added."""

    def run(self) -> tuple[Found, list[str]]:
        """Add the effects that explain most, one after another, and settle the levels; then again."""
        best, on = self.closer(self.placed(), [], FIRST_ROUNDS), list[str]()
        for enough in (EXPLAINED, FLOOR, FLOOR):
            known = len(on)
            best, on = self._explained(best, on, enough)
            if best.loss <= FLOOR or (enough == FLOOR and len(on) == known and best.loss < STRAIGHT):
                break
            best = self.closer(best, on, self.steps)
        return (self.closer(best, on, LAST_ROUNDS, LEAST) if best.loss <= FLOOR else best), on

    def _explained(self, best: Found, on: list[str], enough: float) -> tuple[Found, list[str]]:
        """With the effects that explain most of what is left, while that is more than `enough`."""
        # Another order of effects does a little of what many effects do: it comes when all else fails.
        names = [n for n in self.excerpt.optional if enough <= FLOOR or not n.endswith(FIRST)]
        while best.loss > enough and len(on) < len(names):
            name, further = self._most_telling(best, on, [n for n in names if n not in on])
            if further.loss > WORTH * best.loss:
                break
            on = [*on, name]
            best = self.closer(further, on, MORE_ROUNDS)
        return best, on

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
            tries[name] = self.closer(self.excerpt.at(z, [*on, name]), [*on, name], TRIED_ROUNDS)
            if tries[name].loss < CERTAIN * best.loss:
                break
        name = min(tries, key=lambda each: tries[each].loss)
        return name, tries[name]
