"""Figures of the rows on a task, with intervals over contents, and how far one row is ahead of the others."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eval.mix_knobs import heard_errors, knob_error
from eval.mix_measures import Ears, differences, distances
from eval.mix_rows import Mixed, MixRow
from eval.mix_trials import Task
from eval.scoring import interval
from reprs.corpora.progress import track


@dataclass(frozen=True)
class Score:
    """`figures`: row → name → mean and interval; `values`: row → name → one number a trial; contents."""

    figures: dict[str, dict[str, Any]]
    values: dict[str, dict[str, np.ndarray]]
    contents: list[str]


def score(task: Task, rows: Sequence[MixRow], judges: Sequence[Ears]) -> Score:
    """Every row on every trial; encoders hear targets and references once."""
    contents = [t.content for t in task.trials]
    known = {"reference": torch.stack([t.reference for t in task.trials])}
    if task.trials[0].target is not None:
        known["target"] = torch.stack([t.target for t in task.trials if t.target is not None])
    heard = {name: [ears(x) for ears in judges] for name, x in known.items()}
    figures, values = {}, {}
    for row in rows:
        start = time.perf_counter()
        mixes = [row.mix(task.console, t) for t in track(task.trials, f"{task.name}: {row.name}")]
        seconds = (time.perf_counter() - start) / len(mixes)
        found = _values(task, mixes, known, heard, judges)
        values[row.name] = found
        figures[row.name] = {name: interval(each, contents) for name, each in found.items()}
        figures[row.name]["seconds"] = round(seconds, 2)
    return Score(figures, values, contents)


def leads(scores: dict[str, Score], name: str, judges: Sequence[Ears]) -> dict[str, dict[str, Any]]:
    """Row → by how much its distances are above those of the row `name` in the same trials of all tasks.

    STFT and each judge; an interval above 0 says that `name` is ahead.
    """
    measures = ["STFT", *(_to(ears, "target") for ears in judges)]
    having = [s for s in scores.values() if "STFT" in s.values[name]]
    contents = [c for s in having for c in s.contents]
    others = [row for row in having[0].values if row != name]

    def ahead(row: str, measure: str) -> tuple[float, float, float]:
        each = [s.values[row][measure] - s.values[name][measure] for s in having]
        return interval(np.concatenate(each), contents)

    return {row: {measure: ahead(row, measure) for measure in measures} for row in others}


def _values(
    task: Task,
    mixes: Sequence[Mixed],
    known: dict[str, Tensor],
    heard: dict[str, list[Tensor]],
    judges: Sequence[Ears],
) -> dict[str, np.ndarray]:
    """Name → one number a trial."""
    y = torch.stack([m.audio for m in mixes])
    found = distances(y, known["target"]) if "target" in known else differences(y, known["reference"])
    for i, ears in enumerate(judges):
        e = ears(y)
        found |= {_to(ears, name): ears.distance(e, by[i]) for name, by in heard.items()}
    if mixes[0].knobs is not None and task.trials[0].knobs is not None:
        found |= _knobs(task, mixes)
    return {name: each.double().numpy() for name, each in found.items()}


def _knobs(task: Task, mixes: Sequence[Mixed]) -> dict[str, Tensor]:
    """Errors of the knobs as they stand, and of what they do, in the mean over a trial's tracks."""
    rows = []
    for mixed, trial in zip(mixes, task.trials, strict=True):
        assert mixed.knobs is not None and trial.knobs is not None
        heard = heard_errors(task.console, trial.tracks, mixed.knobs, trial.knobs)
        errors = [torch.tensor(knob_error(task.console, mixed.knobs, trial.knobs))]
        rows.append(torch.stack([*errors, *(e.nanmean() for e in heard.values())]).nan_to_num(0.0))
    columns = torch.stack(rows).unbind(1)
    return dict(zip(("knobs", *heard), columns, strict=True))


def _to(ears: Ears, name: str) -> str:
    return f"{ears.name} to {name}"
