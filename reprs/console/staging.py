"""Gain staging: a level moved from the equaliser of a strip to what follows it, so that the mix stays."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from reprs.console.console import Console
from reprs.console.slide import least_moved, slid
from reprs.effects import Param

EQUALISER = "parametric_eq"
# What makes up for a louder equaliser, in this order: a distortion between makeup and fader gets what it got.
THRESHOLD, MADE_UP_BY = "compressor.threshold_db", ("compressor.makeup_db", "fader_db")


class Staging:
    """Knobs `z` `(P,)` of one track (`Console.flatten`) that sound nearly alike, with other levels inside.

    `possible` is false where the strip has no equaliser.
    """

    def __init__(self, console: Console, sample_rate: int) -> None:
        self.params, self.sample_rate = list(console.track_params.items()), sample_rate
        self.possible = EQUALISER in console.strip.names
        if self.possible:
            place = console.strip.names.index(EQUALISER)
            self.effect, self.columns = console.strip.effects[place], console.strip.slices[place]

    def least_moved(self, z: Tensor) -> tuple[Tensor, float]:
        """Where the bands of the equaliser move least, and by how much it is louder than before, in dB."""
        bands, level_db = least_moved(self.effect, self.sample_rate, z[self.columns])
        return self._with(z, bands, level_db), level_db

    def slid(self, z: Tensor, by_db: float) -> Tensor:
        """With an equaliser that is louder by so much."""
        if by_db == 0:
            return z
        return self._with(z, slid(self.effect, self.sample_rate, z[self.columns], by_db), by_db)

    def gains_db(self, z: Tensor) -> float:
        """The sum of what the bands of the equaliser lift and cut."""
        bands = self.params[self.columns]
        gains = [
            p.from_unit(v) for (n, p), v in zip(bands, z[self.columns], strict=True) if n.endswith("gain_db")
        ]
        return sum(abs(float(gain)) for gain in gains)

    def _with(self, z: Tensor, bands: Tensor, louder_db: float) -> Tensor:
        z = z.clone()
        z[self.columns] = bands
        _turn(z, self.params, THRESHOLD, louder_db)
        left_db = -louder_db
        for name in MADE_UP_BY:
            left_db = _turn(z, self.params, name, left_db)
        return z


def _turn(z: Tensor, params: Sequence[tuple[str, Param]], name: str, by_db: float) -> float:
    """Turns a knob of `z`, where there is one, as far as it goes; what is left to do, in dB."""
    for i, (each, param) in enumerate(params):
        if each == name:
            before_db = param.from_unit(z[i])
            z[i] = param.to_unit(before_db + by_db).clamp(0, 1)
            return by_db - float(param.from_unit(z[i]) - before_db)
    return by_db
