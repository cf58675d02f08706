"""How unusual bands of equalisers are: the negative logarithm of their density under the prior over knobs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from reprs.effects import Param
from reprs.views.mixes import FLAT_SHARE, Spread, spread_of

GAIN, PLACE = "_gain_db", ("_hz", "_q")
FLAT_DB = 0.1  # how far from 0 dB a band may be found that was left there


class UnusualBands:
    """Of knobs `(P,)` in [0, 1], called `names`: one number for all bands, up to a constant.

    A band is as in `reprs.views.mixes`: left at 0 dB, wherever it stands, or drawn with its frequency and Q.
    """

    def __init__(self, names: Sequence[str], params: Sequence[Param]) -> None:
        self.params = list(params)
        places = {name: i for i, name in enumerate(names)}
        self.bands = [
            [i, *(places[name.removesuffix(GAIN) + ending] for ending in PLACE)]
            for i, name in enumerate(names)
            if name.endswith(GAIN)
        ]
        self.spreads = {i: _spread(names[i]) for band in self.bands for i in band}

    def __call__(self, z: Tensor) -> float:
        """The sum over the bands."""
        return sum(self._of_band(z, *band) for band in self.bands)

    def _of_band(self, z: Tensor, gain: int, *place: int) -> float:
        drawn = sum(self._squared(z, i) for i in (gain, *place))
        flat = (float(self.params[gain].from_unit(z[gain])) / FLAT_DB) ** 2
        deviation_db = self.spreads[gain].deviation
        chances = (FLAT_SHARE / FLAT_DB, flat), ((1 - FLAT_SHARE) / deviation_db, drawn)
        return -float(np.logaddexp.reduce([math.log(share) - square / 2 for share, square in chances]))

    def _squared(self, z: Tensor, i: int) -> float:
        """The square of by how many deviations a knob is off its middle; no track's level is asked for."""
        value = self.params[i].from_unit(z[i])
        return float(self.spreads[i].deviating(value, torch.zeros(())) ** 2)


def _spread(name: str) -> Spread:
    """Of a knob of a band, whose track may be in front of its name."""
    found = spread_of(name.rpartition(":")[2])
    assert found is not None, name
    return found
