"""Bands whose response follows a target: bounded least squares over the knobs `z` of the equaliser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import least_squares
from torch import Tensor

from reprs.console.bands import HIGHEST, LAYOUT, MAX_BANDS, frequency_response, knob_sections
from reprs.effects import Effect

POINTS = 121
LOWEST_HZ, HIGHEST_HZ = 20.0, 20_000.0
# Of knobs back to their defaults, in the unit of a residual (dB): what is not needed stays out of the way,
# and two bands do not undo each other's gains.
PULL, PULL_GAIN = 0.2, 1.0
STEPS = 40
STEP = 1e-6
KNOBS_A_BAND = 3
SPARE = 0.06  # of the target (rms): what may be lost for the sake of fewer bands
LOCK_WEIGHTS = (5.0, 20.0, 80.0)
LOCK_TOLERANCE_DB = 0.25
LOCK_EDGE_OCTAVES = 1.0  # six gentle bands cannot end at a wall


def fit_frequencies(sample_rate: int) -> np.ndarray:
    """The frequencies in Hz, even on a logarithmic scale, at which a target is followed."""
    return np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, HIGHEST * sample_rate), POINTS)


def fit(
    effect: Effect,
    sample_rate: int,
    target_db: np.ndarray,
    locked: Sequence[tuple[float, float]] = (),
    max_bands: int = MAX_BANDS,
) -> Tensor:
    """Knobs `z` `(1, P)` of at most `max_bands` bands that follow `target_db` on `fit_frequencies`.

    The response stays within 0.25 dB of 0 inside the `locked` ranges in Hz: they weigh more and more, and
    where that is not enough all gains are lowered. Bands that add next to nothing are left at 0 dB.
    """
    frequencies = fit_frequencies(sample_rate)
    kept, near = _locks(frequencies, locked)
    if kept.all():
        raise ValueError("the locked regions leave nothing to equalise: lock less")
    problem = _problem(effect, sample_rate, frequencies, target_db * near)
    z = _start(problem)
    active = np.ones(len(LAYOUT), dtype=bool)
    for lock_weight in LOCK_WEIGHTS if kept.any() else (1.0,):
        weight = np.where(kept, lock_weight, 1.0)
        z = _solve(problem, weight, z, active)
        z, active = _without_spare_bands(problem, weight, z, active, max_bands)
        excess = float(np.abs(problem.bands_db(z).sum(0)[kept]).max(initial=0)) / LOCK_TOLERANCE_DB
        if excess <= 1:
            break
    else:
        z = _with_gains(effect, z, _gains(effect, z) / excess)
    return torch.from_numpy(z)[None]


def knob_response_db(effect: Effect, sample_rate: int, z: Tensor, frequencies_hz: Tensor) -> Tensor:
    """Response of knobs `z` `(B, P)` in dB, `(B, F)`; differentiable."""
    return decibels(frequency_response(knob_sections(effect, sample_rate, z), sample_rate, frequencies_hz))


def decibels(response: Tensor) -> Tensor:
    """Level of a complex response."""
    return 10 * torch.log10(response.real.square() + response.imag.square())


def _locks(frequencies: np.ndarray, locked: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Where the response has to stay at 0 dB `(F,)`, and a factor `(F,)` that leads the target there."""
    kept = np.zeros(frequencies.shape, dtype=bool)
    near = np.ones(frequencies.shape)
    for low, high in locked:
        outside = np.maximum(np.log2(max(low, 1.0) / frequencies), np.log2(frequencies / high))
        kept |= outside <= 0
        near = np.minimum(near, np.clip(outside / LOCK_EDGE_OCTAVES, 0, 1))
    return kept, near


def _problem(effect: Effect, sample_rate: int, frequencies: np.ndarray, target_db: np.ndarray) -> _Problem:
    default = effect.to_unit(1, dtype=torch.float64)[0].numpy()
    pull = np.array([PULL_GAIN if name.endswith("_gain_db") else PULL for name in effect.params])
    return _Problem(effect, sample_rate, frequencies, target_db, default, pull)


def _solve(problem: _Problem, weight: np.ndarray, z: np.ndarray, active: np.ndarray) -> np.ndarray:
    """Trust-region least squares from `z` over the knobs of the active bands, inside [0, 1]."""
    free = np.repeat(active, KNOBS_A_BAND)
    if not free.any():
        return z
    scale = weight / np.sqrt(len(weight))
    pull = problem.pull[free] / np.sqrt(len(free))

    def residuals(part: np.ndarray) -> np.ndarray:
        error = problem.bands_db(_put(z, free, part)).sum(0) - problem.target_db
        return np.concatenate([error * scale, (part - problem.default[free]) * pull])

    def jacobian(part: np.ndarray) -> np.ndarray:
        slopes = problem.slopes(_put(z, free, part))[free]
        return np.concatenate([(slopes * scale).T, np.diag(pull)])

    start = np.clip(z[free], 1e-4, 1 - 1e-4)
    found = least_squares(residuals, start, jacobian, bounds=(0.0, 1.0), max_nfev=STEPS, xtol=1e-4, ftol=1e-4)
    return _put(z, free, found.x)


@dataclass(frozen=True)
class _Problem:
    """A target in dB and the response of every band to its knobs, on one grid of frequencies."""

    effect: Effect
    sample_rate: int
    frequencies_hz: np.ndarray
    target_db: np.ndarray
    default: np.ndarray
    pull: np.ndarray

    def bands_db(self, *settings: np.ndarray) -> np.ndarray:
        """Response of each band at N settings `(P,)` in dB: `(N, 6, F)`, of one setting `(6, F)`."""
        sections = knob_sections(self.effect, self.sample_rate, torch.from_numpy(np.stack(settings)))
        single = sections.flatten(0, 1)[:, None]
        at_hz = torch.from_numpy(self.frequencies_hz)
        response = decibels(frequency_response(single, self.sample_rate, at_hz)).numpy()
        return response if len(settings) == 1 else response.reshape(len(settings), len(LAYOUT), -1)

    def error_db(self, z: np.ndarray, weight: np.ndarray) -> float:
        """Root mean square of what is left between response and target."""
        return float(np.sqrt(np.mean(((self.bands_db(z).sum(0) - self.target_db) * weight) ** 2)))

    def slopes(self, z: np.ndarray) -> np.ndarray:
        """Derivative `(P, F)` of the response by each knob; one knob of every band moves at a time."""
        step = np.where(z > 0.5, -STEP, STEP)
        kind = np.arange(len(z)) % KNOBS_A_BAND
        moved = [np.where(kind == k, z + step, z) for k in range(KNOBS_A_BAND)]
        here, *there = self.bands_db(z, *moved)
        slopes = np.stack([t - here for t in there], axis=1).reshape(len(z), -1)
        return slopes / step[:, None]


def _put(z: np.ndarray, free: np.ndarray, part: np.ndarray) -> np.ndarray:
    z = z.copy()
    z[free] = part
    return z


def _start(problem: _Problem) -> np.ndarray:
    """Every band near its default frequency, with half the gain that the target has there."""
    knobs: dict[str, Any] = {}
    for name in LAYOUT:
        at_hz = {"low_shelf": 60.0, "high_shelf": 12_000.0}.get(name)
        at_hz = at_hz or problem.effect.params[f"{name}_hz"].default
        gain_db = np.interp(at_hz, problem.frequencies_hz, problem.target_db)
        knobs[f"{name}_gain_db"] = 0.5 * float(gain_db)
    return problem.effect.to_unit(1, dtype=torch.float64, **knobs)[0].numpy()


def _without_spare_bands(
    problem: _Problem, weight: np.ndarray, z: np.ndarray, active: np.ndarray, max_bands: int
) -> tuple[np.ndarray, np.ndarray]:
    """Leave out bands, the least needed first, down to `max_bands` and then while nothing much is lost."""
    allowed = SPARE * float(np.sqrt(np.mean((problem.target_db * weight) ** 2)))
    while active.any():
        spare = _least_needed(problem, weight, z, active)
        fewer = active & (np.arange(len(active)) != spare)
        trial = _with_gains(problem.effect, z, np.where(fewer, _gains(problem.effect, z), 0.0))
        trial = _solve(problem, weight, trial, fewer)
        if active.sum() <= max_bands and problem.error_db(trial, weight) > allowed:
            break
        z, active = trial, fewer
    return z, active


def _least_needed(problem: _Problem, weight: np.ndarray, z: np.ndarray, active: np.ndarray) -> int:
    """The band that the others replace best, judged by their slopes at `z`."""
    alone_db, slopes = problem.bands_db(z), problem.slopes(z)
    losses = np.full(len(active), np.inf)
    for band in np.flatnonzero(active):
        others = np.repeat(active & (np.arange(len(active)) != band), KNOBS_A_BAND)
        known, wanted = (slopes[others] * weight).T, alone_db[band] * weight
        found = np.linalg.lstsq(known, wanted, rcond=1e-3)[0] if others.any() else np.zeros(0)
        losses[band] = np.sum((known @ found - wanted) ** 2)
    return int(losses.argmin())


def _gains(effect: Effect, z: np.ndarray) -> np.ndarray:
    knobs = effect.from_unit(torch.from_numpy(z)[None])
    return np.array([float(knobs[f"{name}_gain_db"]) for name in LAYOUT])


def _with_gains(effect: Effect, z: np.ndarray, gains_db: np.ndarray) -> np.ndarray:
    z = z.copy()
    for i, (name, gain_db) in enumerate(zip(LAYOUT, gains_db, strict=True)):
        param = effect.params[f"{name}_gain_db"]
        z[3 * i] = float(param.to_unit(torch.tensor(gain_db, dtype=torch.float64)))
    return z
