"""Which setting of a strip leads from one recording to another that is the same music, finished.

Not exact as `recovered` is, whose reference the console has made: the equaliser that takes one spectrum to
the other is fitted, then compressor, width and fader follow by least squares; a second in all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from reprs.console.band_fit import fit, fit_frequencies
from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.console.recovery.least_squares import descend
from reprs.objectives.band_levels import BandLevels
from reprs.objectives.stft import multi_resolution_stft

# The stretch that least squares listen to, and what leads to it.
HEARD_S, LEAD_S = 1.5, 0.5
FIRST_STEPS, STEPS, DEVIATION = 3, 5, 0.25
ROWS = 8  # rendered at once: they stay in a CPU's cache
EQUALISER, COMPRESSOR, WIDTH, FADER = "parametric_eq", "compressor", "stereo_width", "fader_db"
# A band of less, and a width nearer to 1, is nothing that an engineer did.
BAND_DB, WIDER = 0.3, 0.03
# A compressor is on where what is left is that much less with it.
WORTH = 0.95
SETTLED = 1e-4  # less is as good as nothing
# Where compressors begin, `threshold_db` being above the level: one for peaks, one that works all the time.
STARTS = (
    {"threshold_db": 0, "ratio": 2.5, "attack_ms": 10, "release_ms": 120, "knee_db": 6, "makeup_db": 3},
    {"threshold_db": -10, "ratio": 1.8, "attack_ms": 30, "release_ms": 60, "knee_db": 9, "makeup_db": 4},
)


@dataclass(frozen=True)
class Finishing:
    """The setting, and how far (STFT distance) the recording was from the finished one, and is with it."""

    knobs: Knobs
    before: float
    after: float


@torch.no_grad()
def finishing(
    console: Console,
    x: Tensor,
    target: Tensor,
    sample_rate: int,
    curve_hz: np.ndarray,
    curve_db: np.ndarray,
    drawn: Knobs,
) -> Finishing:
    """From a recording `x` to `target`, `(2, T)` each, whose long-term spectra are `curve_db` at `curve_hz`
    apart.

    Sends are closed; high-pass and saturation, the master and a compressor that is of no use are off. The
    order of effects, and the knobs of what does nothing, are those of `drawn`, a draw of the prior.
    """
    search = _Search(console, x, target, sample_rate, drawn)
    search.equalise(np.interp(np.log(fit_frequencies(sample_rate)), np.log(curve_hz), curve_db))
    plain, left = search.settled(search.z, [FADER, f"{WIDTH}.width"], FIRST_STEPS)
    live = [n for n in search.names if n.startswith(f"{COMPRESSOR}.")]
    search.on[search.switch(COMPRESSOR)] = True
    live += [FADER, f"{WIDTH}.width"]
    tried = [search.settled(search.begun(plain, start), live, STEPS) for start in STARTS]
    pressed, less = min(tried, key=lambda each: each[1])
    found = pressed
    if less > WORTH * left or left < SETTLED:
        search.on[search.switch(COMPRESSOR)] = False
        found = plain
    knobs = search.kept(found)
    level = target.square().mean().sqrt() / x.square().mean().sqrt().clamp_min(1e-6)
    mixed = console(x[None, None], sample_rate, knobs)
    apart = multi_resolution_stft(torch.cat([(level * x)[None], mixed]), target.expand(2, -1, -1))
    return Finishing(knobs, float(apart[0]), float(apart[1]))


class _Search:
    """Knobs `z` `(P,)` and switches `on` `(E,)` of the one track, and what is left of the way."""

    def __init__(self, console: Console, x: Tensor, target: Tensor, sample_rate: int, drawn: Knobs) -> None:
        self.console, self.sample_rate, self.drawn = console, sample_rate, drawn
        self.names, self.params = list(console.track_params), list(console.track_params.values())
        lead = min(round(LEAD_S * sample_rate), x.shape[-1] // 4)
        length = min(round(HEARD_S * sample_rate), x.shape[-1] - lead)
        start = (x.shape[-1] - length - lead) // 2
        part = slice(start, start + lead + length)
        self.x, self.heard = x[None, None, :, part], BandLevels(target[None, :, part], sample_rate, lead)
        self.level_db = 20 * float(torch.log10(x.square().mean().sqrt().clamp_min(1e-6)))
        assert drawn.tracks_on is not None and drawn.shared_on is not None
        self.z, self.on, self.shared_on = (
            drawn.tracks[0, 0].clone(),
            drawn.tracks_on[0, 0].clone(),
            drawn.shared_on,
        )
        for i, name in enumerate(self.names):
            if name.endswith("send_db"):
                self.z[i] = 0.0
        for name, value in ((FADER, 0.0), ("pan", 0.0), (f"{WIDTH}.width", 1.0)):
            self.turn(self.z, name, value)
        self.on[: len(console.strip.names)] = False
        self.on[self.switch(WIDTH)] = True

    def switch(self, name: str) -> int:
        return self.console.track_switches.index(name)

    def turn(self, z: Tensor, name: str, value: float) -> None:
        """Set a knob to a natural value."""
        i = self.names.index(name)
        z[i] = self.params[i].to_unit(torch.tensor(value)).clamp(0, 1)

    def equalise(self, curve_db: np.ndarray) -> None:
        """The equaliser that follows a curve on `fit_frequencies`; bands of next to nothing stay flat."""
        place = self.console.strip.names.index(EQUALISER)
        effect, columns = self.console.strip.effects[place], self.console.strip.slices[place]
        bands = fit(effect, self.sample_rate, curve_db)[0].float()
        gains = {n: effect.params[n].from_unit(v) for n, v in zip(effect.params, bands, strict=True)}
        for i, (name, value) in enumerate(zip(effect.params, bands, strict=True)):
            gain = f"{name.rsplit('_', 1)[0]}_gain_db" if not name.endswith("_gain_db") else name
            audible = abs(float(gains[gain])) >= BAND_DB
            if audible:
                self.z[columns.start + i] = value
                self.on[self.switch(EQUALISER)] = True
            elif name == gain:
                self.turn(self.z, f"{EQUALISER}.{name}", 0.0)

    def begun(self, z: Tensor, start: Mapping[str, float]) -> Tensor:
        """With a compressor at a start."""
        z = z.clone()
        for name, value in start.items():
            above = self.level_db if name == "threshold_db" else 0.0
            self.turn(z, f"{COMPRESSOR}.{name}", above + value)
        return z

    def settled(self, z: Tensor, live: Sequence[str], steps: int) -> tuple[Tensor, float]:
        """Knobs with the `live` ones moved by least squares, and what is left."""
        at = torch.tensor([self.names.index(name) for name in live])

        def whole(values: Tensor) -> Tensor:
            rows = z.repeat(len(values), 1)
            rows[:, at] = values
            return rows

        deviation = torch.full((len(at),), DEVIATION)
        found = descend(lambda v: self.residuals(whole(v)), z[at], z[at].clone(), deviation, steps)
        return whole(found.z[None])[0], found.loss

    def residuals(self, z: Tensor) -> Tensor:
        return torch.cat([self.heard(self.mixed(rows)) for rows in z.split(ROWS)])

    def mixed(self, z: Tensor) -> Tensor:
        """Mixes `(R, 2, T)` of the stretch with knobs `(R, P)`, through the strip alone."""
        return self.console(self.x.expand(len(z), -1, -1, -1), self.sample_rate, self.knobs(z))

    def knobs(self, z: Tensor) -> Knobs:
        rows = len(z)
        shared_on = torch.zeros(rows, len(self.console.shared_switches), dtype=torch.bool)
        shared = self.drawn.shared.expand(rows, -1)
        return replace(
            self.drawn,
            tracks=z[:, None],
            shared=shared,
            tracks_on=self.on.expand(rows, 1, -1),
            shared_on=shared_on,
        )

    def kept(self, z: Tensor) -> Knobs:
        """What is written down: a width of next to 1 is off, and so is what the prior never has on."""
        i = self.names.index(f"{WIDTH}.width")
        if abs(float(self.params[i].from_unit(z[i])) - 1) < WIDER:
            self.on[self.switch(WIDTH)] = False
        return replace(self.knobs(z[None]), shared_on=self.shared_on & ~self.masters())

    def masters(self) -> Tensor:
        return torch.tensor([name.startswith("master.") for name in self.console.shared_switches])
