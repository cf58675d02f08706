"""Self-consistency: the stems of a song, mixed by our console with known knobs; are the knobs found again?

A track counts as found when its equaliser's response is within 1.5 dB (RMS, 40 Hz to 16 kHz), the gain
reduction of its compressor within 3 dB and its width within 10 %; a trial when all its tracks are. Trials
that are found but for a gain in the equaliser, which a fader may hold as well, are counted apart, and so are
those that are found as heard: where two settings of a console with a master make the same mix, what they do
to each track on all of its way is compared (`eval.mix_paths`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eval.mix_kept import kept
from eval.mix_knobs import heard_errors
from eval.mix_paths import apart_db, errors_as_heard
from eval.mix_trials import Task, Trial
from eval.scoring import interval
from reprs.console.knobs import Knobs
from reprs.console.listening import sounding

OF_SETTINGS = {"EQ dB": 1.5, "EQ shape dB": 1.5, "gain reduction dB": 3.0, "width": 0.1}
AS_HEARD = " as heard"
LIMITS = OF_SETTINGS | {name + AS_HEARD: limit for name, limit in OF_SETTINGS.items()}
STRICT = ("EQ dB", "gain reduction dB", "width")
BUT_FOR_LEVEL = ("EQ shape dB", "gain reduction dB", "width")
FOUND: dict[str, tuple[str, ...]] = {"found": STRICT, "found but for level": BUT_FOR_LEVEL}
FOUND |= {called + AS_HEARD: tuple(n + AS_HEARD for n in names) for called, names in FOUND.items()}
# How far the mix is from the reference, of each of its tracks.
APART = "apart dB"


def recovery(
    task: Task, rows: Sequence[Any], folder: Path | None = None, jobs: int = 1
) -> dict[str, dict[str, Any]]:
    """Row → share of trials found, shares by criterion, shares of tracks, and median errors.

    What was computed before is read from the cache; the rest is computed by `jobs` processes.
    """

    def one(row: Any, trial: Trial) -> dict[str, np.ndarray]:
        knobs = row.mix(task.console, trial).knobs
        return {name: each.numpy() for name, each in errors_of(task, trial, knobs).items()}

    found = {}
    for row in rows:
        errors = [
            {name: torch.from_numpy(each) for name, each in values.items()}
            for values in kept(task, row, "found", partial(one, row), folder, jobs)
        ]
        found[row.name] = summary(errors, [t.content for t in task.trials[: len(errors)]])
        found[row.name]["trials"] = len(errors)
    return found


def errors_of(task: Task, trial: Trial, knobs: Knobs) -> dict[str, Tensor]:
    """Name → error of each track that sounds, `(n,)`; with a master, as heard too."""
    assert trial.knobs is not None
    heard = sounding(trial.tracks[None])[0]
    given = (task.console, trial.tracks, knobs, trial.knobs)
    errors = heard_errors(*given)
    if task.console.master is not None:
        errors |= {name + AS_HEARD: values for name, values in errors_as_heard(*given).items()}
        errors[APART] = torch.full((len(heard),), apart_db(*given))
    return {name: values[heard] for name, values in errors.items()}


def summary(errors: Sequence[dict[str, Tensor]], contents: Sequence[str]) -> dict[str, Any]:
    """Shares with intervals over contents, and medians over tracks."""
    figures: dict[str, Any] = {}
    # A width that cannot be heard is no error: NaN is not above a limit.
    limits = {name: limit for name, limit in LIMITS.items() if name in errors[0]}
    within = {n: [~(e[n] > limit) for e in errors] for n, limit in limits.items()}
    for called, criteria in FOUND.items():
        if not within.keys() >= set(criteria):
            continue
        every = [torch.stack(e).all(0) for e in zip(*(within[n] for n in criteria), strict=True)]
        figures[f"trials {called}"] = interval(np.array([bool(e.all()) for e in every]), contents)
        figures[f"tracks {called}"] = interval(np.array([float(e.float().mean()) for e in every]), contents)
    for name, each in within.items():
        figures[f"trials, {name}"] = interval(np.array([bool(e.all()) for e in each]), contents)
    for name in (*limits, *(n for n in [APART] if n in errors[0])):
        values = torch.cat([e[name] for e in errors])
        figures[f"median {name}"] = float(values[~values.isnan()].median())
    return figures
