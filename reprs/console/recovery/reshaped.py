"""Other bands that do what is wished of an equaliser: a way out where bells stand in each other's place."""

from __future__ import annotations

import numpy as np
from scipy.linalg import block_diag
from torch import Tensor

from reprs.console.recovery.by_response import FARTHEST, LEVEL_DB, STEPS, Model, Start
from reprs.console.recovery.in_box import in_box
from reprs.console.recovery.responses import grid_hz, splines
from reprs.console.recovery.starts import drawn

BEST, LOOSE = 4, 1e-4  # of each equaliser's bands are starts; how far moving is held back in what is wished
# Levels that are tried where little is left, each with the bands that fit best; of places as many as are
# told apart by their level.
LEVELS_DB, FITTING, APART_DB, BY_LEVEL = tuple(np.arange(-18.0, 19.0, 2.0)), 3, 1.0, 3


def reshaped(model: Model, z: Tensor, damping: float, random: np.random.Generator) -> list[Start]:
    """Starts from equalisers that do what is wished of them with other bands: each alone, and all at once."""
    here, equalisers = z.double().numpy(), model.layout.equalisers
    starts, together = list[Start](), here.copy()
    for e, equaliser in enumerate(equalisers):
        turned, root = wished(model, e, LOOSE)
        wanted_db = model.before_db[e] + turned @ splines(grid_hz(), model.apart).numpy()
        rows, _ = equaliser.bands.fitted(wanted_db, drawn(here[equaliser.columns], random))
        rows = np.concatenate([here[None, equaliser.columns], rows])
        places, _, off = shaped(model, e, rows, np.zeros(len(rows)), turned, root)
        for i, each in enumerate(places[off.argsort()[:BEST]]):
            alone = here.copy()
            alone[equaliser.columns] = each
            if i == 0:
                together[equaliser.columns] = each
            starts.append(Start(alone, [0.0] * len(equalisers), damping))
    return [*starts, Start(together, [0.0] * len(equalisers), damping)]


def relevelled(model: Model, z: Tensor, damping: float, random: np.random.Generator) -> list[Start]:
    """Starts from equalisers that do what is wished of them at another level, which is made up for."""
    here, starts, equalisers = z.double().numpy(), list[Start](), model.layout.equalisers
    for e, equaliser in enumerate(equalisers):
        if not equaliser.made_up[model.layout.others].any():
            continue
        turned, root = wished(model, e, LOOSE)
        wanted_db = model.before_db[e] + turned @ splines(grid_hz(), model.apart).numpy()
        rows = []
        for level_db in LEVELS_DB:
            fits, off_db = equaliser.bands.fitted(
                wanted_db + level_db, drawn(here[equaliser.columns], random)
            )
            rows.append(fits[off_db.argsort()[:FITTING]])
        levels_db = np.repeat(LEVELS_DB, FITTING)
        places, levels_db, off = shaped(model, e, np.concatenate(rows), levels_db, turned, root)
        kept = list[int]()
        for i in off.argsort():
            if all(abs(levels_db[i] - levels_db[k]) > APART_DB for k in kept) and len(kept) < BY_LEVEL:
                kept.append(i)
        for i in kept:
            moved = here + equaliser.made_up * levels_db[i]
            moved[equaliser.columns] = places[i]
            by = [levels_db[i] if k == e else 0.0 for k in range(len(equalisers))]
            starts.append(Start(moved.clip(0, 1), by, damping))
    return starts


def wished(model: Model, e: int, damping: float) -> tuple[np.ndarray, np.ndarray]:
    """How an equaliser's splines would turn `(K,)`, in decibels, if all else followed as its knobs can,
    and the root `(K, K)` of what it costs to do otherwise."""
    each, blocks = model.by_spline.shape[1], list[np.ndarray]()
    to_splines = np.linalg.pinv(splines(grid_hz(), model.apart).numpy().T)
    for i, equaliser in enumerate(model.layout.equalisers):
        louder = equaliser.bands.slopes(model.z[None, equaliser.columns])[1][0]
        blocks.append(np.eye(each) if i == e else to_splines @ louder)
    blocks.append(np.eye(len(model.gram) - each * len(blocks)))
    turns = block_diag(*blocks)
    gram = turns.T @ model.gram @ turns
    held = damping * np.diag(gram)
    held[-1] = 0
    gram = gram + np.diag(held + 1e-12 * held.max())
    first = sum(block.shape[1] for block in blocks[:e])
    own = np.arange(first, first + each)
    asked = np.append(own, len(gram) - 1)
    rest = np.setdiff1d(np.arange(len(gram) - 1), own)
    both = np.linalg.solve(gram[np.ix_(rest, rest)], gram[np.ix_(rest, asked)])
    reduced = gram[np.ix_(own, asked)] - gram[np.ix_(own, rest)] @ both
    values, vectors = np.linalg.eigh((reduced[:, :-1] + reduced[:, :-1].T) / 2)
    values = values.clip(1e-9 * values.max())
    turned = -(vectors / values) @ (vectors.T @ reduced[:, -1])
    return turned, np.sqrt(values)[:, None] * vectors.T


def shaped(
    model: Model, e: int, starts: np.ndarray, levels_db: np.ndarray, turned: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Knobs `(S, K)` of one equaliser that come nearest to what is wished of it but for a level `(S,)`, these
    levels, and how far off they are; levels that are 0 stay there."""
    to_splines = root @ np.linalg.pinv(splines(grid_hz(), model.apart).numpy().T)

    def heard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        change_db, slopes = model.changed(e, values[:, :-1], LEVEL_DB * values[:, -1])
        slopes[..., -1] *= LEVEL_DB
        return change_db @ to_splines.T - root @ turned, to_splines @ slopes

    reach = np.append(np.ones(starts.shape[1]), FARTHEST if levels_db.any() else 0.0)
    values = np.concatenate([starts, levels_db[:, None] / LEVEL_DB], axis=1)
    found, off = in_box(heard, values, np.append(np.zeros(starts.shape[1]), -reach[-1]), reach, STEPS)
    return found[:, :-1], LEVEL_DB * found[:, -1], off
