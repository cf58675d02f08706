"""A seeded composer: a number in, a multitrack score out.

It aims at variety of sound, not at beauty: styles, keys, tempi, instruments and density differ from song to
song, so that content says nothing about the effects that are put on it later.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from reprs.corpora.grooves import FAMILIES, SCALES, STYLES, Style

T = TypeVar("T")
VELOCITY = {"X": 112, "x": 92, "o": 62}
KICK, SNARE, RIM, CLAP, CLOSED, OPEN, RIDE, CRASH, TOM = 36, 38, 37, 39, 42, 46, 51, 49, (50, 47, 43)


@dataclass(frozen=True)
class Note:
    """Start and length in seconds, MIDI pitch and velocity."""

    start_s: float
    length_s: float
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Part:
    """What one player plays, and where the fader and the balance (-1 left, 1 right) stand."""

    role: str
    instrument: str
    program: int
    notes: tuple[Note, ...]
    gain_db: float
    balance: float


@dataclass(frozen=True)
class Song:
    """A composed song: one part a player."""

    style: str
    tempo: float
    parts: tuple[Part, ...]


class Dice:
    """Draws that need nothing but `random()`, the one method whose stream Python promises to keep."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._random()

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self._random() * len(options))]


class Composer:
    """The choices that hold for one song; its methods write one part each."""

    def __init__(self, seed: int, seconds: float) -> None:
        self.dice = Dice(seed)
        self.name = self.dice.pick(sorted(STYLES))
        self.style: Style = STYLES[self.name]
        self.tempo = round(self.dice.between(*self.style.tempo), 1)
        self.beat_s = 60 / self.tempo
        self.bars = int(seconds / (4 * self.beat_s)) + 1
        self.seconds = seconds
        self.key = int(self.dice.between(0, 12))
        self.scale = SCALES[self.dice.pick(self.style.scales)]
        self.progression = self.dice.pick(self.style.progressions)
        self.bars_a_chord = 1 if self.tempo < 150 or self.dice.chance(0.6) else 2
        self.human_s = self.dice.between(0.0, 0.012)

    def song(self) -> Song:
        """Every part, each present or not, so that densities differ between songs."""
        dice, style = self.dice, self.style
        parts = [self.part("bass", dice.pick(style.bass_programs), self.bass_line(), -2, 0.1)]
        parts.append(self.part("chords", dice.pick(style.chord_programs), self.chords(), -4, 0.5))
        if dice.chance(style.drums):
            parts.append(self.part("drums", 0, self.drums(), 0, 0.1))
        if dice.chance(0.75):
            parts.append(self.part("lead", dice.pick(style.lead_programs), self.melody(), -3, 0.3))
        if dice.chance(0.5):
            parts.append(self.part("pad", dice.pick(style.pad_programs), self.pad(), -9, 0.2))
        if dice.chance(0.4):
            parts.append(self.part("arpeggio", dice.pick(style.chord_programs), self.arpeggio(), -7, 0.8))
        return Song(self.name, self.tempo, tuple(p for p in parts if p.notes))

    def part(self, role: str, program: int, notes: list[Note], gain_db: float, spread: float) -> Part:
        instrument = "drums" if role == "drums" else FAMILIES[program // 8]
        gain_db += self.dice.between(-4, 3)
        balance = self.dice.between(-spread, spread)
        inside = tuple(
            sorted((n for n in notes if n.start_s < self.seconds), key=lambda n: (n.start_s, n.pitch))
        )
        return Part(role, instrument, program, inside, gain_db, balance)

    def pitch(self, degree: int, octave: int) -> int:
        """MIDI pitch of a scale degree; degrees go on below 0 and above 6."""
        return 12 * (octave + 1) + self.key % 12 + self.scale[degree % 7] + 12 * (degree // 7)

    def degree(self, bar: int) -> int:
        """The chord of a bar."""
        return self.progression[bar // self.bars_a_chord % len(self.progression)]

    def hits(self, bar: int, pattern: str) -> list[tuple[float, str]]:
        """Start in seconds and mark of every hit of a pattern, swung and played by a human."""
        step_s = 4 * self.beat_s / len(pattern)
        found = []
        for i, mark in enumerate(pattern):
            if mark != ".":
                late_s = self.style.swing * step_s if i % 2 and len(pattern) == 16 else 0.0
                start_s = bar * 4 * self.beat_s + i * step_s + late_s + self.dice.between(0, self.human_s)
                found.append((start_s, mark))
        return found

    def note(self, start_s: float, beats: float, pitch: int, mark: str = "x") -> Note:
        while pitch > 96:
            pitch -= 12
        velocity = int(VELOCITY[mark] + self.dice.between(-10, 10))
        return Note(start_s, max(0.05, beats * self.beat_s), pitch, min(127, velocity))

    def drums(self) -> list[Note]:
        """Kick, snare and hat patterns with a fill at the end of every fourth bar."""
        dice, style = self.dice, self.style
        snare = dice.pick((SNARE, SNARE, SNARE, 40, RIM, CLAP))
        hat = dice.pick((CLOSED, CLOSED, CLOSED, RIDE, 70))
        lines = [(KICK, dice.pick(style.kick)), (snare, dice.pick(style.snare)), (hat, dice.pick(style.hat))]
        extra = dice.pick((None, None, 54, 69, 63, 75))
        if extra:
            lines.append((extra, dice.pick(style.chords)))
        notes = []
        for bar in range(self.bars):
            fill = bar % 4 == 3 and dice.chance(0.6)
            for pitch, pattern in lines:
                cut = pattern[: len(pattern) * 3 // 4] if fill and pitch != KICK else pattern
                cut = cut + "." * (len(pattern) - len(cut))
                notes += [self.note(s, 0.25, pitch, m) for s, m in self.hits(bar, cut)]
            notes += self.fill(bar) if fill else []
            if bar % 8 == 0 and dice.chance(0.6):
                notes.append(self.note(bar * 4 * self.beat_s, 2, CRASH, "x"))
        return notes

    def fill(self, bar: int) -> list[Note]:
        """A run over snare and toms on the last beat of a bar."""
        hits = self.hits(bar, "............xxXX" if self.dice.chance(0.5) else "............X.xx")
        return [self.note(s, 0.25, self.dice.pick((SNARE, *TOM)), m) for s, m in hits]

    def bass_line(self) -> list[Note]:
        """Roots on a pattern, with fifths, octaves and approaches."""
        pattern, colour = self.dice.pick(self.style.bass), self.dice.between(0, 0.5)
        notes = []
        for bar in range(self.bars):
            root = self.degree(bar)
            for i, (start_s, mark) in enumerate(self.hits(bar, pattern)):
                moved = i > 0 and self.dice.chance(colour)
                degree = root + self.dice.pick((2, 4, 4, 7, -3)) if moved else root
                length = 4 / len(pattern.replace(".", "")) * self.dice.between(0.6, 0.95)
                notes.append(self.note(start_s, length, self.pitch(degree, 1), mark))
        return notes

    def voicing(self, bar: int, octave: int) -> list[int]:
        """Pitches of a bar's chord, inverted so that the top stays near the middle of the keyboard."""
        degrees = [0, 2, 4, 6] if self.dice.chance(self.style.sevenths) else [0, 2, 4]
        pitches = [self.pitch(self.degree(bar) + d, octave) for d in degrees]
        return sorted(p - 12 if p > 12 * (octave + 1) + 14 else p for p in pitches)

    def chords(self) -> list[Note]:
        """The harmony on a rhythm; guitars spread their strings in time."""
        pattern, octave = self.dice.pick(self.style.chords), self.dice.pick((3, 4, 4))
        strum_s = self.dice.pick((0.0, 0.0, 0.012, 0.02))
        length = 4 / max(1, len(pattern.replace(".", ""))) * self.style.chord_length
        notes = []
        for bar in range(self.bars):
            pitches = self.voicing(bar, octave)
            for start_s, mark in self.hits(bar, pattern):
                notes += [self.note(start_s + k * strum_s, length, p, mark) for k, p in enumerate(pitches)]
        return notes

    def pad(self) -> list[Note]:
        """Long chords, silent in some stretches of four bars."""
        resting = {group for group in range(self.bars // 4 + 1) if self.dice.chance(0.25)}
        return [
            self.note(bar * 4 * self.beat_s, 4, pitch, "o")
            for bar in range(self.bars)
            if bar // 4 not in resting
            for pitch in self.voicing(bar, 4)
        ]

    def arpeggio(self) -> list[Note]:
        """The chord's notes one after another, up or up and down."""
        pattern = self.dice.pick(("x.x.x.x.x.x.x.x.", "XxxxXxxxXxxxXxxx", "X..x..x..x..x.x."))
        there_and_back = self.dice.chance(0.5)
        notes = []
        for bar in range(self.bars):
            pitches = self.voicing(bar, 4)
            order = pitches + pitches[-2:0:-1] if there_and_back else [*pitches, pitches[0] + 12]
            hits = self.hits(bar, pattern)
            notes += [self.note(s, 0.4, order[i % len(order)], m) for i, (s, m) in enumerate(hits)]
        return notes

    def melody(self) -> list[Note]:
        """A two-bar motif of scale steps, repeated with changes; chord notes where it is accented."""
        patterns = [self.dice.pick(self.style.lead) for _ in range(2)]
        steps = [self.dice.pick((-2, -1, -1, 0, 1, 1, 2, 3)) for _ in range(16)]
        octave, at, notes = self.dice.pick((4, 5, 5)), 0, []
        for bar in range(self.bars):
            if bar % 4 == 3 and self.dice.chance(0.4):
                continue
            hits = self.hits(bar, patterns[bar % 2])
            for i, (start_s, mark) in enumerate(hits):
                at = at + (steps[i] if self.dice.chance(0.8) else self.dice.pick((-1, 1, 2)))
                at = min(8, max(-3, at))
                degree = self.degree(bar) + 2 * (at // 2) if mark == "X" else at
                end_s = hits[i + 1][0] if i + 1 < len(hits) else start_s + 1.5 * self.beat_s
                beats = (end_s - start_s) / self.beat_s * self.dice.between(0.6, 1.0)
                notes.append(self.note(start_s, beats, self.pitch(degree, octave), mark))
        return notes


def compose(seed: int, seconds: float) -> Song:
    """The song of a seed; the same seed and length give the same song on every machine."""
    return Composer(seed, seconds).song()
