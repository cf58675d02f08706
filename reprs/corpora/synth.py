"""Scores to sound: symusic plays pretty_midi's soundfont, one part at a time.

This module is also the worker process of the built-in corpus (symusic holds Python's lock while it renders,
so that threads would not help); it imports no torch, which keeps its start short.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from reprs.corpora.composer import Note, Part, Song, compose

PEAK = 0.95
TICKS_A_SECOND = 960


def render(song: Song, seconds: float, sample_rate: int) -> dict[str, np.ndarray]:
    """Stems `"role_instrument"` → int16 `(T, 2)`; their sum is the mix, which peaks below 0 dBFS."""
    frames = round(seconds * sample_rate)
    stems = {}
    for part in song.parts:
        sound = play(part.notes, part.program, part.role == "drums", sample_rate)[:frames]
        sound = np.pad(sound, ((0, frames - len(sound)), (0, 0)))
        if np.abs(sound).max() > 0:
            stems[f"{part.role}_{part.instrument.replace(' ', '-')}"] = _balanced(sound, part)
    loudest = max([np.abs(sum(stems.values())).max(), *(np.abs(s).max() for s in stems.values())])
    return {name: np.round(s * (PEAK * 32767 / loudest)).astype(np.int16) for name, s in stems.items()}


def write(song: Song, folder: Path, seconds: float, sample_rate: int) -> None:
    """The stems of a song and their sum, `mix.flac`, as 16-bit FLAC in `folder`, which appears complete or
    not at all.
    """
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}")
    scratch.mkdir(parents=True, exist_ok=True)
    stems = render(song, seconds, sample_rate)
    for name, sound in {**stems, "mix": sum(stems.values())}.items():
        soundfile.write(scratch / f"{name}.flac", sound, sample_rate, subtype="PCM_16")
    try:
        scratch.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(scratch)


def play(
    notes: Sequence[Note], program: int, drums: bool, sample_rate: int, font: Path | None = None
) -> np.ndarray:
    """Float32 `(T, 2)` of notes, from a synthesiser of its own: a used one remembers what it played."""
    import symusic

    score: Any = symusic.Score(TICKS_A_SECOND // 2)
    score.tempos.append(symusic.Tempo(0, 120))
    track: Any = symusic.Track("", program, drums)
    for note in notes:
        start, length = (round(t * TICKS_A_SECOND) for t in (note.start_s, note.length_s))
        track.notes.append(symusic.Note(start, max(1, length), note.pitch, note.velocity))
    score.tracks.append(track)
    return np.asarray(symusic.Synthesizer(str(font or soundfont()), sample_rate, 0).render(score, True)).T


def _balanced(sound: np.ndarray, part: Part) -> np.ndarray:
    """The part at its fader and balance, from -20 dBFS RMS: presets differ by 20 dB and more."""
    gain = 10 ** (part.gain_db / 20)
    rms = np.sqrt(np.mean(np.square(sound)))
    sides = np.array([min(1, 1 - part.balance), min(1, 1 + part.balance)], np.float32)
    return sound * (sides * np.float32(gain * 0.1 / rms))


def soundfont() -> Path:
    """The General MIDI soundfont inside the package pretty_midi, without importing that package."""
    found = importlib.util.find_spec("pretty_midi")
    if found is None or found.origin is None:
        raise RuntimeError("the built-in corpus plays pretty_midi's soundfont: run `pip install pretty_midi`")
    return Path(found.origin).with_name("TimGM6mb.sf2")


def main(arguments: list[str]) -> int:
    """Worker: render songs `first, first + step, …` below `stop`, printing each number when it is there."""
    folder, seconds, sample_rate, seed, first, step, stop = arguments
    for number in range(int(first), int(stop), int(step)):
        target = Path(folder) / f"song_{number:04d}"
        if not target.exists():
            write(
                compose(int(seed) * 100_003 + number, float(seconds)),
                target,
                float(seconds),
                int(sample_rate),
            )
            print(number, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
