"""An equaliser made louder or softer at all frequencies: what a fader takes back of it is not heard.

Bells and shelves add up to a level nearly without a ripple, so that settings many decibels apart sound alike.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import least_squares
from torch import Tensor

from reprs.console.band_fit import fit_frequencies, knob_response_db
from reprs.effects import Effect

RIPPLE_DB = 0.1  # of the response, that weighs as much as
GAIN_DB = 3.0  # of one band: the sum of absolute gains leaves bands at 0 dB (Tibshirani 1996)
ROUND_DB = 0.3  # below which a gain counts by its square
BANDS_TOGETHER = 1.4  # a level takes less than itself of every band
LEVELS_DB = (-12.0, -8.0, -4.0, 0.0, 4.0, 8.0, 12.0)
STEP, STEPS = 1e-6, 60


def slid(effect: Effect, sample_rate: int, z: Tensor, by_db: float) -> Tensor:
    """Knobs `(P,)` of an equaliser with the response of `z` `(P,)` and `by_db` more at all frequencies.

    Of such knobs those whose bands move little.
    """
    return torch.from_numpy(_Slide(effect, sample_rate, z).to(by_db)[:-1]).to(z)


def least_moved(effect: Effect, sample_rate: int, z: Tensor) -> tuple[Tensor, float]:
    """The same at the level where the bands move least, and that level in dB above `z`."""
    slide = _Slide(effect, sample_rate, z)
    found = min((slide.from_here(slide.to(level)) for level in LEVELS_DB), key=slide.cost)
    return torch.from_numpy(found[:-1]).to(z), float(found[-1])


class _Slide:
    """Residuals of an equaliser's knobs and a level: what they change of a response, and their gains."""

    def __init__(self, effect: Effect, sample_rate: int, z: Tensor) -> None:
        self.effect, self.sample_rate = effect, sample_rate
        self.hz = torch.from_numpy(fit_frequencies(sample_rate))
        self.start = np.append(z.double().clamp(1e-4, 1 - 1e-4).numpy(), 0.0)
        params = [(p, n.endswith("gain_db")) for n, p in effect.params.items()]
        self.gains = np.array([is_gain for _, is_gain in params])
        self.spans_db = np.array([p.max - p.min for p, is_gain in params if is_gain])
        self.wanted_db = self._response_db(self.start[None])

    def to(self, level_db: float) -> np.ndarray:
        """Knobs and level `(P + 1,)`, at that level."""
        knobs = self.start[:-1].copy()
        knobs[self.gains] += level_db / BANDS_TOGETHER / self.spans_db
        return self._least(np.append(knobs.clip(1e-4, 1 - 1e-4), level_db), held=1)

    def from_here(self, values: np.ndarray) -> np.ndarray:
        """Knobs and level `(P + 1,)`, at whatever level is best."""
        return self._least(values, held=0)

    def cost(self, values: np.ndarray) -> float:
        """The sum of squared residuals."""
        return float(np.square(self._residuals(values[None])).sum())

    def _response_db(self, rows: np.ndarray) -> np.ndarray:
        z = torch.from_numpy(rows[:, :-1])
        return knob_response_db(self.effect, self.sample_rate, z, self.hz).numpy()

    def _residuals(self, rows: np.ndarray) -> np.ndarray:
        off_db = self._response_db(rows) - self.wanted_db - rows[:, -1:]
        gains_db = (rows[:, :-1][:, self.gains] - 0.5) * self.spans_db
        gains = (gains_db**2 + ROUND_DB**2) ** 0.25 / math.sqrt(GAIN_DB)
        return np.concatenate([off_db / RIPPLE_DB / math.sqrt(len(self.hz)), gains], axis=1)

    def _least(self, start: np.ndarray, held: int) -> np.ndarray:
        """The least squares from `start`, of which the last `held` stay."""
        free = len(start) - held

        def whole(rows: np.ndarray) -> np.ndarray:
            return np.concatenate([rows, np.tile(start[free:], (len(rows), 1))], axis=1)

        def slopes(values: np.ndarray) -> np.ndarray:
            by = np.where(values > 0.5, -STEP, STEP)
            rows = self._residuals(whole(np.concatenate([values[None], values + np.diag(by)])))
            return ((rows[1:] - rows[0]) / by[:, None]).T

        lowest, highest = np.zeros(len(start)), np.ones(len(start))
        lowest[-1], highest[-1] = -np.inf, np.inf
        found = least_squares(
            lambda values: self._residuals(whole(values[None]))[0],
            start[:free].clip(lowest[:free], highest[:free]),
            jac=slopes,
            bounds=(lowest[:free], highest[:free]),
            max_nfev=STEPS,
        )
        return whole(found.x[None])[0]
