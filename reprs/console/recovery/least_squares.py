"""Levenberg and Marquardt in a box: knobs in [0, 1] that make many residuals small at once.

After Levenberg (1944) and Marquardt (1963), with the geodesic acceleration of Transtrum and Sethna (2012):
valleys of settings that sound nearly alike are narrow and bent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# Knobs `(R, P)` → residuals `(R, F)`: all rows at once, so that a Jacobian is one call.
Residuals = Callable[[Tensor], Tensor]

FACTORS = (0.01, 0.1, 1.0, 10.0)  # of the damping, tried in every step
FIRST_DAMPING, LARGEST_DAMPING = 1e-2, 1e3
COARSE, FINE = 2e-3, 4e-3  # one-sided differences far away, two-sided ones near by
NEAR = 1e-3
LONGEST = 0.3  # step of a knob
PROBE, MOST_BENT = 0.1, 0.75
REACHED = 8  # sides of the box are looked for so often in a step
# The prior's share of the loss: it decides between settings that do the same, and goes as the loss goes.
PRIOR = 0.002
GOAL = 3e-10  # not far above what rounding leaves of equal sounds
STALLED, STALLED_NEAR = 0.85, 0.98  # of the loss three steps ago


@dataclass(frozen=True)
class Found:
    """Knobs `(P,)` and the sum of their squared residuals."""

    z: Tensor
    loss: float


def descend(
    residuals: Residuals,
    z: Tensor,
    middle: Tensor,
    deviation: Tensor,
    steps: int,
    on_step: Callable[[float], None] | None = None,
) -> Found:
    """From `z` `(P,)` downhill, `steps` steps at most, within [0, 1].

    A prior around `middle` with `deviation`, `(P,)` each, weighs a share of the loss. Ends early where the
    loss no longer falls, or nothing is left of it.
    """
    damping, history = FIRST_DAMPING, [float("inf")]
    for _ in range(steps):
        step = _Step(residuals, z, middle, deviation, history[-1])
        moved, damping = step.best(damping)
        history.append(min(step.loss, moved.loss))
        z = moved.z
        if on_step is not None:
            on_step(history[-1])
        stalled = STALLED if history[-1] > NEAR else STALLED_NEAR
        if history[-1] < GOAL or damping > LARGEST_DAMPING:
            break
        if len(history) > 5 and history[-1] > stalled * history[-4]:
            break
    return Found(z, history[-1])


class _Step:
    """The quadratic model around `z`, and where it leads."""

    def __init__(
        self,
        residuals: Residuals,
        z: Tensor,
        middle: Tensor,
        deviation: Tensor,
        loss: float,
    ) -> None:
        self.residuals, self.z, self.middle = residuals, z.double(), middle.double()
        self.off, self.jacobian = (each.double() for each in _linear(residuals, z, loss < NEAR))
        self.loss = float(self.off.square().sum())
        self.weight = PRIOR * self.loss / deviation.double().square()
        self.curvature = self.jacobian @ self.jacobian.T + torch.diag(self.weight)
        self.slope = self.jacobian @ self.off + self.weight * (self.z - self.middle)

    def best(self, damping: float) -> tuple[Found, float]:
        """The best of a few steps and the damping that led there; `z` and much more damping where none is."""
        ways = [
            boxed_step(self.z, self.slope, self.curvature, self._damped(damping * factor))
            for factor in FACTORS
        ]
        bent = self._bent(torch.stack(ways), damping)
        places = (self.z + torch.stack([*ways, *bent]).clamp(-LONGEST, LONGEST)).clamp(0, 1)
        losses = self.residuals(places.float()).double().square().sum(1).nan_to_num(nan=torch.inf)
        totals = losses + self._prior(places)
        index = int(totals.argmin())
        if float(totals[index]) >= self.loss + float(self._prior(self.z)):
            return Found(self.z.float(), self.loss), damping * 3 * FACTORS[-1]
        found = Found(places[index].float(), float(losses[index]))
        return found, max(1e-12, damping * FACTORS[index % len(FACTORS)])

    def _prior(self, z: Tensor) -> Tensor:
        return (self.weight * (z - self.middle).square()).sum(-1)

    def _damped(self, damping: float) -> Tensor:
        scale = self.curvature.diagonal()
        return self.curvature + torch.diag(damping * (scale + 1e-3 * scale.mean()) + 1e-14)

    def _bent(self, ways: Tensor, damping: float) -> list[Tensor]:
        """The same steps along the bend of the valley; straight where the bend is too much to be believed."""
        ahead = self.residuals((self.z + PROBE * ways).clamp(0, 1).float()).double()
        second = 2 / PROBE * ((ahead - self.off) / PROBE - ways @ self.jacobian)
        bent = []
        for way, factor, force in zip(ways, FACTORS, second @ self.jacobian.T, strict=True):
            turn = torch.linalg.solve(self._damped(damping * factor), -force)
            turn = torch.where((way == 0) | ~turn.isfinite(), 0.0, turn)
            believed = 2 * float(turn.norm()) < 2 * MOST_BENT * float(way.norm())
            bent.append(way + turn / 2 if believed else way / 2)
        return bent


def boxed_step(z: Tensor, slope: Tensor, curvature: Tensor, damped: Tensor) -> Tensor:
    """The step `(P,)` from `z` down a `slope` in a quadratic model of `curvature` `(P, P)`, by its `damped`
    equations; knobs that would leave the box stop at its side, and the others make up for it.
    """
    free = ~(((z <= 0) & (slope > 0)) | ((z >= 1) & (slope < 0)))
    step = torch.zeros_like(slope)
    for _ in range(REACHED):
        rows, held = free.nonzero()[:, 0], torch.where(free, 0.0, step)
        step = held.clone()
        step[rows] = torch.linalg.solve(damped[rows][:, rows], -(slope + curvature @ held)[rows])
        outside = free & ((z + step < 0) | (z + step > 1))
        if not bool(outside.any()):
            break
        step = torch.where(outside, (z + step).clamp(0, 1) - z, step)
        free &= ~outside
    return step


def _linear(residuals: Residuals, z: Tensor, fine: bool) -> tuple[Tensor, Tensor]:
    """Residuals `(F,)` at `z` and their Jacobian `(P, F)` by finite differences inside the box."""
    if fine:
        up, down = (z + FINE).clamp(max=1), (z - FINE).clamp(min=0)
        rows = residuals(torch.cat([z[None], z + torch.diag(up - z), z + torch.diag(down - z)]))
        return rows[0], (rows[1 : 1 + len(z)] - rows[1 + len(z) :]) / (up - down)[:, None]
    by = torch.where(z > 0.5, -COARSE, COARSE)
    rows = residuals(torch.cat([z[None], z + torch.diag(by)]))
    return rows[0], (rows[1:] - rows[0]) / by[:, None]
