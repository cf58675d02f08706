"""Decode once: 16-bit PCM of an item, memory-mapped, so that a random segment costs a page read.

Training draws hundreds of thousands of short segments from a few hundred files; seeking in a compressed file
costs several times as much as copying the samples.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from reprs.audio import files
from reprs.corpora.cache import cache_folder
from reprs.corpora.item import Item, Problem
from reprs.corpora.progress import track


def pcm(item: Item, sample_rate: int) -> np.ndarray:
    """The item at `sample_rate` Hz as a read-only int16 array `(T, C)` on disk; decoded at the first call.

    Files that exceed ±1 after decoding are scaled down as a whole, never clipped. Raises `AudioError`.
    """
    target = _target(item, sample_rate)
    if not target.exists():
        _decode(item, sample_rate, target)
    return np.load(target, mmap_mode="r")


def fill(items: Sequence[Item], sample_rate: int, workers: int = 2) -> list[Problem]:
    """Decode every item that is not in the cache yet, in parallel; returns the items that failed."""
    missing = [item for item in items if not _target_or_none(item, sample_rate)]
    jobs = [(item, sample_rate) for item in missing]
    if not jobs:
        return []
    # Threads are enough: libsndfile, soxr and NumPy let go of Python's lock while they work.
    with ThreadPoolExecutor(workers) as pool:
        done = list(track(pool.map(_problem_of, jobs), "decoding", total=len(jobs)))
    return [problem for problem in done if problem is not None]


def _problem_of(job: tuple[Item, int]) -> Problem | None:
    try:
        pcm(*job)
    except files.AudioError as error:
        return Problem(job[0].path, str(error))
    return None


def _target_or_none(item: Item, sample_rate: int) -> Path | None:
    """The cached array where there is one; `None` also for a file that is gone."""
    try:
        target = _target(item, sample_rate)
    except files.AudioError:
        return None
    return target if target.exists() else None


def _target(item: Item, sample_rate: int) -> Path:
    """Where the samples are kept: the name changes with the file's path, size and time, and with the part."""
    try:
        stat = item.path.stat()
    except OSError as error:
        raise files.AudioError(f"{item.path}: no such file") from error
    part = (item.start_s, item.duration_s, sample_rate)
    key = f"{item.path.absolute()}|{stat.st_size}|{stat.st_mtime_ns}|{part}"
    return cache_folder("pcm") / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npy"


def _decode(item: Item, sample_rate: int, target: Path) -> None:
    x, _ = files.read(item.path, item.start_s, item.duration_s, sample_rate)
    x = x[:2]
    peak = float(x.abs().max())
    samples = (x.numpy().T * (32767 / max(1.0, peak))).round().astype(np.int16)
    # Written aside and renamed: another worker sees all of it or nothing.
    scratch = target.with_suffix(f".{os.getpid()}-{threading.get_ident()}.npy")
    np.save(scratch, samples)
    scratch.replace(target)
