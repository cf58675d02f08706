"""Recovery of several tracks at once: the strips, the buses and the master whose mix the reference is.

What takes minutes is rendering, so fewer things are tried than with one recording: highpasses are on from the
start and go to their lowest cutoff where there are none, buses come next, then what models promise most of.
The master's equaliser comes last, when the strips' alone can explain no more.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from reprs.console.begun import TIMED, begun, combined
from reprs.console.excerpted import EQUALISER, HIGHPASS, MASTER
from reprs.console.knobs import FIRST
from reprs.console.least_squares import Found
from reprs.console.search import COMPRESSED, FLOOR, LOOSE, Search

FIRST_ROUNDS, BUS_ROUNDS, ROUNDS, LAST_ROUNDS = 3, (2, 6), 5, 6
# Added where a model promises less than `PROMISED` of what it leaves without, kept where that much is left.
PROMISED, WORTH = 0.8, 0.9


class Together(Search):
    """Several tracks, or one through a master."""

    def run(self) -> tuple[Found, list[str]]:
        """Pans, widths and compressors, then buses, then effects while they promise something."""
        best, excerpt = self.placed(), self.excerpt
        on = [name for name in excerpt.optional if name.endswith(f":{HIGHPASS}")]
        best = self.closer(excerpt.at(best.z, on), on, FIRST_ROUNDS)
        for bus, rounds in zip([b for b in TIMED if b in excerpt.optional], BUS_ROUNDS, strict=False):
            model, rows, on = excerpt.model(best, on), begun(excerpt, best.z, on, bus), [*on, bus]
            left = model.left(excerpt.residuals(rows, on), LOOSE)
            best = self.closer(excerpt.at(rows[int(left.argmin())], on), on, rounds)
        tried: list[str] = []
        while best.loss > FLOOR:
            name, z = self._most_promising(best, on, tried)
            if not name:
                break
            with_it = on if name.endswith(":compressor") else [*on, name]
            further = self.closer(excerpt.at(z, with_it), with_it, ROUNDS)
            tried.append(name)
            if further.loss < WORTH * best.loss:
                best, on = further, with_it
        return self.closer(best, on, LAST_ROUNDS), on

    def _most_promising(self, best: Found, on: Sequence[str], tried: Sequence[str]) -> tuple[str, Tensor]:
        """What to add, and the knobs with it: what leaves least once all else has made the best of it.

        Else the master's equaliser, of which a model that is straight in responses sees nothing; else "".
        """
        excerpt, last = self.excerpt, MASTER + EQUALISER
        model = excerpt.model(best, on)
        places = {}
        for name in excerpt.optional:
            if name not in (*on, *tried, last) and not name.endswith(FIRST):
                places[name] = begun(excerpt, best.z, on, name)
        for name in (f"{n}:compressor" for n in range(excerpt.count)):
            if name not in tried:
                values = {f"{name.partition(':')[0]}:{knob}": each for knob, each in COMPRESSED.items()}
                places[name] = combined(excerpt, best.z, values)
        found, least = "", PROMISED * float(model.left(model.off[None], LOOSE))
        z = best.z
        for name, rows in places.items():
            left = model.left(excerpt.residuals(rows, [*on, name]), LOOSE)
            if float(left.min()) < least:
                found, least, z = name, float(left.min()), rows[int(left.argmin())]
        if not found and last in excerpt.optional and last not in (*on, *tried):
            found = last
        return found, z
