"""Audio files: what is in them, random access to any part of them, writing, and finding them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from reprs.audio.resample import resample

SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        "wav",
        "flac",
        "ogg",
        "oga",
        "opus",
        "mp3",
        "aif",
        "aiff",
        "aifc",
        "au",
        "snd",
        "caf",
        "w64",
        "rf64",
    )
)


class AudioError(ValueError):
    """An audio file that cannot be used; its text is one line that names the file."""


@dataclass(frozen=True)
class AudioInfo:
    """The format of a file: rate in Hz, channels, length in frames (samples per channel) and in seconds."""

    sample_rate: int
    channels: int
    frames: int
    duration_s: float


def info(path: str | Path) -> AudioInfo:
    """The format of the file, from its header; raises `AudioError`."""
    with _open(path) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames, file.frames / file.samplerate)


def read(
    path: str | Path,
    start_s: float = 0.0,
    duration_s: float | None = None,
    sample_rate: int | None = None,
) -> tuple[Tensor, int]:
    """Decode a part of a file without decoding what comes before it.

    Returns float32 `(C, T)` and its rate in Hz: the file's own, or `sample_rate` after resampling. The part
    is shorter than `duration_s` where the file ends first. Raises `AudioError` for a file that is missing,
    not audio, ends before `start_s`, or holds NaN or infinite samples in that part.
    """
    with _open(path) as file:
        rate = file.samplerate
        start = round(start_s * rate)
        frames = -1 if duration_s is None else round(duration_s * rate)
        if start < 0 or start >= file.frames:
            raise AudioError(f"{path}: {start_s:g} s is outside this file of {file.frames / rate:.3f} s")
        samples = _decode(file, path, start, frames)
    if not np.isfinite(samples).all():
        raise AudioError(f"{path}: contains NaN or infinite samples")
    x = torch.from_numpy(np.ascontiguousarray(samples.T))
    return (x, rate) if sample_rate is None else (resample(x, rate, sample_rate), sample_rate)


def write(path: str | Path, x: Tensor, sample_rate: int, subtype: str | None = "PCM_24") -> None:
    """Write `(C, T)` to a file whose suffix names the format; integer formats clip at ±1.

    `subtype` is libsndfile's name of the sample format, `None` the format's default (needed for mp3 and ogg).
    """
    if x.ndim != 2 or x.shape[1] == 0:
        raise ValueError(
            f"{path}: audio to write is a non-empty (channels, samples) tensor, got {tuple(x.shape)}"
        )
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    suffix = Path(path).suffix.lower()
    lossy = suffix in (".ogg", ".oga", ".opus", ".mp3")
    samples = x.detach().cpu().numpy().T
    kind = "OPUS" if suffix == ".opus" else None if lossy else subtype
    container = "OGG" if suffix in (".opus", ".oga") else None
    try:
        soundfile.write(str(path), samples, sample_rate, subtype=kind, format=container)
    except (soundfile.LibsndfileError, ValueError, TypeError) as error:
        raise AudioError(f"{path}: cannot be written: {_one_line(error)}") from error


def find(paths: Iterable[str | Path]) -> list[Path]:
    """Audio files among `paths`: files as they are, folders searched below, sorted within each folder.

    A file named outright is kept whatever its suffix. Raises `AudioError` for a path that does not exist and
    when nothing is found.
    """
    given = list(paths)
    if "" in given:  # such as a shell's variable that was never set; `Path("")` is the current folder
        raise AudioError("'' is no path: name a file or folder")
    roots = [Path(p) for p in given]
    found: dict[Path, None] = {}
    for path in roots:
        if not path.exists():
            raise AudioError(f"{path}: no such file or folder")
        found.update(dict.fromkeys(_below(path) if path.is_dir() else [path]))
    if not found:
        names = ", ".join(map(str, roots)) or "nothing"
        raise AudioError(f"{names}: no audio files here (looked for {' '.join(sorted(SUFFIXES))})")
    return list(found)


def _below(folder: Path) -> list[Path]:
    # Names that begin with a dot are other programs' bookkeeping, such as the "._song.wav" of macOS.
    return sorted(
        p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.name[0] != "." and p.is_file()
    )


def _open(path: str | Path) -> soundfile.SoundFile:
    path = Path(path)
    if not path.exists():
        raise AudioError(f"{path}: no such file")
    if path.is_dir():
        raise AudioError(f"{path}: is a folder, not an audio file")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: is empty (0 bytes)")
    if not os.access(path, os.R_OK):
        raise AudioError(f"{path}: permission denied")
    try:
        # `RAW` files would need a format from the caller; soundfile says so with a TypeError.
        return soundfile.SoundFile(str(path))
    except (soundfile.LibsndfileError, TypeError, OSError) as error:
        raise AudioError(f"{path}: not a readable audio file ({_one_line(error)})") from error


def _decode(file: soundfile.SoundFile, path: str | Path, start: int, frames: int) -> np.ndarray:
    try:
        if start:
            file.seek(start)
        samples = file.read(frames, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, MemoryError) as error:
        raise AudioError(f"{path}: breaks off while decoding ({_one_line(error)})") from error
    if len(samples) == 0:
        raise AudioError(f"{path}: holds no samples from {start / file.samplerate:g} s on")
    return samples


def _one_line(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error)
    return " ".join(str(text).split()).rstrip(".")
