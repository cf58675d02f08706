"""Random mixes: how an engineer might set the knobs of a console, as a prior over knobs by their names.

The middles and spreads follow what engineers say and do: Pestana and Reiss (2014, "Intelligent audio
production strategies informed by best practices"), De Man and Reiss (2013, "A knowledge-engineered
autonomous mixing system"), Ma et al. (2015, "Intelligent multitrack dynamic range compression") and Senior
(2011, "Mixing secrets for the small studio"): gains of a few decibels with wide bells, low cuts below 150 Hz,
ratios of 2 to 6 whose threshold lies a few decibels around the track's level, a send in some of the tracks,
and a master that is touched lightly. Wider than what one engineer does: references are not all polite.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from reprs.effects import Param
from reprs.views import taste


@dataclass(frozen=True)
class Spread:
    """A normal distribution of a knob: in its own unit, in `octaves` (factors of two), above the `level` of
    the track in dBFS, or what is left up `to_level`: the middle less the track's level.
    """

    middle: float
    deviation: float
    of: Literal["unit", "octaves", "level", "to_level"] = "unit"

    def draw(self, level_db: Tensor, deviating: Tensor) -> Tensor:
        """A value for each of `level_db` `(…)` that deviates as `deviating` `(…)` says."""
        normal = deviating * self.deviation
        if self.of == "octaves":
            return self.middle * 2**normal
        return self.middle + normal + {"level": level_db, "to_level": -level_db}.get(self.of, 0)

    def deviating(self, value: Tensor, level_db: Tensor) -> Tensor:
        """By how many deviations a value is off the middle: the inverse of `draw`."""
        if self.of == "octaves":
            return torch.log2(value / self.middle) / self.deviation
        return (value - self.draw(level_db, torch.zeros(()))) / self.deviation


# The first pattern that a knob's name fits decides; "master." names come before those of strips.
SPREADS: dict[str, Spread] = {
    "master.*_gain_db": Spread(0, 2),
    "master.compressor.threshold_db": Spread(2, 4, "level"),
    "master.compressor.ratio": Spread(2, 0.4, "octaves"),
    "master.compressor.attack_ms": Spread(20, 1, "octaves"),
    "master.compressor.release_ms": Spread(150, 1, "octaves"),
    "master.*width.width": Spread(1.05, 0.2),
    "master.limiter.ceiling_db": Spread(9, 3, "level"),
    "master.limiter.release_ms": Spread(80, 1, "octaves"),
    "*_shelf_gain_db": Spread(0, 5),
    "*_gain_db": Spread(0, 4.5),
    "*low_shelf_hz": Spread(110, 0.8, "octaves"),
    "*peak1_hz": Spread(220, 0.8, "octaves"),
    "*peak2_hz": Spread(650, 0.8, "octaves"),
    "*peak3_hz": Spread(1_900, 0.8, "octaves"),
    "*peak4_hz": Spread(4_800, 0.7, "octaves"),
    "*high_shelf_hz": Spread(7_500, 0.6, "octaves"),
    "*_shelf_q": Spread(0.7, 0.3, "octaves"),
    "*peak?_q": Spread(1.0, 0.7, "octaves"),
    "*highpass.cutoff_hz": Spread(70, 0.9, "octaves"),
    "*highpass.q": Spread(0.7071, 0.2, "octaves"),
    "*lowpass.cutoff_hz": Spread(11_000, 0.6, "octaves"),
    "*compressor.threshold_db": Spread(-4, 6, "level"),
    "*compressor.ratio": Spread(3.2, 0.7, "octaves"),
    "*compressor.attack_ms": Spread(9, 1.5, "octaves"),
    "*compressor.release_ms": Spread(110, 1.2, "octaves"),
    "*compressor.knee_db": Spread(6, 3),
    "*drive_db": Spread(-9, 5, "to_level"),
    "*width.width": Spread(1, 0.3),
    "fader_db": Spread(0, 3),
    "*pan": Spread(0, 0.35),
    "*reverb.send_db": Spread(-16, 6),
    "*delay.send_db": Spread(-19, 5),
    "*reverb.decay_s": Spread(1.5, 0.8, "octaves"),
    "*delay.delay_ms": Spread(300, 0.7, "octaves"),
    "*delay.feedback": Spread(0.35, 0.15),
}
# How often an effect is on, and a send open.
ON: dict[str, float] = {
    "reverb": 0.9,
    "delay": 0.8,
    "master.*eq*": 0.5,
    "master.comp*": 0.5,
    "master.*width*": 0.4,
    "master.limiter*": 0.4,
    "*eq*": 0.8,
    "*highpass*": 0.45,
    "*compressor*": 0.6,
    "*distortion*": 0.25,
    "*saturat*": 0.25,
    "*width*": 0.4,
    "*delay*": 0.25,
    "*reverb*": 0.4,
}
# How often a track is compressed before it is equalised: engineers do both, "EQ into compression" being the
# order of most strips. Nobody has counted. Of what decides it this much is the habit of who mixes.
EARLY_SHARE, HABIT = 0.4, 0.7
ORDER = ".first"
# A share of the bells and shelves of an equaliser stays at 0 dB, as in most presets.
FLAT_SHARE = 0.3
LEFT_ALONE = 0.5
# Of what a track is too loud or too soft against the others, this much is taken back by its fader; of what a
# compressor takes from the peaks and a drive adds, this much by makeup and output.
BALANCED, MADE_UP, TAKEN_BACK = 0.7, 0.6, 0.75
PEAKS_DB = 6.0
QUIETEST_DB, LOUDEST_DB = -60.0, 0.0


@dataclass(frozen=True)
class RandomKnobs:
    """Knobs in [0, 1], `tracks` `(B, N, Pt)` and `shared` `(B, Ps)`, and switches `(B, N, Et)`, `(B, Es)`."""

    tracks: Tensor
    shared: Tensor
    tracks_on: Tensor
    shared_on: Tensor


class KnobPrior:
    """Draws settings of a console from the names of its knobs and switches.

    A knob that no pattern of `SPREADS` fits is drawn around its default, within a sixth of its range either
    way. The tracks of a mix have a `taste` in common. Switches of an order ("compressor.first") come behind
    those of effects. Randomness comes from the generator alone.
    """

    def __init__(
        self,
        track_params: Mapping[str, Param],
        shared_params: Mapping[str, Param],
        track_switches: Sequence[str],
        shared_switches: Sequence[str],
    ) -> None:
        self.track_params, self.shared_params = dict(track_params), dict(shared_params)
        self.track_switches, self.shared_switches = list(track_switches), list(shared_switches)

    def draw(self, levels_db: Tensor, generator: torch.Generator) -> RandomKnobs:
        """Settings for `B` mixes of `N` tracks with RMS `levels_db` `(B, N)` in dBFS, -inf for silence."""
        levels_db = levels_db.clamp(QUIETEST_DB, LOUDEST_DB)
        batch = len(levels_db)
        common = taste.draw(batch, generator)
        sum_db = 10 * torch.log10((10 ** (levels_db / 10)).sum(1))
        too_loud_db = levels_db - levels_db.mean(1, keepdim=True)
        tracks = self._knobs(self.track_params, levels_db, generator, common, too_loud_db)
        shared = self._knobs(self.shared_params, sum_db, generator, common)
        effects = [name for name in self.track_switches if not name.endswith(ORDER)]
        on = self._switches(effects, tuple(levels_db.shape), generator, common)
        shared_on = self._switches(self.shared_switches, (batch,), generator, common)
        # Last, so that all else is the same with and without it.
        order = [_early(levels_db, generator) for _ in self.track_switches[len(effects) :]]
        return RandomKnobs(tracks, shared, torch.cat([on, *order], dim=-1), shared_on)

    def mean(self, tracks: int) -> RandomKnobs:
        """The middle of the prior for one mix, for tracks at -20 dBFS: what to turn to without listening."""
        generator = torch.Generator().manual_seed(0)
        draws = self.draw(torch.full((256, tracks), -20.0), generator)
        return RandomKnobs(
            draws.tracks.mean((0, 1)).expand(1, tracks, -1).clone(),
            draws.shared.mean(0, keepdim=True),
            (draws.tracks_on.float().mean((0, 1)) >= 0.5).expand(1, tracks, -1).clone(),
            draws.shared_on.float().mean(0, keepdim=True) >= 0.5,
        )

    def _knobs(
        self,
        params: Mapping[str, Param],
        level_db: Tensor,
        generator: torch.Generator,
        common: Tensor,
        too_loud_db: Tensor | None = None,
    ) -> Tensor:
        """Knobs `(…, P)` for levels `(…)`: each by itself, then those that follow others."""
        values = {name: _value(name, param, level_db, generator, common) for name, param in params.items()}
        if too_loud_db is not None and "fader_db" in values:
            values["fader_db"] = (values["fader_db"] - BALANCED * too_loud_db).clamp(-24, 9)
        for name in params:
            if name.endswith("compressor.makeup_db"):
                compressor = name.removesuffix("makeup_db")
                threshold_db, ratio = (values[f"{compressor}{knob}"] for knob in ("threshold_db", "ratio"))
                values[name] = makeup_db(threshold_db, ratio, level_db)
            if name.endswith("distortion.output_db"):
                values[name] = output_db(values[name.replace("output_db", "drive_db")])
        columns = [param.to_unit(values[name]) for name, param in params.items()]
        return torch.stack(columns, dim=-1) if columns else torch.zeros(*level_db.shape, 0)

    def _switches(
        self, names: Sequence[str], size: tuple[int, ...], generator: torch.Generator, common: Tensor
    ) -> Tensor:
        drawn = []
        for name in names:
            wish = torch.special.ndtr(taste.deviating(name, size, common, generator))
            drawn.append(wish > 1 - (_first(ON, name) or LEFT_ALONE))
        return torch.stack(drawn, dim=-1) if drawn else torch.zeros(*size, 0, dtype=torch.bool)


def spread_of(name: str) -> Spread | None:
    """The distribution of a knob of a strip, of a bus or ("master.…") of the master, where one is known."""
    found: Spread | None = _first(SPREADS, name)
    return found


def level_db(x: Tensor) -> Tensor:
    """RMS of audio `(…, C, T)` in dBFS, `(…,)`; -inf for silence."""
    return 20 * torch.log10(x.square().mean((-1, -2)).sqrt())


def _value(name: str, param: Param, level_db: Tensor, generator: torch.Generator, common: Tensor) -> Tensor:
    """A value for each level `(…)`, in the knob's unit."""
    spread = spread_of(name)
    if spread is None:
        middle = float(param.to_unit(torch.tensor(float(param.default))))
        return param.from_unit((middle + torch.randn(level_db.shape, generator=generator) / 6).clamp(0, 1))
    value = spread.draw(level_db, taste.deviating(name, level_db.shape, common, generator))
    closed = torch.rand(level_db.shape, generator=generator)
    if name.endswith("_gain_db"):
        return value.masked_fill(closed < FLAT_SHARE, 0.0)
    if name.endswith("send_db"):
        return value.masked_fill(closed >= (_first(ON, name) or LEFT_ALONE), param.min)
    return value


def makeup_db(threshold_db: Tensor, ratio: Tensor, level_db: Tensor) -> Tensor:
    """Most of what a compressor takes from peaks a little above the level `(…)`."""
    over_db = (level_db + PEAKS_DB - threshold_db).clamp(min=0)
    return MADE_UP * over_db * (1 - 1 / ratio.clamp(min=1))


def output_db(drive_db: Tensor) -> Tensor:
    """What takes back most of what a drive adds."""
    return 1 - TAKEN_BACK * drive_db


def _early(levels_db: Tensor, generator: torch.Generator) -> Tensor:
    """Which tracks `(B, N, 1)` are compressed before they are equalised."""
    habit = torch.randn(len(levels_db), 1, generator=generator)
    own = torch.randn(levels_db.shape, generator=generator)
    wish = torch.special.ndtr(HABIT * habit + (1 - HABIT**2) ** 0.5 * own)
    return (wish > 1 - EARLY_SHARE)[..., None]


def _first(table: Mapping[str, object], name: str):  # type: ignore[no-untyped-def]
    """What the first pattern that fits a name says, or None."""
    return next((value for pattern, value in table.items() if fnmatch.fnmatch(name, pattern)), None)
