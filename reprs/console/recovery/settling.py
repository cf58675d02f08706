"""The last stage of a search among several tracks: of settings that sound nearly the same, which it was.

Slopes lead nowhere there. Levels and bands are handed from one equaliser to what can do the same, which is
rendered and followed by all other knobs; the truth is told by the ripple that is left elsewhere, down to what
rounding leaves, and by bands as engineers set them: what does the same otherwise takes gains and places that
nobody chooses.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from reprs.console.recovery.equalisers import EQUALISER, MASTER
from reprs.console.recovery.handed import handed
from reprs.console.recovery.least_squares import Found
from reprs.console.recovery.plainer import plainer
from reprs.console.recovery.polished import polished
from reprs.console.recovery.reshaped import relevelled
from reprs.console.recovery.search import BETTER, LEAST, LEAST_DAMPING, Search
from reprs.console.recovery.unusual import UnusualBands

ENOUGH = 1e-9  # the loss below which nothing is looked for
IDLE, POLISHED = 2, 4
# Of what is handed on so many are polished so often: with bands that are more usual by so much (a natural
# logarithm), and at most so many times the loss.
HANDED, ASKED, MORE_USUAL, AS_NEAR, AFTERWARDS = 8, 3, 1.0, 100.0, 2
# And kept where no more is left than what rounding leaves, or this share of what was: of the truth less is.
NO_WORSE, ROUNDED = 1.1, 2 * ENOUGH


class Settling(Search):
    """A search that ends among settings that sound nearly the same."""

    def settled(self, best: Found, on: Sequence[str]) -> Found:
        """Every equaliser at the level that leaves least, its bands the likeliest, and at rest what does
        nothing."""
        idle = 0
        while best.loss > ENOUGH and idle < IDLE:
            model = self.excerpt.model(best, on)
            starts = relevelled(model, best.z, LEAST_DAMPING, self.random)
            further = polished(self.excerpt, self.led(model, starts, best, on), on, 1, ENOUGH)
            self.told(min(best.loss, further.loss))
            idle = idle + 1 if further.loss > BETTER * best.loss else 0
            best = min(best, further, key=lambda each: each.loss)
        best = polished(self.excerpt, best, on, POLISHED, ENOUGH, told=self.told)
        return plainer(self.excerpt, self._handed(best, on), on)

    def _handed(self, best: Found, on: Sequence[str]) -> Found:
        """With bands and levels handed on while that is likelier once all knobs have followed; asked of those
        with more usual bands, the most usual first."""
        excerpt = self.excerpt
        unusual = UnusualBands(excerpt.names, excerpt.params)
        most_left = max(NO_WORSE * best.loss, ROUNDED)

        def unlikely(found: Found) -> float:
            return self.left(found) + unusual(found.z)

        for _ in range(HANDED):
            rows = handed(excerpt.layout(on), best.z, MASTER + EQUALISER in on, self.random)
            most = unusual(best.z) - MORE_USUAL
            costs = torch.tensor([unusual(z) for z in rows])
            usual = rows[costs.argsort(stable=True)][: int((costs < most).sum())]
            if not len(usual):
                break
            losses = excerpt.losses(usual, on).tolist()
            near = [
                Found(z, loss)
                for z, loss in zip(usual, losses, strict=True)
                if loss < AS_NEAR * max(best.loss, ENOUGH)
            ]
            there = [polished(excerpt, each, on, AFTERWARDS, LEAST, told=self.told) for each in near[:ASKED]]
            there = [each for each in there if each.loss < most_left]
            before, best = best, min([best, *there], key=unlikely)
            if best is before:
                break
        return best
