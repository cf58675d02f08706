"""Where least squares start from: other levels of equalisers, and other bands that do the same."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from reprs.console.recovery.by_response import Model, Start
from reprs.console.recovery.excerpted import Excerpt

# A gain at all frequencies of the equaliser that threshold, makeup and fader take back is nearly nothing to
# hear, and so are bells in each other's place: models are asked from these levels, and from places at random.
LEVELS_DB, BANDS_TOGETHER = (-8.0, -4.0, 4.0, 8.0), 1.4
SPREADS, FEW = (0.08, 0.15, 0.3), 12
# Where that is of no use, equalisers are fitted to the response at every level: the best of so many, half of
# them with bands all over the place.
HIGHEST_DB, EVERY_DB, DRAWN, FITTED, NEAR_BY, DAMPING = 18.0, 2.0, 96, 12, 0.2, 1e-7


def elsewhere(
    excerpt: Excerpt, model: Model, z: Tensor, damping: float, random: np.random.Generator
) -> list[Start]:
    """Starts from louder and softer equalisers that are made up for, and from bands moved at random."""
    starts, equalisers = list[Start](), model.layout.equalisers
    for e, equaliser in enumerate(equalisers):
        for level_db in LEVELS_DB:
            moved = z.double().numpy() + equaliser.made_up * level_db
            for i in equaliser.columns:
                if excerpt.gains[i]:
                    span_db = excerpt.params[i].max - excerpt.params[i].min
                    moved[i] += level_db / BANDS_TOGETHER / span_db
            starts.append(Start(moved.clip(0, 1), _one(level_db, e, len(equalisers)), damping))
    for i in range(FEW):
        moved, columns = z.double().numpy().copy(), equalisers[i % len(equalisers)].columns
        moved[columns] += SPREADS[i % len(SPREADS)] * random.standard_normal(len(columns))
        starts.append(Start(moved.clip(0, 1), [0.0] * len(equalisers), damping))
    return starts


def refitted(model: Model, z: Tensor, random: np.random.Generator) -> list[Start]:
    """Starts from equalisers with the same response but for a level, which is made up for."""
    here, starts, equalisers = z.double().numpy(), list[Start](), model.layout.equalisers
    few = max(1, FITTED // len(equalisers) ** 2)
    for e, equaliser in enumerate(equalisers):
        for level_db in np.arange(-HIGHEST_DB, HIGHEST_DB + 1, EVERY_DB):
            rows = drawn(here[equaliser.columns], random)
            knobs, off_db = equaliser.bands.fitted(model.before_db[e] + level_db, rows)
            for each in knobs[off_db.argsort()[:few]]:
                moved = here + equaliser.made_up * level_db
                moved[equaliser.columns] = each
                starts.append(Start(moved.clip(0, 1), _one(level_db, e, len(equalisers)), DAMPING))
    return starts


def drawn(here: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Knobs `(DRAWN, K)`, half of them near by and half all over the place."""
    near = here + NEAR_BY * random.standard_normal((DRAWN // 2, len(here)))
    return np.concatenate([near, random.uniform(size=near.shape)]).clip(0, 1)


def _one(value: float, at: int, count: int) -> list[float]:
    """`value` at one of `count` places, else 0."""
    return [value if i == at else 0.0 for i in range(count)]
