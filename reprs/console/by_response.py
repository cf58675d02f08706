"""Least squares that knows an equaliser: what is heard is nearly straight in its response, not its knobs.

Levels of bands follow the logarithm of a response over tens of decibels, and what response knobs have is
known exactly and at next to no cost. So what is heard is taken for straight in the response (in splines over
frequency) and in all other knobs, and knobs are sought in that model, from as many starts as one likes; only
where it leads is rendered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from reprs.console.bands import DESIGNS, LAYOUT
from reprs.effects import Effect

LOWEST_HZ, HIGHEST_HZ, POINTS = 20.0, 20_000.0, 101
OCTAVES = 0.25  # between splines
LIFT_DB = 0.15  # of a spline, for differences
NEPERS = math.log(10) / 20  # in a decibel
LEVEL_DB, FARTHEST = 10.0, 4.0  # the unit of an equaliser's level, and how far it may go
STEP, STEPS, FIRST_DAMPING, LEAST_DAMPING = 1e-6, 50, 1e-3, 1e-12


class Bands:
    """The bands of a parametric equaliser as functions of its knobs, in numbers that are cheap to ask for."""

    def __init__(self, effect: Effect, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        params = effect.params.values()
        self.log = np.array([p.scale == "log" for p in params])
        low, high = (np.array([getattr(p, end) for p in params]) for end in ("min", "max"))
        self.low = np.where(self.log, np.log(np.where(self.log, low, 1.0)), low)
        self.span = np.where(self.log, np.log(np.where(self.log, high, 1.0)), high) - self.low
        self.at = np.sin(np.pi * grid_hz().clamp(max=sample_rate / 2).numpy() / sample_rate) ** 2

    def each_db(self, z: np.ndarray) -> np.ndarray:
        """Response `(R, 6, POINTS)` of each band of knobs `(R, 18)`."""
        values = self.low + z * self.span
        values = np.where(self.log, np.exp(values), values).reshape(len(z), len(LAYOUT), 3)
        kinds = np.array(list(LAYOUT.values()))
        sections = np.empty((len(z), len(LAYOUT), 6))
        for kind, design in DESIGNS.items():
            gain_db, hz, q = torch.from_numpy(values[:, kinds == kind]).unbind(-1)
            sections[:, kinds == kind] = design(self.sample_rate, gain_db, hz, q).numpy()
        above, below = (self._power(sections[..., at : at + 3]) for at in (0, 3))
        return 10 * np.log10(above / below)

    def slopes(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The response `(R, POINTS)` of knobs `(R, 18)` and its slopes by each, `(R, POINTS, 18)`."""
        by = np.where(z > 0.5, -STEP, STEP)
        kind = np.arange(z.shape[1]) % 3
        rows = np.concatenate([z, *(z + by * (kind == each) for each in range(3))])
        here, *moved = self.each_db(rows).reshape(4, len(z), -1, POINTS)
        apart = (np.stack(moved, axis=2) - here[:, :, None]).reshape(len(z), -1, POINTS)
        return here.sum(1), (apart / by[..., None]).transpose(0, 2, 1)

    def _power(self, section: np.ndarray) -> np.ndarray:
        """|s0 + s1/z + s2/z²|² of `(…, 3)`, `(…, POINTS)`; in sin² of half the angle, for low bands."""
        s0, s1, s2 = np.moveaxis(section[..., None, :], -1, 0)
        return (s0 + s1 + s2) ** 2 - 4 * self.at * (s0 * s1 + 4 * s0 * s2 + s1 * s2 - 4 * s0 * s2 * self.at)


@dataclass(frozen=True)
class Layout:
    """Which of a strip's knobs `(P,)` are an equaliser's `columns`, and which `others` move beside them.

    `made_up` `(P,)` is by how much knobs turn where the equaliser gets louder by a decibel, so that nothing
    is heard of it; `farthest` `(P,)` is how far others may move.
    """

    bands: Bands | None
    columns: list[int]
    others: list[int]
    made_up: np.ndarray
    farthest: np.ndarray

    def response_db(self, knobs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Response `(R, POINTS)` of rows of bands and its slopes `(R, POINTS, columns)`."""
        if self.bands is None:
            return np.zeros((len(knobs), POINTS)), np.zeros((len(knobs), POINTS, 0))
        return self.bands.slopes(knobs)


@dataclass(frozen=True)
class Start:
    """Knobs `(P,)` to start from, of which `level_db` is made up for, and how far moving is held back."""

    z: np.ndarray
    level_db: float
    damping: float


@dataclass(frozen=True)
class Pull:
    """What knobs `(P,)` are drawn to, and the `weight` `(P,)` of a squared distance from there."""

    middle: np.ndarray
    weight: np.ndarray


def grid_hz() -> Tensor:
    """Where responses are followed, in Hz."""
    return torch.logspace(math.log10(LOWEST_HZ), math.log10(HIGHEST_HZ), POINTS, dtype=torch.float64)


def splines(hz: Tensor) -> Tensor:
    """Cubic B-splines over the logarithm of frequency `(F,)`: `(K, F)`; everywhere they add up to 1."""
    octaves = torch.log2(hz.double().clamp(LOWEST_HZ, HIGHEST_HZ) / LOWEST_HZ) / OCTAVES
    count = math.ceil(math.log2(HIGHEST_HZ / LOWEST_HZ) / OCTAVES) + 3
    off = (octaves - torch.arange(-1, count - 1, dtype=torch.float64)[:, None]).abs()
    near, far = 2 / 3 - off.square() + off**3 / 2, (2 - off).clamp_min(0) ** 3 / 6
    return torch.where(off < 1, near, far)


def lifted(x: Tensor, sample_rate: int) -> Tensor:
    """`x` `(C, T)` with each spline lifted by `LIFT_DB`, at minimal phase like an equaliser: `(K, C, T)`."""
    size = 2 ** math.ceil(math.log2(x.shape[-1] + 2**13))
    hz = torch.fft.rfftfreq(size, 1 / sample_rate)
    spectrum = torch.fft.rfft(x, n=size)
    rows = []
    for level in splines(hz).float():
        cepstrum = torch.fft.irfft(level, n=size)
        cepstrum[1 : size // 2] *= 2
        cepstrum[size // 2 + 1 :] = 0
        response = torch.exp(LIFT_DB * NEPERS * torch.fft.rfft(cepstrum))
        rows.append(torch.fft.irfft(spectrum * response, n=size)[..., : x.shape[-1]])
    return torch.stack(rows)


class Model:
    """Residuals around knobs `z` `(P,)`: `off` `(F,)` there, their slopes `by_spline` `(K, F)` a decibel, and
    `by_knob` `(O, F)` of the other knobs.
    """

    def __init__(
        self, layout: Layout, z: Tensor, off: Tensor, by_spline: Tensor, by_knob: Tensor, pull: Pull
    ) -> None:
        self.layout, self.z, self.count = layout, z.double().numpy(), len(by_spline)
        self.by_spline, self.slopes, self.off = by_spline, torch.cat([by_spline, by_knob]), off
        self.before_db = layout.response_db(self.z[None, layout.columns])[0][0]
        moving = [*layout.columns, *layout.others]
        self.middle, self.weight = pull.middle[moving], np.sqrt(pull.weight[moving])

    @cached_property
    def _gram(self) -> np.ndarray:
        columns = torch.cat([self.slopes, self.off[None]]).double()
        return (columns @ columns.T).numpy()

    def _parts(self, damping: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What a response in dB, other knobs and nothing add to residuals, turned to as few as can be; moving
        far counts as a residual too."""
        held = damping * np.diag(self._gram)
        held[-1] = 0
        values, vectors = np.linalg.eigh(self._gram + np.diag(held))
        root = np.sqrt(values.clip(0))[:, None] * vectors.T
        return root[:, : self.count] @ self._to_splines, root[:, self.count : -1], root[:, -1]

    @cached_property
    def _to_splines(self) -> np.ndarray:
        return np.linalg.pinv(splines(grid_hz()).numpy().T)[: self.count]

    def left(self, rows: Tensor, damping: float) -> Tensor:
        """The loss of each of residuals `(R, F)` once response and knobs have made the best of it, `(R,)`."""
        slopes = self.slopes.double()
        gram = slopes @ slopes.T
        damped = gram + damping * torch.diag(gram.diagonal() + 1e-12)
        products = rows.double() @ slopes.T
        gained = (products * torch.linalg.solve(damped, products.T).T).sum(1)
        return rows.double().square().sum(1) - gained

    def best(self, starts: Sequence[Start]) -> tuple[np.ndarray, np.ndarray]:
        """Knobs `(S, P)` of the least squares that each start leads to, and what is left there, `(S,)`."""
        layout, bands = self.layout, len(self.layout.columns)
        known = {damping: self._parts(damping) for damping in {start.damping for start in starts}}
        of_response, of_others, rest = (
            np.stack(each) for each in zip(*(known[start.damping] for start in starts), strict=True)
        )
        here, up, farthest = (v[layout.others] for v in (self.z, layout.made_up, layout.farthest))
        of_level = -LEVEL_DB * (of_response.sum(2) + of_others @ up)[..., None]
        pulled = np.broadcast_to(
            np.insert(np.diag(self.weight), bands, 0, axis=1),
            (len(starts), len(self.weight), len(self.weight) + 1),
        )

        def heard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            knobs, level, others = np.split(values, [bands, bands + 1], axis=1)
            response_db, louder = layout.response_db(knobs)
            louder_db = response_db - self.before_db - LEVEL_DB * level
            turned = others - here - up * LEVEL_DB * level
            off = (of_response @ louder_db[..., None] + of_others @ turned[..., None])[..., 0] + rest
            away = self.weight * (np.concatenate([knobs, others], axis=1) - self.middle)
            slopes = np.concatenate([of_response @ louder, of_level, of_others], axis=2)
            return np.concatenate([off, away], axis=1), np.concatenate([slopes, pulled], axis=1)

        knobs, others = (np.stack([s.z[at] for s in starts]) for at in (layout.columns, layout.others))
        levels = np.array([[s.level_db / LEVEL_DB] for s in starts])
        lowest = np.concatenate([np.zeros(bands), [-FARTHEST], (here - farthest).clip(0)])
        highest = np.concatenate([np.ones(bands), [FARTHEST], (here + farthest).clip(max=1)])
        found, left = in_box(heard, np.concatenate([knobs, levels, others], axis=1), lowest, highest, STEPS)
        z = np.tile(self.z, (len(starts), 1))
        z[:, layout.columns], z[:, layout.others] = found[:, :bands], found[:, bands + 1 :]
        return z.clip(0, 1), left


def in_box(
    heard: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    values: np.ndarray,
    lowest: np.ndarray,
    highest: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Levenberg and Marquardt from many starts `(S, V)` at once, between `lowest` and `highest` `(V,)`.
    The places and their sums of squares.

    `heard` gives residuals `(S, F)` and slopes `(S, F, V)`. After Levenberg (1944) and Marquardt (1963); what
    would leave the box stays at its side while it is pressed there.
    """
    values = values.clip(lowest, highest)
    off, slopes = heard(values)
    losses, damping = np.square(off).sum(1), np.full(len(values), FIRST_DAMPING)
    for _ in range(steps):
        slope = (slopes.transpose(0, 2, 1) @ off[..., None])[..., 0]
        pressed = ((values <= lowest) & (slope > 0)) | ((values >= highest) & (slope < 0))
        free = np.where(pressed, 0.0, 1.0)
        curvature = slopes.transpose(0, 2, 1) @ slopes * free[:, None] * free[..., None]
        scale = np.diagonal(curvature, axis1=1, axis2=2)
        held = np.where(pressed, 1.0, damping[:, None] * scale + 1e-12 * scale.max(1, keepdims=True) + 1e-300)
        curvature = curvature + held[:, None] * np.eye(values.shape[1])
        step = np.linalg.solve(curvature, -(slope * free)[..., None])[..., 0]
        moved = (values + step).clip(lowest, highest)
        off_there, slopes_there = heard(moved)
        losses_there = np.square(off_there).sum(1)
        better = losses_there < losses
        losses = np.where(better, losses_there, losses)
        values = np.where(better[:, None], moved, values)
        off = np.where(better[:, None], off_there, off)
        slopes = np.where(better[:, None, None], slopes_there, slopes)
        damping = np.where(better, damping / 4, damping * 5).clip(LEAST_DAMPING, 1e6)
    return values, losses
