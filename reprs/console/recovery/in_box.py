"""Levenberg and Marquardt from many starts at once, where slopes are known and cheap.

After Levenberg (1944) and Marquardt (1963). `reprs.console.recovery.least_squares` is for residuals that have
to be rendered: one start, slopes by differences, and steps that follow the bend of a valley.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

FIRST_DAMPING, LEAST_DAMPING, LARGEST_DAMPING = 1e-3, 1e-12, 1e6
LITTLE, IDLE = 1e-4, 6  # of the loss, and a start that gained less in so many steps has arrived


def in_box(
    heard: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    values: np.ndarray,
    lowest: np.ndarray,
    highest: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Where starts `(S, V)` lead, between `lowest` and `highest` `(V,)`, and the sums of squares there.

    `heard` gives residuals `(S, F)` and slopes `(S, F, V)`. What would leave the box stays at its side while
    it is pressed there.
    """
    values = values.clip(lowest, highest)
    off, slopes = (np.array(each) for each in heard(values))
    losses, damping = np.square(off).sum(1), np.full(len(values), FIRST_DAMPING)
    idle, rows = np.zeros(len(values), int), np.arange(len(values))
    for _ in range(steps):
        moved = _moved(values[rows], off[rows], slopes[rows], damping[rows], lowest, highest)
        off_there, slopes_there = heard(moved)
        losses_there = np.square(off_there).sum(1)
        better = losses_there < losses[rows]
        idle[rows] = np.where(losses_there < (1 - LITTLE) * losses[rows], 0, idle[rows] + 1)
        damping[rows] = np.where(better, damping[rows] / 4, damping[rows] * 5)
        damping = damping.clip(LEAST_DAMPING, LARGEST_DAMPING)
        nearer = rows[better]
        losses[nearer], values[nearer] = losses_there[better], moved[better]
        off[nearer], slopes[nearer] = off_there[better], slopes_there[better]
        rows = np.flatnonzero(idle < IDLE)
        if not len(rows):
            break
    return values, losses


def _moved(
    values: np.ndarray,
    off: np.ndarray,
    slopes: np.ndarray,
    damping: np.ndarray,
    lowest: np.ndarray,
    highest: np.ndarray,
) -> np.ndarray:
    """One damped step of each row; what is pressed against the side of the box stays there."""
    slope = (slopes.transpose(0, 2, 1) @ off[..., None])[..., 0]
    pressed = ((values <= lowest) & (slope > 0)) | ((values >= highest) & (slope < 0))
    free = np.where(pressed, 0.0, 1.0)
    curvature = slopes.transpose(0, 2, 1) @ slopes * free[:, None] * free[..., None]
    scale = np.diagonal(curvature, axis1=1, axis2=2)
    held = np.where(pressed, 1.0, damping[:, None] * scale + 1e-12 * scale.max(1, keepdims=True) + 1e-300)
    curvature = curvature + held[:, None] * np.eye(values.shape[1])
    step = np.linalg.solve(curvature, -(slope * free)[..., None])[..., 0]
    return (values + step).clip(lowest, highest)
