"""Rendered clips in the cache: 16-bit, of one length and one RMS level, written once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.chains import match_rms
from eval.music import SAMPLE_RATE, Cut, read_cut
from reprs.corpora.progress import track

STORED_RMS_DB = -26.0


@dataclass(frozen=True)
class Job:
    """A clip to make: which cut, how long the effects run before the clip begins, and the effects."""

    cut: int
    preroll_s: float
    render: Callable[[np.ndarray, int], np.ndarray]


def kept_clips(
    folder: Path, cuts: Sequence[Cut], jobs: Sequence[Job], clip_s: float, preroll_s: float, plan: Any
) -> np.ndarray:
    """The clips `(N, 2, T)` int16 of the jobs, memory-mapped; rendered into `folder` if they are not there.

    `preroll_s` is the longest pre-roll; `plan` is written beside the clips.
    """
    if not (folder / "clips.npy").exists():
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _render_all(partial / "clips.npy", cuts, jobs, clip_s, preroll_s)
        (partial / "plan.json").write_text(json.dumps(plan))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    return np.load(folder / "clips.npy", mmap_mode="r")


def one_clip(job: Job, dry: np.ndarray, frames: int) -> np.ndarray:
    """The last `frames` of the effects run over pre-roll and clip, at one RMS level, as int16."""
    wet = job.render(dry[:, dry.shape[1] - frames - round(job.preroll_s * SAMPLE_RATE) :], SAMPLE_RATE)
    wet = match_rms(wet[:, -frames:], STORED_RMS_DB)
    peak = float(np.abs(wet).max())
    return np.round(wet / max(1.0, peak) * 32_767).astype(np.int16)


def _render_all(
    path: Path, cuts: Sequence[Cut], jobs: Sequence[Job], clip_s: float, preroll_s: float
) -> None:
    frames = round(clip_s * SAMPLE_RATE)
    shape = (len(jobs), 2, frames)
    clips = np.lib.format.open_memmap(path, mode="w+", dtype=np.int16, shape=shape)
    by_cut: dict[int, list[int]] = {}
    for i, job in enumerate(jobs):
        by_cut.setdefault(job.cut, []).append(i)

    def work(cut: int) -> None:
        dry = read_cut(cuts[cut], clip_s + preroll_s)
        for i in by_cut[cut]:
            clips[i] = one_clip(jobs[i], dry, frames)

    # Decoders and pedalboard let go of the interpreter lock, so two threads keep two cores busy.
    with ThreadPoolExecutor(2) as pool:
        for _ in track(pool.map(work, by_cut), "rendering clips", len(by_cut)):
            pass
    clips.flush()
