"""Multitrack songs: the MIDI files of a package, each track played alone by another package's soundfont."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from reprs.corpora import debian
from reprs.corpora.cache import cache_folder
from reprs.corpora.debian_packages import PACKAGES, Role
from reprs.corpora.general_midi import family_of
from reprs.corpora.item import Item, Problem, problems_of
from reprs.corpora.progress import track

# Part of the folder's name: raise it when what is rendered changes.
VERSION = 1
PEAK = 0.9
FEWEST_NOTES = 4
# Songs of a role are played by soundfonts of the same role.
SOUNDFONTS: dict[Role, str] = {"train": "fluid-soundfont-gm", "test": "timgm6mb-soundfont"}


class MidiCorpus:
    """The MIDI files of the packages of one role: the first `seconds` of every track, and no mix.

    Content is the file. An item's `instrument` is its General MIDI family, "drums" for channel 10. Stems of
    a song have the levels that the soundfont gives them, scaled so that their sum peaks at 0.9.
    """

    name = "midi"

    def __init__(self, role: Role = "train", seconds: float = 60.0, sample_rate: int = 44_100) -> None:
        if role not in SOUNDFONTS:
            raise ValueError(f"role is 'train' or 'test', not {role!r}")
        self.role, self.seconds, self.sample_rate = role, seconds, sample_rate
        self.packages = [n for n, p in PACKAGES.items() if p.kind == "midi" and p.role == role]

    @property
    def folder(self) -> Path:
        """Where the stems are kept, a folder a song."""
        return cache_folder("midi", f"v{VERSION}-{self.role}-{self.seconds:g}s-{self.sample_rate}")

    def download(self) -> None:
        """Fetch MIDI files and soundfont and play what is missing; a few seconds a song."""
        if (self.folder / "complete").exists():
            return
        debian.fetch([*self.packages, SOUNDFONTS[self.role]])
        font = next(iter(sorted(debian.package_folder(SOUNDFONTS[self.role]).rglob("*.sf2"))))
        for path in track(self._songs(), "playing MIDI files"):
            if not self._target(path).exists():
                _write(path, self._target(path), font, self.seconds, self.sample_rate)
        (self.folder / "complete").touch()

    def items(self) -> list[Item]:
        """The stems of every song that was played, in order."""
        found = []
        for folder in sorted(p for p in self.folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
            package = folder.name.partition("__")[0]
            licence = f"{PACKAGES[package].licence}; played by {SOUNDFONTS[self.role]}"
            for path in sorted(folder.glob("*.flac")):
                instrument = path.stem.split("_", 1)[1].replace("-", " ")
                found.append(Item(path, f"midi/{folder.name}", package, instrument, licence))
        return found

    def validate(self) -> list[Problem]:
        """The items that cannot be used."""
        return problems_of(self.items())

    def _songs(self) -> Sequence[Path]:
        folders = [debian.package_folder(package) for package in self.packages]
        return sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in (".mid", ".midi"))

    def _target(self, path: Path) -> Path:
        package = next(p for p in self.packages if debian.package_folder(p) in path.parents)
        return self.folder / f"{package}__{path.stem}"


def _write(path: Path, target: Path, font: Path, seconds: float, sample_rate: int) -> None:
    """The stems of one file as 16-bit FLAC in `target`, which appears complete or not at all."""
    stems = _stems(path, font, seconds, sample_rate)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    scratch.mkdir(parents=True, exist_ok=True)
    loudest = max(float(np.abs(s).max()) for s in [*stems.values(), sum(stems.values())])
    for name, sound in stems.items():
        soundfile.write(scratch / f"{name}.flac", sound * (PEAK / loudest), sample_rate, subtype="PCM_16")
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)


def _stems(path: Path, font: Path, seconds: float, sample_rate: int) -> dict[str, np.ndarray]:
    """`"03_bass"` → float `(T, 2)`, from a synthesiser of its own: a used one remembers what it played."""
    import symusic

    score: Any = symusic.Score(str(path))
    frames, stems = round(seconds * sample_rate), {}
    for number, part in enumerate(score.tracks):
        if len(part.notes) < FEWEST_NOTES:
            continue
        alone = score.copy()
        alone.tracks = [part.copy()]
        sound = np.asarray(symusic.Synthesizer(str(font), sample_rate, 0).render(alone, True)).T[:frames]
        if np.abs(sound).max(initial=0) > 1e-4:
            family = "drums" if part.is_drum else family_of(part.program).lower().replace(" ", "-")
            stems[f"{number:02d}_{family}"] = np.pad(sound, ((0, frames - len(sound)), (0, 0)))
    return stems
