"""The stems of a song, read from a folder: whatever their rates, lengths and channels, they line up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from reprs.audio import files
from reprs.audio.batch import Failure
from reprs.audio.resample import resample

# A track of this name would have the knobs of the console's own section.
TAKEN = "master"


@dataclass(frozen=True)
class Session:
    """Tracks `(C, T_i)` of one rate that begin together; `notes` say what was done to make them so."""

    names: tuple[str, ...]
    tracks: tuple[Tensor, ...]
    sample_rate: int
    notes: tuple[str, ...] = ()

    @property
    def samples(self) -> int:
        """The length of the longest track."""
        return max(x.shape[1] for x in self.tracks)

    @property
    def duration_s(self) -> float:
        return self.samples / self.sample_rate

    def batch(
        self, chosen: Sequence[int] | None = None, start: int = 0, samples: int | None = None
    ) -> Tensor:
        """Some tracks, or all, `(1, N, C, T)`, short ones padded at the end; mono only if all tracks are."""
        wanted = range(len(self.tracks)) if chosen is None else chosen
        channels = max(x.shape[0] for x in self.tracks)
        length = self.samples - start if samples is None else samples
        found = torch.zeros(1, len(wanted), channels, length)
        for n, index in enumerate(wanted):
            part = self.tracks[index][:, start : start + length]
            found[0, n, :, : part.shape[1]] = part
        return found

    def sum(self) -> Tensor:
        """All tracks as they are, `(2, T)`."""
        total = torch.zeros(2, self.samples)
        for x in self.tracks:
            total[:, : x.shape[1]] += x
        return total

    def loudest(self, samples: int) -> int:
        """Where the loudest part of `samples` begins."""
        if samples >= self.samples:
            return 0
        power = torch.nn.functional.pad(self.sum().square().sum(0).double().cumsum(0), (1, 0))
        hop = max(1, samples // 8)
        within = power[samples::hop] - power[:-samples:hop]
        return int(within.argmax()) * hop


def read_session(folder: str | Path, leave_out: str | Path) -> tuple[Session, list[Failure]]:
    """The audio files below `folder` as one session; files that cannot be used are named, and left out.

    What lies below `leave_out`, such as earlier mixes, is no stem. Raises ValueError where nothing is left.
    """
    found = files.find([folder])
    if Path(leave_out).resolve() in (Path(folder).resolve(), *Path(folder).resolve().parents):
        raise ValueError(f"{leave_out}: the stems lie in there; choose another folder for the mix")
    found = [p for p in found if Path(leave_out).resolve() not in p.resolve().parents]
    tracks: list[tuple[Path, Tensor, int]] = []
    failures = []
    for path in found:
        try:
            tracks.append((path, *_stem(path)))
        except files.AudioError as error:
            failures.append(Failure(path, str(error)))
    if not tracks:
        said = "; ".join(failure.reason for failure in failures) or f"{folder}: no stems beside the mixes"
        raise ValueError(said)
    return _lined_up(tracks), failures


def _stem(path: Path) -> tuple[Tensor, int]:
    x, sample_rate = files.read(path)
    if len(x) > 2:
        raise files.AudioError(f"{path}: has {len(x)} channels; a stem is mono or stereo")
    return x, sample_rate


def _lined_up(found: Sequence[tuple[Path, Tensor, int]]) -> Session:
    """At the rate that most have, the higher one of two."""
    counts = Counter(rate for *_, rate in found)
    sample_rate = max(counts, key=lambda rate: (counts[rate], rate))
    tracks = [resample(x, rate, sample_rate) for _, x, rate in found]
    notes = []
    if others := sorted(set(counts) - {sample_rate}):
        notes.append(f"stems at {', '.join(f'{rate:g}' for rate in others)} Hz went to {sample_rate:g} Hz")
    names = _named([path for path, *_ in found])
    silent = [name for name, x in zip(names, tracks, strict=True) if not bool(x.any())]
    notes += [f"silent: {', '.join(silent)}"] if silent else []
    return Session(tuple(names), tuple(tracks), sample_rate, tuple(notes))


def _named(paths: Sequence[Path]) -> list[str]:
    """File names without suffix, numbered where two are alike."""
    names: list[str] = []
    for path in paths:
        name, number = path.stem, 1
        while name in (*names, TAKEN):
            number += 1
            name = f"{path.stem}-{number}"
        names.append(name)
    return names
