"""Figures of the rows on a task, with intervals over contents, and how far one row is ahead of the others."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eval.mix_kept import columns, kept
from eval.mix_knobs import heard_errors, knob_error
from eval.mix_measures import Ears, differences, distances
from eval.mix_rows import Mixed, MixRow
from eval.mix_trials import Task, Trial
from eval.scoring import interval

UNEVEN_LU = 6.0


@dataclass(frozen=True)
class Score:
    """`figures`: row → name → mean and interval; `values`: row → name → one number a trial; contents.

    Trials whose parts are not about as loud are in neither.
    """

    figures: dict[str, dict[str, Any]]
    values: dict[str, dict[str, np.ndarray]]
    contents: list[str]


def score(task: Task, rows: Sequence[MixRow], judges: Sequence[Ears], folder: Path | None = None) -> Score:
    """Every row on every trial; what was computed before is read from the cache."""
    even = np.array([about_as_loud(t) for t in task.trials])
    contents = [t.content for t, is_even in zip(task.trials, even, strict=True) if is_even]
    about = " ".join(f"{ears.name} {ears.model_hash}" for ears in judges)
    heard: dict[int, dict[str, list[Tensor]]] = {}

    def one(row: MixRow, trial: Trial) -> dict[str, np.ndarray]:
        known = {"reference": trial.reference, "target": trial.target}
        if id(trial) not in heard:
            heard[id(trial)] = {
                name: [ears(x[None]) for ears in judges] for name, x in known.items() if x is not None
            }
        start = time.perf_counter()
        mixed = row.mix(task.console, trial)
        seconds = time.perf_counter() - start
        found = _values(task, trial, mixed, heard[id(trial)], judges)
        return {name: each.numpy() for name, each in found.items()} | {"seconds": np.array(seconds)}

    figures, values = {}, {}
    for row in rows:
        found = columns(kept(task, row, about, partial(one, row), folder))
        # The first one loads models and compiles loops.
        seconds = float(np.median(found.pop("seconds")))
        found = {name: each[even[: len(each)]] for name, each in found.items()}
        values[row.name] = found
        figures[row.name] = {name: interval(each, contents[: len(each)]) for name, each in found.items()}
        figures[row.name]["seconds"] = round(seconds, 2)
    return Score(figures, values, contents)


def about_as_loud(trial: Trial) -> bool:
    """Whether a quiet passage is not asked to be mixed like a loud one, which tells rows apart by chance."""
    if trial.target is None:
        return True
    return float(differences(trial.target[None], trial.reference[None])["loudness LU"]) <= UNEVEN_LU


def leads(scores: dict[str, Score], name: str, judges: Sequence[Ears]) -> dict[str, dict[str, Any]]:
    """Row → by how much its distances are above those of the row `name` in the same trials of all tasks.

    STFT and each judge; an interval above 0 says that `name` is ahead.
    """
    measures = ["STFT", *(_to(ears, "target") for ears in judges)]
    having = [s for s in scores.values() if "STFT" in s.values[name]]
    others = [row for row in having[0].values if row != name]

    def ahead(row: str, measure: str) -> tuple[float, float, float]:
        """In the trials that both have."""
        pairs = [(s.values[row][measure], s.values[name][measure]) for s in having]
        counts = [min(map(len, pair)) for pair in pairs]
        each = [theirs[:n] - ours[:n] for (theirs, ours), n in zip(pairs, counts, strict=True)]
        contents = [c for s, n in zip(having, counts, strict=True) for c in s.contents[:n]]
        return interval(np.concatenate(each), contents)

    return {row: {measure: ahead(row, measure) for measure in measures} for row in others}


def _values(
    task: Task, trial: Trial, mixed: Mixed, heard: dict[str, list[Tensor]], judges: Sequence[Ears]
) -> dict[str, Tensor]:
    """Name → a number."""
    y, target = mixed.audio[None], trial.target
    found = differences(y, trial.reference[None]) if target is None else distances(y, target[None])
    for i, ears in enumerate(judges):
        e = ears(y)
        found |= {_to(ears, name): ears.distance(e, by[i]) for name, by in heard.items()}
    found = {name: each[0] for name, each in found.items()}
    if mixed.knobs is not None and trial.knobs is not None:
        found["knobs"] = torch.tensor(knob_error(task.console, mixed.knobs, trial.knobs))
        errors = heard_errors(task.console, trial.tracks, mixed.knobs, trial.knobs)
        # In the mean over the tracks; a width that cannot be heard in any of them is no error.
        found |= {name: each.nanmean().nan_to_num(0.0) for name, each in errors.items()}
    return found


def _to(ears: Ears, name: str) -> str:
    return f"{ears.name} to {name}"
