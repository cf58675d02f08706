"""Knobs counted from what they follow: a threshold from the track's level, a makeup from what is taken.

What an engineer decides is how far a threshold lies above the level, and how much more or less is made up
than the compressor takes. What follows from levels and other knobs a network would have to find out, and
would hit only roughly.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.effects import Param
from reprs.models.coordinates import Coordinates
from reprs.models.track_network import Point
from reprs.views.mixes import BALANCED, LOUDEST_DB, QUIETEST_DB, TAKEN_BACK, makeup_db, output_db

# A coordinate of 1 is so far from where a knob is counted from.
UNIT_DB = 20.0
DRIVE, OUTPUT = "distortion.drive_db", "distortion.output_db"
# Knobs of a track or of the mix, those that follow other knobs behind them.
COUNTED = (
    ("compressor.threshold_db", "compressor.makeup_db", DRIVE, OUTPUT, "fader_db"),
    ("master.compressor.threshold_db", "master.compressor.makeup_db", "master.limiter.ceiling_db"),
)


class SettingSpace:
    """The unbounded space of settings in which generators move: tracks `(B, N, K)` and mix `(B, M)`.

    Normal scores of knobs, then switches (see `Coordinates`). Where it is `counted`, the knobs of `COUNTED`
    are how far they are from where they are counted from, in units of `UNIT_DB`; on the way back they are
    clipped to their range. Exact both ways, given the RMS `levels_db` `(B, N)` in dBFS of the tracks, of
    which those that are `there` `(B, N)` count.
    """

    def __init__(self, console: Console, counted: bool = True) -> None:
        self.counted = counted
        self.coordinates = (
            Coordinates(len(console.track_params), len(console.track_switches)),
            Coordinates(len(console.shared_params), len(console.shared_switches)),
        )
        self.params = (console.track_params, console.shared_params)
        self.names = tuple(
            [name for name in names if counted and name in params]
            for names, params in zip(COUNTED, self.params, strict=True)
        )

    def encode(self, knobs: Knobs, levels_db: Tensor, there: Tensor) -> Point:
        """Settings as points."""
        found = []
        for part, (z, on) in enumerate(((knobs.tracks, knobs.tracks_on), (knobs.shared, knobs.shared_on))):
            u, values = self.coordinates[part].encode(z, on), self._values(part, z)
            if DRIVE in self.names[part]:
                values[DRIVE] = _driven(values, self.params[part][DRIVE])
            levels = _levels(part, levels_db, there)
            for name in self.names[part]:
                away_db = values[name] - _origin(name, values, self.params[part][name], *levels)
                u[..., self._column(part, name)] = away_db / UNIT_DB
            found.append(u)
        return found[0], found[1]

    def decode(self, u: Point, levels_db: Tensor, there: Tensor) -> Knobs:
        """Points as settings."""
        parts = []
        for part, point in enumerate(u):
            z, on, _ = self.coordinates[part].decode(point)
            values, levels = self._values(part, z), _levels(part, levels_db, there)
            for name in self.names[part]:
                param, column = self.params[part][name], self._column(part, name)
                value = _origin(name, values, param, *levels) + UNIT_DB * point[..., column]
                # A drive beyond its end still has its output.
                values[name] = value.clamp(param.min, None if name == DRIVE else param.max)
                z[..., column] = param.to_unit(value.clamp(param.min, param.max))
            parts.append((z, on))
        (tracks, tracks_on), (shared, shared_on) = parts
        return Knobs(tracks, shared, tracks_on, shared_on)

    def _column(self, part: int, name: str) -> int:
        return list(self.params[part]).index(name)

    def _values(self, part: int, z: Tensor) -> dict[str, Tensor]:
        """Knobs `z` `(…, P)` in their own units."""
        if not self.names[part]:
            return {}
        return {
            name: param.from_unit(v)
            for (name, param), v in zip(self.params[part].items(), z.unbind(-1), strict=True)
        }


def _levels(part: int, levels_db: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """The level that knobs of tracks, or of the mix (1), follow, and how far it is above the mean level."""
    levels_db = levels_db.clamp(QUIETEST_DB, LOUDEST_DB)
    if part:
        sum_db = 10 * torch.log10((10 ** (levels_db / 10) * there).sum(1).clamp(min=1e-6))
        return sum_db, torch.zeros_like(sum_db)
    mean_db = (levels_db * there).sum(1, keepdim=True) / there.sum(1, keepdim=True).clamp(min=1)
    return levels_db, levels_db - mean_db


def _origin(
    name: str, values: Mapping[str, Tensor], param: Param, level_db: Tensor, too_loud_db: Tensor
) -> Tensor:
    """Where a knob is counted from, in dB."""
    if name == "fader_db":
        return -BALANCED * too_loud_db
    if name == DRIVE:
        return -level_db
    if name == OUTPUT:
        return output_db(values[DRIVE]).clamp(param.min, param.max)
    if name.endswith("makeup_db"):
        compressor = name.removesuffix("makeup_db")
        threshold_db, ratio = (values[f"{compressor}{knob}"] for knob in ("threshold_db", "ratio"))
        return makeup_db(threshold_db, ratio, level_db).clamp(param.min, param.max)
    return level_db


def _driven(values: Mapping[str, Tensor], param: Param) -> Tensor:
    """The drive, beyond its end if its output tells that it was meant to be there."""
    drive_db = values[DRIVE]
    meant_db = (output_db(torch.zeros_like(drive_db)) - values[OUTPUT]) / TAKEN_BACK
    return torch.where(drive_db >= param.max, meant_db.maximum(drive_db), drive_db)
