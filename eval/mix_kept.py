"""Figures of a row on a task, kept: a second call computes the first trial anew and reads the rest."""

from __future__ import annotations

import hashlib
import multiprocessing
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eval.mix_trials import Task, Trial
from reprs.corpora.cache import cache_folder
from reprs.corpora.progress import track

Values = dict[str, np.ndarray]


def kept(
    task: Task,
    row: Any,
    about: str,
    one: Callable[[Trial], Values],
    folder: Path | None = None,
    jobs: int = 1,
) -> list[Values]:
    """`one` of every trial, in order, or of the first `row.most`; `about` names what else values depend on.

    Kept by the bytes of the code too. The first trial is computed each time and has to be what it was (but
    for `seconds`), since other programs and libraries change as well.
    """
    path = (folder or cache_folder("eval", "mixing")) / _file_name(task, row, about)
    trials = task.trials[: getattr(row, "most", None)]
    found = [one(trials[0])]
    if path.exists():
        with np.load(path) as file:
            known = _unpacked(file)
        found = known if _same(known[0], found[0]) else found
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written after every trial: a judge of refinements may be interrupted, and goes on from there.
    rest = trials[len(found) :]
    for values in track(_each(one, rest, jobs), f"{task.name}: {row.name}", len(rest)):
        found.append(values)
        named = {f"{i}/{name}": each for i, values in enumerate(found) for name, each in values.items()}
        np.savez(path, **named)  # type: ignore[arg-type]
    return found[: len(trials)]


def _each(one: Callable[[Trial], Values], trials: Sequence[Trial], jobs: int) -> Iterator[Values]:
    """`one` of each trial in order, by `jobs` processes at a time."""
    if jobs == 1 or len(trials) < 2:
        yield from map(one, trials)
        return
    # What is computed holds consoles and models that cannot be sent to another process: it has them already.
    with multiprocessing.get_context("fork").Pool(jobs, _become, (one, trials)) as pool:
        yield from pool.imap(_numbered, range(len(trials)))


def _become(one: Callable[[Trial], Values], trials: Sequence[Trial]) -> None:
    torch.set_num_threads(1)
    _HERE[:] = [one, trials]


def _numbered(index: int) -> Values:
    one, trials = _HERE
    values: Values = one(trials[index])
    return values


# Of a process that computes some of the trials: what to compute, and the trials.
_HERE: list[Any] = []


def _unpacked(known: Any) -> list[Values]:
    """The values of the first trials, as many as there are."""
    found: dict[int, Values] = {}
    for key in known.files:
        index, _, name = key.partition("/")
        found.setdefault(int(index), {})[name] = known[key]
    return [found[i] for i in sorted(found)]


def _same(known: Values, now: Values) -> bool:
    return known.keys() == now.keys() and all(
        np.allclose(known[name], now[name], rtol=1e-3, atol=1e-3, equal_nan=True)
        for name in now
        if name != "seconds"
    )


def _file_name(task: Task, row: Any, about: str) -> str:
    """The row's and the task's name for people, and a hash of what is asked for certainty."""
    asked = (row.name, getattr(row, "model_hash", ""), about, code_hash())
    digest = hashlib.sha256("\0".join(asked).encode())
    for trial in task.trials:
        digest.update(fingerprint(trial))
    words = re.sub(r"[^A-Za-z0-9]+", "-", f"{task.name} {row.name}")
    return f"{words}-{digest.hexdigest()[:12]}.npz"


@cache
def code_hash() -> str:
    """A hash of the code that mixes and measures."""
    root = Path(__file__).resolve().parent.parent
    paths = [*root.glob("reprs/**/*.py"), *root.glob("eval/mix_*.py"), root / "eval" / "baselines.py"]
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def fingerprint(trial: Trial) -> bytes:
    """A hash of what is given and wanted."""
    digest = hashlib.sha256(trial.content.encode())
    for x in (trial.tracks, trial.reference, trial.target):
        if x is not None:
            digest.update(x[..., ::64].contiguous().numpy().tobytes())
    return digest.digest()


def columns(values: Sequence[Values]) -> Values:
    """Name → one number a trial, of values that are numbers."""
    return {name: np.array([float(v[name]) for v in values]) for name in values[0]}
