"""Least squares that knows equalisers: what is heard is nearly straight in a response, not in its knobs.

Levels of bands follow the logarithm of a response over tens of decibels, and what response knobs have is
known exactly and at next to no cost. So what is heard is taken for straight in the response of each equaliser
(in splines over frequency) and in all other knobs, and knobs are sought in that model, from as many starts as
one likes; only where it leads is rendered.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from reprs.console.recovery.in_box import in_box
from reprs.console.recovery.responses import NEPERS, Bands, grid_hz, splines

LEVEL_DB, FARTHEST = 10.0, 4.0  # the unit of an equaliser's level, and how far it may go
STEPS = 50
MOST_DB = 20.0  # where an amplitude is no longer believed to grow


@dataclass(frozen=True)
class Equaliser:
    """Which of the knobs `(P,)` are the `columns` of an equaliser's `bands`.

    `made_up` `(P,)` is by how much knobs turn where it gets louder by a decibel, so that nothing is heard;
    `instead` is another way, for where a knob of the first is at its end.
    """

    bands: Bands
    columns: list[int]
    made_up: np.ndarray
    instead: np.ndarray | None = None


@dataclass(frozen=True)
class Layout:
    """The `equalisers` among the knobs `(P,)`, and which `others` move beside theirs, how far `(P,)`."""

    equalisers: list[Equaliser]
    others: list[int]
    farthest: np.ndarray


@dataclass(frozen=True)
class Start:
    """Knobs `(P,)` to start from, of which the level of each equaliser is made up for, and how far moving is
    held back."""

    z: np.ndarray
    levels_db: Sequence[float]
    damping: float


@dataclass(frozen=True)
class Pull:
    """What knobs `(P,)` are drawn to, and the `weight` `(P,)` of a squared distance from there."""

    middle: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class _Parts:
    """What responses in dB `(F, POINTS)` each, other knobs `(F, O)` and nothing `(F,)` add to residuals."""

    of_responses: list[np.ndarray]
    of_others: np.ndarray
    rest: np.ndarray


class Model:
    """Residuals around knobs `z` `(P,)`: `off` `(F,)` there, their slopes `by_spline` `(E, K, F)` a decibel
    of each equaliser, splines so many octaves `apart`, and `by_knob` `(O, F)` of the other knobs. They are
    straight in decibels of a response, or `of_waves` in its amplitude.
    """

    def __init__(
        self,
        layout: Layout,
        z: Tensor,
        off: Tensor,
        by_spline: Tensor,
        by_knob: Tensor,
        pull: Pull,
        apart: float,
        of_waves: bool = False,
    ) -> None:
        self.layout, self.z, self.apart = layout, z.double().numpy(), apart
        self.of_waves = of_waves
        self.by_spline, self.slopes = by_spline, torch.cat([by_spline.flatten(0, 1), by_knob])
        self.off = off
        self.before_db = self._responses_db(self.z)
        moving = [*(i for e in layout.equalisers for i in e.columns), *layout.others]
        self.middle, self.weight = pull.middle[moving], np.sqrt(pull.weight[moving])

    def moved(self, z: Tensor, off: Tensor) -> Model:
        """The same slopes around knobs `(P,)` not far away, where residuals `(F,)` have been heard."""
        model = copy(self)
        model.z, model.off = z.double().numpy(), off
        model.before_db = self._responses_db(model.z)
        products = self.slopes.double() @ off.double()
        model.gram = self.gram.copy()
        model.gram[-1, :-1] = model.gram[:-1, -1] = products.numpy()
        model.gram[-1, -1] = float(off.double().square().sum())
        return model

    def _responses_db(self, z: np.ndarray) -> list[np.ndarray]:
        return [e.bands.slopes(z[None, e.columns])[0][0] for e in self.layout.equalisers]

    @cached_property
    def gram(self) -> np.ndarray:
        """Products of slopes and, last, of what is left, `(E K + O + 1, E K + O + 1)`."""
        columns = torch.cat([self.slopes, self.off[None]]).double()
        return (columns @ columns.T).numpy()

    def _parts(self, damping: float) -> _Parts:
        """Residuals turned to as few as can be; moving far counts as a residual too."""
        held = damping * np.diag(self.gram)
        held[-1] = 0
        values, vectors = np.linalg.eigh(self.gram + np.diag(held))
        root = np.sqrt(values.clip(0))[:, None] * vectors.T
        count, each = self.by_spline.shape[:2]
        to_splines = np.linalg.pinv(splines(grid_hz(), self.apart).numpy().T)
        of_responses = [root[:, e * each : (e + 1) * each] @ to_splines for e in range(count)]
        return _Parts(of_responses, root[:, count * each : -1], root[:, -1])

    def changed(self, e: int, z: np.ndarray, level_db: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What knobs `(S, K)` of an equaliser change but for a level `(S,)`, in what residuals are straight
        in: `(S, POINTS)`, and its slopes `(S, POINTS, K + 1)` by the knobs and, last, by that level."""
        response_db, louder = self.layout.equalisers[e].bands.slopes(z)
        louder = np.concatenate([louder, np.full((*louder.shape[:2], 1), -1.0)], axis=2)
        return self.straight(response_db - level_db[:, None] - self.before_db[e], louder)

    def straight(self, change_db: np.ndarray, louder: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A response and its slopes in what residuals are straight in."""
        if not self.of_waves:
            return change_db, louder
        times = np.exp(NEPERS * change_db.clip(max=MOST_DB))
        return (times - 1) / NEPERS, times[..., None] * louder

    def left(self, rows: Tensor, damping: float) -> Tensor:
        """The loss `(R,)` of residuals `(R, F)` once responses and knobs have made the best of it."""
        slopes = self.slopes.double()
        gram = torch.from_numpy(self.gram[:-1, :-1])
        damped = gram + damping * torch.diag(gram.diagonal() + 1e-12)
        products = rows.double() @ slopes.T
        gained = (products * torch.linalg.solve(damped, products.T).T).sum(1)
        return rows.double().square().sum(1) - gained

    def along(self, row: Tensor, damping: float) -> float:
        """How often the way from `off` to residuals `row` `(F,)` leaves least, once responses and knobs have
        made the best of it."""
        both, slopes = torch.stack([self.off, row - self.off]).double(), self.slopes.double()
        gram = torch.from_numpy(self.gram[:-1, :-1])
        damped = gram + damping * torch.diag(gram.diagonal() + 1e-12)
        products = both @ slopes.T
        rest = both @ both.T - products @ torch.linalg.solve(damped, products.T)
        return float(-rest[0, 1] / rest[1, 1].clamp_min(1e-30))

    def best(self, starts: Sequence[Start]) -> tuple[np.ndarray, np.ndarray]:
        """Knobs `(S, P)` of the least squares that each start leads to, and what is left there, `(S,)`."""
        z, left = np.empty((len(starts), len(self.z))), np.empty(len(starts))
        for damping in {start.damping for start in starts}:
            rows = [i for i, start in enumerate(starts) if start.damping == damping]
            z[rows], left[rows] = self._best([starts[i] for i in rows], self._parts(damping))
        return z, left

    def _best(self, starts: Sequence[Start], parts: _Parts) -> tuple[np.ndarray, np.ndarray]:
        """The same for starts of one damping."""
        equalisers, others = self.layout.equalisers, self.layout.others
        here, farthest = self.z[others], self.layout.farthest[others]
        ups = np.array([e.made_up[others] for e in equalisers]).reshape(len(equalisers), len(others))
        cuts = np.cumsum([*(len(e.columns) for e in equalisers), len(equalisers)])
        of_levels = -LEVEL_DB * parts.of_others @ ups.T
        pulled = np.insert(np.diag(self.weight), [cuts[-1] - len(ups)] * len(ups), 0, axis=1)

        def heard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            *knobs, levels, rest = np.split(values, cuts, axis=1)
            off = parts.rest + (rest - here) @ parts.of_others.T + levels @ of_levels.T
            slopes = []
            of_level = np.broadcast_to(of_levels, (len(values), *of_levels.shape)).copy()
            for i, (z, of_response) in enumerate(zip(knobs, parts.of_responses, strict=True)):
                change_db, slope = self.changed(i, z, LEVEL_DB * levels[:, i])
                off = off + change_db @ of_response.T
                slopes.append(of_response @ slope[..., :-1])
                of_level[..., i] += LEVEL_DB * (of_response @ slope[..., -1, None])[..., 0]
            slopes += [of_level, np.broadcast_to(parts.of_others, (len(values), *parts.of_others.shape))]
            away = self.weight * (np.concatenate([*knobs, rest], axis=1) - self.middle)
            every = np.broadcast_to(pulled, (len(values), *pulled.shape))
            return (
                np.concatenate([off, away], axis=1),
                np.concatenate([np.concatenate(slopes, axis=2), every], axis=1),
            )

        z = np.stack([start.z for start in starts])
        levels = np.array([start.levels_db for start in starts]).reshape(len(starts), -1) / LEVEL_DB
        columns = [i for e in equalisers for i in e.columns]
        # Where nothing takes a level back, it is heard like the rest of the response.
        free = np.where(np.abs(ups).sum(1) > 0, FARTHEST, 0.0)
        lowest, highest = (
            np.concatenate([np.full(len(columns), end), sign * free, reach])
            for end, sign, reach in (
                (0.0, -1, (here - farthest).clip(0)),
                (1.0, 1, (here + farthest).clip(max=1)),
            )
        )
        values = np.concatenate([z[:, columns], levels, z[:, others]], axis=1)
        found, left = in_box(heard, values, lowest, highest, STEPS)
        z = np.tile(self.z, (len(starts), 1))
        z[:, columns], z[:, others] = found[:, : len(columns)], found[:, cuts[-1] :]
        return z.clip(0, 1), left
