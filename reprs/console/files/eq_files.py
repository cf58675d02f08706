"""Audio files through the equaliser: OUT.wav, and beside it OUT.json, OUT.txt and OUT.png."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import soundfile
from torch import Tensor

from reprs.audio import files
from reprs.audio.batch import Failure, attempt, check_writable
from reprs.console.text_eq import Equalised

SUFFIXES = frozenset((".wav", ".flac", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64"))
BESIDE = (".json", ".txt", ".png")
# Sample formats that are kept; any other, such as a lossy one, becomes 24 bits.
BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}
KEPT = frozenset((*BITS, "PCM_32", "FLOAT", "DOUBLE"))


@dataclass(frozen=True)
class Written:
    """A file that went through, and where to."""

    path: Path
    out: Path
    result: Any


def outputs(out: str, paths: Sequence[Path], force: bool) -> list[Path]:
    """Where the result of each file goes: OUT for one file, else into the folder OUT under the file's name.

    Raises ValueError, before any work, where that is no place for audio or something is there already.
    """
    as_folder = out.endswith("/") or Path(out).is_dir() or not Path(out).suffix
    if as_folder and Path(out).is_file():
        raise ValueError(f"{out}: is a file; name OUT.wav, or a folder")
    if len(paths) > 1 and not as_folder:
        raise ValueError(f"{out}: {len(paths)} files go into a folder; name one with -o FOLDER/")
    if not as_folder and Path(out).suffix.lower() not in SUFFIXES:
        raise ValueError(f"{out}: name the output OUT.wav, or another of {' '.join(sorted(SUFFIXES))}")
    chosen = _in_folder(Path(out), paths) if as_folder else [Path(out)]
    check_writable(Path(out))
    for path, place in zip(paths, chosen, strict=True):
        if place.exists() and path.exists() and place.samefile(path):
            raise ValueError(f"{place}: is the input itself; choose another output")
        there = [p for p in (place, *(place.with_suffix(s) for s in BESIDE)) if p.exists()]
        if there and not force:
            raise ValueError(f"{there[0]} exists: choose another name or replace it with --force")
    return chosen


def equalise_files(
    paths: Sequence[Path], outs: Sequence[Path], make: Callable[[Tensor, int], Equalised]
) -> Iterator[Written | Failure]:
    """Send each file through `make` (audio, sample rate) and write its four outputs."""
    return each_file(paths, outs, lambda path, out: _equalise_file(path, out, make))


def each_file(
    paths: Sequence[Path], outs: Sequence[Path], do: Callable[[Path, Path], Any]
) -> Iterator[Written | Failure]:
    """`do(path, out)` for every file; whatever one file does, the others go on."""
    for path, out in zip(paths, outs, strict=True):
        result = attempt(path, partial(do, path, out))
        yield result if isinstance(result, Failure) else Written(path, out, result)


def _equalise_file(path: Path, out: Path, make: Callable[[Tensor, int], Equalised]) -> Equalised:
    from reprs.console.files.eq_plot import plot

    x, sample_rate = files.read(path)
    result = make(x, sample_rate)
    subtype = sample_format(path, out)
    files.write(out, on_grid(result.audio, subtype), sample_rate, subtype)
    loudness = {
        "loudness_before_lufs": round(result.loudness_before_lufs, 2),
        "loudness_after_lufs": round(result.loudness_after_lufs, 2),
    }
    out.with_suffix(".json").write_text(result.setting.to_json(**loudness), encoding="utf-8")
    out.with_suffix(".txt").write_text(result.setting.to_apo(), encoding="utf-8")
    plot(out.with_suffix(".png"), x, result)
    return result


def sample_format(path: Path, out: Path) -> str:
    """libsndfile's name of the input's sample format where the output can hold it, else 24 bits."""
    given = soundfile.info(str(path)).subtype
    container = {".aif": "AIFF", ".aifc": "AIFF", ".snd": "AU"}.get(
        out.suffix.lower(), out.suffix[1:].upper()
    )
    return given if given in KEPT and soundfile.check_format(container, given) else "PCM_24"


def on_grid(y: Tensor, subtype: str) -> Tensor:
    """Samples rounded to what an integer format can hold; libsndfile alone would round all of them down."""
    if subtype not in BITS:
        return y
    steps = 2.0 ** (BITS[subtype] - 1)
    return (y * steps).round().clamp(-steps, steps - 1) / steps


def _in_folder(folder: Path, paths: Sequence[Path]) -> list[Path]:
    """A place for each file, numbered where two files have one name."""
    chosen: dict[Path, None] = {}
    for path in paths:
        suffix = path.suffix.lower() if path.suffix.lower() in SUFFIXES else ".wav"
        place, number = folder / f"{path.stem}{suffix}", 1
        while any(place.with_suffix(".json") == other.with_suffix(".json") for other in chosen):
            number += 1
            place = folder / f"{path.stem}-{number}{suffix}"
        chosen[place] = None
    return list(chosen)
