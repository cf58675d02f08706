"""Songs and recordings that no controller was trained on, cut into two parts that do not overlap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from eval.chains import DRY_RMS_DB, rms_db
from eval.music import CANDIDATES, QUIET_RMS_DB, SAMPLE_RATE, find_pieces

BUILTIN_SONGS = 300
MOST_TRACKS = 8


@dataclass(frozen=True)
class Song:
    """The files of one content: the stems of a song, or one recording."""

    content: str
    source: str
    paths: tuple[Path, ...]
    duration_s: float


def held_out_songs(shortest_s: float, n_songs: int = BUILTIN_SONGS) -> list[Song]:
    """Songs as stems: recorded ones and MIDI files of test-role packages that are in the cache, and the
    held-out fifth of the built-in corpus.
    """
    from reprs.corpora.builtin import BuiltinCorpus
    from reprs.corpora.debian import DebianCorpus, package_folder
    from reprs.corpora.midi import SOUNDFONTS, MidiCorpus

    builtin, midi = BuiltinCorpus(n_songs=n_songs, split="test"), MidiCorpus("test")
    builtin.download()
    songs = songs_of(DebianCorpus(role="test", kinds=["stems"]).items(), shortest_s)
    if all((package_folder(p) / "complete").exists() for p in (*midi.packages, SOUNDFONTS["test"])):
        midi.download()
        songs += songs_of(midi.items(), shortest_s)
    return songs + songs_of(builtin.items(), shortest_s)


def held_out_recordings(shortest_s: float) -> list[Song]:
    """Finished music of test-role packages, or held-out built-in songs, one file each."""
    _, pieces = find_pieces(None, shortest_s)
    return [
        Song(p.content, p.source, (Path(p.path),), p.start_s + p.duration_s)
        for p in pieces
        if p.start_s == 0 and p.duration_s >= shortest_s
    ]


def stems_apart(songs: Iterable[Song]) -> list[Song]:
    """Every stem as a recording of its own; the content stays that of the song."""
    return [Song(s.content, s.source, (path,), s.duration_s) for s in songs for path in s.paths]


def two_parts(song: Song, length_s: float, rng: np.random.Generator) -> tuple[Tensor, Tensor] | None:
    """Tracks `(N, 2, T)` of a part of the first half and of one of the second, at one gain.

    At most `MOST_TRACKS`, those that are loudest in the first part, whose sum is brought to `DRY_RMS_DB`.
    `None` where a half has no place that is loud enough.
    """
    middle_s = song.duration_s / 2
    first = _loud_part(song, 0, middle_s - length_s, length_s, rng)
    second = _loud_part(song, middle_s, song.duration_s - length_s, length_s, rng)
    if first is None or second is None:
        return None
    loudest = first.square().mean((1, 2)).argsort(descending=True)[:MOST_TRACKS].sort().values
    first, second = first[loudest], second[loudest]
    gain = 10 ** ((DRY_RMS_DB - rms_db(first.sum(0).numpy())) / 20)
    return first * gain, second * gain


def _loud_part(
    song: Song, earliest_s: float, latest_s: float, length_s: float, rng: np.random.Generator
) -> Tensor | None:
    """The first of a few random places whose sum is loud enough."""
    for start_s in rng.uniform(earliest_s, max(earliest_s, latest_s), CANDIDATES):
        tracks = _tracks(song, float(start_s), length_s)
        if rms_db(tracks.sum(0).numpy()) > QUIET_RMS_DB:
            return tracks
    return None


def _tracks(song: Song, start_s: float, length_s: float) -> Tensor:
    """`(N, 2, T)` at 44.1 kHz; mono files on both sides, files that end early with silence behind."""
    from reprs.audio import files

    frames = round(length_s * SAMPLE_RATE)
    tracks = torch.zeros(len(song.paths), 2, frames)
    for track, path in zip(tracks, song.paths, strict=True):
        x = files.read(path, start_s, length_s, SAMPLE_RATE)[0][:2, :frames]
        track[:, : x.shape[1]] = x
    return tracks


def songs_of(items: Sequence, shortest_s: float) -> list[Song]:
    """One song a content, of its stems; the mixture is left out."""
    from reprs.audio import files

    stems: dict[str, list] = {}
    for item in items:
        # fretsonfire calls the backing track "song": beside a guitar it is a stem.
        if item.instrument is not None:
            stems.setdefault(item.content, []).append(item)
    songs = []
    for content, several in sorted(stems.items()):
        duration_s = min((files.info(i.path).duration_s for i in several), default=-math.inf)
        if duration_s >= shortest_s and len(several) > 1:
            songs.append(Song(content, several[0].source, tuple(i.path for i in several), duration_s))
    return songs
