"""Recovery of several tracks at once: the strips, the buses and the master whose mix the reference is.

Levels of bands show the way from afar, waves the rest of it: there a faint track is heard under a loud one,
and no other effects make up for one that is missing. A limiter is read off the reference, highpasses are on
from the start and left out where they do nothing, buses come next, then what models promise most of. The
master's equaliser comes last, when the strips' alone can explain no more. Near the truth levels of equalisers
are told by the ripple of their bands, down to what rounding leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from reprs.console.knobs import FIRST
from reprs.console.recovery.begun import TIMED, begun, combined
from reprs.console.recovery.by_response import Model
from reprs.console.recovery.equalisers import DISTORTION, EQUALISER, HIGHPASS, MASTER
from reprs.console.recovery.least_squares import Found
from reprs.console.recovery.search import BETTER, COMPRESSED, FAR_BETTER, LOOSE
from reprs.console.recovery.settling import ENOUGH, Settling

# Of models, at each stage.
FIRST_ROUNDS, BUS_ROUNDS, TRIED_ROUNDS, ROUNDS = 3, 2, 3, 16
# Losses below which what is on may be wrong, effects are looked for only where they promise much, and not at
# all.
HOPEFUL, NEARLY, EXPLAINED = 2e-2, 1e-5, 3e-9
WIDTH, WIDER = f"{MASTER}stereo_width", 1.1
CUTOFFS_HZ = (25.0, 32.0, 45.0, 70.0, 120.0, 200.0)
FAINTER = (0.0, 0.11, 0.22, 0.37)  # of a send's range: 0, 6, 12 and 20 dB
# Shares of what is left. Added where a model promises less than `PROMISED`, or `LITTLE` where there is
# nothing better; of several that promise as much but for `ALIKE` the better two are tried. A bus at first
# where less than `BUS_WORTH`. Left out for a trial where less than `DOUBTFUL` without, and of strips less
# than `MORE_DOUBTFUL` where nothing else is left to try. Kept where `WORTH` is left with it, or `AS_GOOD`
# without.
PROMISED, LITTLE, BUS_WORTH, WORTH, AS_GOOD = 0.8, 0.95, 0.98, 0.9, 1.03
TWO, ALIKE = 2, 1.5
DOUBTFUL, MORE_DOUBTFUL = 1.3, 30.0


class Together(Settling):
    """Several tracks, or one through a master."""

    steady, rendered, corrected = 1e-2, 10, 3
    moves, reshapes, ripple = False, True, 1e-3
    dampings = (1e-2, 1.0, 1e2, 1e4)

    def run(self) -> tuple[Found, list[str]]:
        """Pans, widths and compressors, then buses, then effects in and out while that promises something."""
        excerpt, given = self.excerpt, self._limited()
        best = self.placed(given)
        on = [*given, *(name for name in excerpt.optional if name.endswith(f":{HIGHPASS}"))]
        best = self.closer(excerpt.at(best.z, on), on, FIRST_ROUNDS)
        excerpt.hear_waves()
        best = self.closer(excerpt.at(best.z, on), on, FIRST_ROUNDS)
        for bus in [b for b in TIMED if b in excerpt.optional]:
            model, rows = excerpt.model(best, on), self._begun(best, on, bus)
            leaves = model.left(excerpt.residuals(rows, [*on, bus]), LOOSE)
            if float(leaves.min()) < BUS_WORTH * float(model.left(model.off[None], LOOSE)):
                on = [*on, bus]
                best = self.closer(excerpt.at(rows[int(leaves.argmin())], on), on, BUS_ROUNDS)
        best, on = self._searched(best, on)
        best = self.closer(best, on, ROUNDS, ENOUGH)
        return (self.settled(best, on) if best.loss < NEARLY else best), on

    def _searched(self, best: Found, on: list[str]) -> tuple[Found, list[str]]:
        """Effects in and out while that promises something; what was better but not by enough when there is
        nothing else."""
        excerpt, tried = self.excerpt, list[str]()
        rejected: tuple[Found, list[str]] | None = None
        while best.loss > EXPLAINED:
            model = excerpt.model(best, on)
            left = self._without(model, best, on)
            idle = [name for name, share in left.items() if share <= 1 and not name.endswith(DISTORTION)]
            if idle:
                on = [name for name in on if name not in idle]
                best = self.closer(excerpt.at(best.z, on), on, ROUNDS)
                continue
            tries = dict[str, tuple[Found, list[str]]]()
            for name, z in self._most_promising(model, best, on, tried, left):
                changed = list(on) if name.endswith(":compressor") else [*on, name]
                changed = [n for n in on if n != name] if name in on else changed
                tries[name] = self.closer(excerpt.at(z, changed), changed, TRIED_ROUNDS), changed
            if not tries and rejected is not None and rejected[0].loss < best.loss:
                (best, on), tried, rejected = rejected, [], None
                best = self.closer(best, on, ROUNDS)
                continue
            if not tries:
                before, best = best, self.closer(best, on, ROUNDS, ENOUGH)
                if best.loss > BETTER * before.loss:
                    break
                tried = []
                continue
            name = min(tries, key=lambda each: tries[each][0].loss)
            further, changed = tries[name]
            if further.loss < self._kept(name, on) * best.loss:
                # What was of no use before may be now.
                tried = [name] if further.loss < FAR_BETTER * best.loss else [*tried, name]
                best, on, rejected = self.closer(further, changed, ROUNDS), changed, None
            else:
                tried += tries
                least = WORTH * best.loss if rejected is None else rejected[0].loss
                rejected = tries[name] if further.loss < least else rejected
        return best, on

    def _kept(self, name: str, on: Sequence[str]) -> float:
        """The share of the loss that something may leave, to be added or left out."""
        return FAR_BETTER if name == MASTER + EQUALISER else AS_GOOD if name in on else WORTH

    def _without(self, model: Model, best: Found, on: Sequence[str]) -> dict[str, float]:
        """What is left without each bus, highpass and distortion, as a share of what is left with it."""
        least, found = float(model.left(model.off[None], LOOSE)), {}
        for name in (n for n in on if n in TIMED or n.endswith((f":{HIGHPASS}", f":{DISTORTION}"))):
            rows = self.excerpt.residuals(best.z[None], [n for n in on if n != name])
            # Equalisers make up for a highpass; what sends a bus would make up for itself.
            if name in TIMED:
                found[name] = float(rows.square().sum()) / best.loss
            else:
                found[name] = float(model.left(rows, LOOSE)) / least
        return found

    def _begun(self, best: Found, on: Sequence[str], name: str) -> Tensor:
        """Rows `(R, P)` with one more effect; a bus also fainter than it seems: all else answers, too."""
        rows = begun(self.excerpt, best.z, on, name)
        if name.endswith(f":{HIGHPASS}"):
            track = name.partition(":")[0]
            values = {f"{track}:{HIGHPASS}.cutoff_hz": CUTOFFS_HZ}
            # A low shelf stands in for a highpass until there is one.
            shelf = f"{track}:{EQUALISER}.low_shelf_gain_db"
            flat = combined(self.excerpt, best.z, {shelf: (0.0,)})[0]
            return torch.cat([combined(self.excerpt, z, values) for z in (best.z, flat)])
        if name not in TIMED:
            return rows
        sends = self.excerpt.of_tracks(f"{name}.send_db")
        fainter = [rows.clone() for _ in FAINTER]
        for each, by in zip(fainter, FAINTER, strict=True):
            each[:, sends] = (rows[:, sends] - by).clamp(0, 1)
        return torch.cat(fainter)

    def _widened(self, model: Model, best: Found, on: Sequence[str]) -> Tensor:
        """Rows `(2, P)` with the master's width where it leaves least by a straight model, and at 1, to begin
        with: strips that did its work leave more with a width from afar."""
        rest, wider = combined(self.excerpt, best.z, {f"{WIDTH}.width": (1.0, WIDER)})
        times = model.along(self.excerpt.residuals(wider[None], [*on, WIDTH])[0], LOOSE)
        return torch.cat([(rest + times * (wider - rest)).clamp(0, 1)[None], rest[None]])

    def _limited(self) -> list[str]:
        """The limiter of the master, where the reference says that one was at work; its ceiling is heard."""
        excerpt, name = self.excerpt, f"{MASTER}limiter"
        if excerpt.ceiling_db is None or name not in excerpt.optional:
            return []
        place = excerpt.names.index(f"{name}.ceiling_db")
        excerpt.z[place] = excerpt.params[place].to_unit(torch.tensor(excerpt.ceiling_db)).clamp(0, 1)
        return [name]

    def _most_promising(
        self, model: Model, best: Found, on: Sequence[str], tried: Sequence[str], without: Mapping[str, float]
    ) -> list[tuple[str, Tensor]]:
        """What to add or to leave out, and the knobs then: what leaves least once all else has made the best
        of it, if that is clearly less; then what may be left out; then what is a little less.

        Else the master's equaliser, of which a model that is straight in responses sees nothing, then its
        width, which strips may do nearly as well; else none.
        """
        excerpt, last = self.excerpt, MASTER + EQUALISER
        places = {}
        for name in excerpt.optional:
            if name not in (*on, *tried, last) and not name.endswith(FIRST):
                widened = name == WIDTH
                places[name] = self._widened(model, best, on) if widened else self._begun(best, on, name)
        for name in (f"{n}:compressor" for n in range(excerpt.count)):
            if name not in tried:
                values = {f"{name.partition(':')[0]}:{knob}": each for knob, each in COMPRESSED.items()}
                places[name] = combined(excerpt, best.z, values)
        found = list[tuple[float, str, Tensor]]()
        for name, rows in places.items():
            left = model.left(excerpt.residuals(rows, [*on, name]), LOOSE)
            # The strips make up for a width as it grows.
            z = rows[-1] if name == WIDTH else rows[int(left.argmin())]
            found.append((float(left.min()), name, z))
        found.sort(key=lambda each: each[0])
        least = float(model.left(model.off[None], LOOSE))
        doubtful = [(share, n) for n, share in without.items() if n not in tried]
        if found and found[0][0] < PROMISED * least:
            worst = min(PROMISED * least, ALIKE * found[0][0])
            return [each[1:] for each in found[:TWO] if each[0] <= worst]
        if best.loss < NEARLY:
            doubtful, found = [], []
        if doubtful and min(doubtful)[0] < DOUBTFUL:
            return [(min(doubtful)[1], best.z)]
        if found and found[0][0] < LITTLE * least:
            return [found[0][1:]]
        doubtful = [each for each in doubtful if each[1] not in TIMED and best.loss < HOPEFUL]
        if doubtful and min(doubtful)[0] < MORE_DOUBTFUL:
            return [(min(doubtful)[1], best.z)]
        if last not in excerpt.optional or last in (*on, *tried):
            return [(WIDTH, places[WIDTH][-1])] if WIDTH in places else []
        z = best.z.clone()
        for i, each in enumerate(excerpt.names):
            if each.startswith(last) and excerpt.gains[i]:
                z[i] = 0.5
        return [(last, z)]
