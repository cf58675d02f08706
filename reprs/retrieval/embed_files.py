"""Files → embeddings: one a file or one a window; a file that fails is named and the rest goes on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reprs.audio import files
from reprs.audio.batch import Failure, attempt, check_writable
from reprs.corpora.progress import track

WINDOWS_AT_ONCE = 16
FILES_A_SHARD = 4096


class OutputError(ValueError):
    """An output that cannot be written; the message is one line."""


@dataclass(frozen=True)
class Embedded:
    """One file: its version, its windows (in seconds) and their embeddings `(W, D)` float32."""

    path: Path
    version: tuple[int, int]
    starts_s: list[float]
    length_s: float
    embeddings: np.ndarray


def embed_file(
    encoder: Any, path: str | Path, window_s: float | None = None, hop_s: float | None = None
) -> Embedded:
    """Embed one file, whole or in windows of `window_s` every `hop_s` seconds; the last ends with the file.

    Raises `AudioError` with one line. More than two channels are refused: no down-mix of a surround or
    multitrack file says how its stereo was produced.
    """
    path = Path(path)
    about = files.info(path)
    seen = version(path)
    if about.channels > 2:
        raise files.AudioError(f"{path}: has {about.channels} channels; mix it to mono or stereo first")
    starts_s, length_s = window_starts(about.duration_s, window_s, hop_s)
    parts = []
    for first in range(0, len(starts_s), WINDOWS_AT_ONCE):
        chosen = starts_s[first : first + WINDOWS_AT_ONCE]
        audio = [files.read(path, start, None if window_s is None else length_s)[0] for start in chosen]
        try:
            parts.append(encoder.embed(audio, about.sample_rate))
        except ValueError as error:
            raise files.AudioError(f"{path}: {error}") from None
    return Embedded(path, seen, starts_s, length_s, torch.cat(parts).float().cpu().numpy())


def embed_files(
    encoder: Any, paths: Sequence[Path], window_s: float | None = None, hop_s: float | None = None
) -> Iterator[Embedded | Failure]:
    """Embed files one after the other with a progress display."""
    for path in track(paths, "embedding"):
        yield attempt(path, partial(embed_file, encoder, path, window_s, hop_s))


def window_starts(
    duration_s: float, window_s: float | None = None, hop_s: float | None = None
) -> tuple[list[float], float]:
    """Where windows start and how long each is, in seconds; a file shorter than a window is one window.

    They cover the file to a millisecond, so that a rounded duration does not give the same window twice.
    """
    if window_s is None or window_s >= duration_s:
        return [0.0], duration_s
    last = duration_s - window_s
    starts = np.arange(0.0, last - 1e-3, hop_s or window_s).tolist()
    return ([*starts, last] if starts else [0.0]), window_s


def version(path: Path) -> tuple[int, int]:
    """What tells whether a file has changed: its size in bytes and when it was written, in ns."""
    about = path.stat()
    return about.st_size, about.st_mtime_ns


def write_npz(path: str | Path, done: Sequence[Embedded], model: str, model_hash: str) -> None:
    """One file: `embeddings` `(N, D)` float32, `paths` `(N,)`, `model`, `model_hash`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = Path(f"{path}.new")
    with new.open("wb") as file:
        np.savez(
            file,
            embeddings=np.concatenate([d.embeddings for d in done]),
            paths=np.array([str(d.path) for d in done]),
            model=np.array(model),
            model_hash=np.array(model_hash),
        )
    os.replace(new, path)


def check_output(out: str, shards: bool, force: bool) -> None:
    """Refuse an output of the wrong kind, and one that exists unless `force`; raises `OutputError`."""
    path = Path(out)
    if not shards and path.suffix != ".npz":
        raise OutputError(f"{out}: name the output OUT.npz, or OUT/ for a folder of shards")
    if shards and path.exists() and not path.is_dir():
        raise OutputError(f"{out}: is a file, not a folder for shards")
    if (_shards(path) if shards else path.exists()) and not force:
        raise OutputError(f"{out} exists: choose another name or replace it with --force")
    check_writable(path)


def write_output(
    out: str, results: Iterable[Embedded | Failure], model: str, model_hash: str, shards: bool
) -> tuple[int, list[Failure]]:
    """Write `OUT.npz`, or a folder of shards as they fill; the number of files embedded, and the failures."""
    done: list[Embedded] = []
    failures: list[Failure] = []
    written: list[Path] = []
    count = 0

    def write() -> None:
        path = Path(out, f"shard-{len(written):05d}.npz") if shards else Path(out)
        write_npz(path, done, model, model_hash)
        written.append(path)
        done.clear()

    for result in results:
        if isinstance(result, Failure):
            failures.append(result)
            continue
        done.append(result)
        count += 1
        if shards and len(done) == FILES_A_SHARD:
            write()
    if done:
        write()
    if shards and written:
        for old in set(_shards(Path(out))) - set(written):  # of a longer run before this one
            old.unlink()
    return count, failures


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("shard-*.npz"))
