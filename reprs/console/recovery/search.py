"""Least squares over the knobs of an excerpt: models one after another, and where each of them leads."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from reprs.console.recovery.begun import combined, retimed
from reprs.console.recovery.by_response import Model, Start
from reprs.console.recovery.excerpted import Excerpt
from reprs.console.recovery.least_squares import Found
from reprs.console.recovery.reshaped import relevelled, reshaped
from reprs.console.recovery.starts import elsewhere, refitted

# Not far above what rounding leaves of equal sounds, and what it may leave: between them a level of the
# equaliser may still be a decibel off.
FLOOR, LEAST = 3e-10, 1e-12
BETTER, FAR_BETTER = 0.7, 0.3
DAMPINGS, FIRST_DAMPING, LEAST_DAMPING, LARGEST_DAMPING = (1e-2, 1.0, 1e2), 1e-3, 1e-7, 3.0
LOOSE = 1e-4  # of what a model makes the best of
STEADY = 1e-4  # slopes by the response stay what they are
RENDERED = 6  # of the places where a model leads
# Where a model leads is put right by what is heard there, held back so much, so often at most.
CORRECTING, PUT_RIGHT = (1e-4, 1e-2), 4
BENT = 3e-2  # the loss below which bends are what a model has wrong
# The loss tells which is right. Where it is full of something else, small gains are more likely than large.
INDEPENDENT, GAIN_DB = 50, 3.0
# Sides cancel between two pans, and a compressor that rests has no slope: a descent would stay where it is.
PLACES = {"pan": (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75), "stereo_width.width": (0.4, 0.8, 1.0, 1.3, 1.7)}
COMPRESSED = {"compressor.threshold_db": (-40.0, -32.0, -24.0, -16.0), "compressor.ratio": (2.0, 5.0)}


class Search:
    """What is asked of an excerpt, one thing after another; `steps` limits each descent."""

    steady, rendered, corrected = STEADY, RENDERED, 1
    # Whether bands are moved at random, or to what is wished of them; and below which loss other levels are
    # looked for with the latter, by the ripple of bands that imitate a gain.
    moves, reshapes, ripple = True, False, 0.0
    dampings: tuple[float, ...] = DAMPINGS

    def __init__(self, excerpt: Excerpt, steps: int, on_step: Callable[[int, float], None] | None) -> None:
        self.excerpt, self.steps, self.on_step, self.step = excerpt, steps, on_step, 0
        self.random = np.random.default_rng(0)

    def placed(self, on: Sequence[str] = ()) -> Found:
        """The start, or the same at the pans, widths and compressors that leave least to the rest."""
        best = self.excerpt.at(self.excerpt.z, on)
        for values in (PLACES, COMPRESSED):
            model, z = self.excerpt.model(best, on), best.z.clone()
            for n in range(self.excerpt.count):
                of_track = {f"{n}:{knob}": each for knob, each in values.items()}
                rows = torch.cat([best.z[None], combined(self.excerpt, best.z, of_track)])
                chosen = rows[int(model.left(self.excerpt.residuals(rows, on), LOOSE).argmin())]
                z = torch.where(chosen == best.z, z, chosen)
            best = self.excerpt.at(z, on)
        return best

    def closer(self, best: Found, on: Sequence[str], rounds: int, enough: float = FLOOR) -> Found:
        """Where models lead, one after another, until `enough` is left or there is nothing more to find."""
        damping, idle, known = FIRST_DAMPING, 0, None
        for _ in range(rounds):
            if best.loss <= enough or damping > LARGEST_DAMPING or idle > 1:
                break
            before = best
            best = self.likeliest(best, retimed(self.excerpt, best.z, on), on)
            model = self.excerpt.model(best, on, known)
            level = [0.0] * len(model.layout.equalisers)
            here = [Start(best.z.double().numpy(), level, damping * factor) for factor in self.dampings]
            best = self.led(model, here, best, on)
            if level and best.loss > BETTER * before.loss and self.reshapes:
                bands = reshaped(model, best.z, max(damping, FIRST_DAMPING), self.random)
                best = self.led(model, bands, best, on)
            if level and best.loss > BETTER * before.loss and self.reshapes and best.loss < self.ripple:
                best = self.led_far(model, relevelled(model, best.z, LEAST_DAMPING, self.random), best, on)
            if level and best.loss > BETTER * before.loss and self.moves:
                best = self.led(model, elsewhere(self.excerpt, model, best.z, damping, self.random), best, on)
            if level and best.loss > BETTER * before.loss and self.moves:
                best = self.led(model, refitted(model, best.z, self.random), best, on)
            # Near by, slopes by the response stay what they are.
            known = model if best.loss < min(self.steady, BETTER * before.loss) else None
            idle = idle + 1 if best.loss > BETTER * before.loss else 0
            damping = damping * 30 if best is before else max(damping / 3, LEAST_DAMPING)
            self.told(best.loss)
        return best

    def led(self, model: Model, starts: Sequence[Start], best: Found, on: Sequence[str]) -> Found:
        """The most likely of where a model leads from starts, put right by what is heard there, and of the
        best so far."""
        places, left = model.best(starts)
        rows = torch.from_numpy(places[left.argsort()[: self.rendered]]).float()
        near = self.corrected if best.loss < BENT else 0
        right = [self.put_right(model, z, on) for z in rows[:near]]
        return self.likeliest(min([best, *right], key=self.unlikely), rows[near:], on)

    def put_right(self, model: Model, z: Tensor, on: Sequence[str]) -> Found:
        """From knobs `(P,)` to which a model led, where the same slopes lead from what is heard there, while
        that is much better: the chord method, as far moves bend what the model takes for straight."""
        off = self.excerpt.residuals(z[None], on)[0]
        found = Found(z, float(off.square().sum()))
        for _ in range(PUT_RIGHT):
            here, level = z.double().numpy(), [0.0] * len(model.layout.equalisers)
            places, _ = model.moved(z, off).best([Start(here, level, damping) for damping in CORRECTING])
            offs = self.excerpt.residuals(torch.from_numpy(places).float(), on)
            losses = offs.square().sum(1).nan_to_num(nan=torch.inf)
            i = int(losses.argmin())
            if float(losses[i]) > BETTER * found.loss:
                break
            z, off = torch.from_numpy(places[i]).float(), offs[i]
            found = Found(z, float(losses[i]))
        return found

    def led_far(self, model: Model, starts: Sequence[Start], best: Found, on: Sequence[str]) -> Found:
        """The same, if it is much better: what else is missing may look like another level."""
        further = self.led(model, starts, best, on)
        return further if further.loss < FAR_BETTER * best.loss else best

    def likeliest(self, best: Found, rows: Tensor, on: Sequence[str]) -> Found:
        """The most likely of the best so far and of knobs `(R, P)`."""
        if not len(rows):
            return best
        reached = zip(rows, self.excerpt.losses(rows, on).tolist(), strict=True)
        return min([best, *(Found(z, loss) for z, loss in reached)], key=self.unlikely)

    def unlikely(self, found: Found) -> float:
        """The negative logarithm of the chance of what is left, and of gains this large (a Laplace prior)."""
        return self.left(found) + self.excerpt.gains_db(found.z) / GAIN_DB

    def left(self, found: Found) -> float:
        """The negative logarithm of the chance of what is left."""
        return INDEPENDENT / 2 * math.log(found.loss + LEAST)

    def told(self, loss: float) -> None:
        if self.on_step is not None:
            self.on_step(self.step, loss)
        self.step += 1
