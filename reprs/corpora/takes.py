"""What an instrument is asked to play, so that one hears what it is: notes, a chord, phrases, drum beats."""

from __future__ import annotations

from dataclasses import dataclass

from reprs.corpora.composer import VELOCITY, Dice, Note
from reprs.corpora.general_midi import DRUM_KEYS
from reprs.corpora.grooves import STYLES
from reprs.corpora.named import Playing

# The keys, in MIDI numbers, between which the instruments of a family are usually played.
RANGES = {
    "Piano": (33, 91),
    "Chromatic Percussion": (53, 91),
    "Organ": (40, 84),
    "Guitar": (40, 79),
    "Bass": (28, 55),
    "Strings": (40, 84),
    "Ensemble": (40, 84),
    "Brass": (43, 79),
    "Reed": (46, 82),
    "Pipe": (60, 91),
    "Synth Lead": (43, 86),
    "Synth Pad": (40, 79),
    "Synth Effects": (43, 79),
    "Ethnic": (50, 79),
    "Percussive": (45, 79),
    "Sound Effects": (48, 72),
}
# Programs whose range is not that of their family: timpani, cello, contrabass, tuba, bassoon, piccolo.
PROGRAM_RANGES = {42: (36, 69), 43: (28, 55), 47: (38, 57), 58: (29, 53), 70: (36, 67), 72: (74, 100)}
ANY_RANGE = (40, 79)
CHORDS = ((0, 4, 7, 12), (0, 3, 7, 12), (0, 4, 7, 11), (0, 3, 7, 10), (0, 5, 7, 12))
MELODIES = (
    (0, 2, 4, 7, 5, 4, 2, 0),
    (0, 3, 5, 7, 10, 7, 5, 3),
    (7, 5, 4, 0, 2, 4, 5, 7),
    (0, 7, 12, 7, 10, 5, 3, 0),
)
RHYTHM = "X.x.xox.X.xxx.o."
# Families for which a chord or a tune says nothing.
UNTUNED = ("Percussive", "Sound Effects")
NOTES = 4
VELOCITIES = (45, 70, 95, 120)
BEATS = 3


@dataclass(frozen=True)
class Take:
    """One thing to play; `key` and `velocity` of a single note or drum."""

    name: str
    playing: Playing
    notes: tuple[Note, ...]
    key: int | None = None
    velocity: int | None = None


def instrument_takes(family: str | None, program: int, seed: int) -> list[Take]:
    """Four notes over the range, a short one, a chord, a melody and an arpeggio; for drums and sound effects,
    notes and a rhythm.
    """
    dice = Dice(seed)
    low, high = PROGRAM_RANGES.get(program, RANGES.get(family or "", ANY_RANGE))
    step = (high - low) / NOTES
    keys = [int(low + step * (i + dice.between(0, 1))) for i in range(NOTES)]
    first = int(dice.between(0, len(VELOCITIES)))
    takes = [_note(key, VELOCITIES[(first + i) % len(VELOCITIES)], 1.5) for i, key in enumerate(keys)]
    if family in UNTUNED:
        return [*takes, _rhythm(keys[1], dice)]
    takes.append(_note(int(dice.between(low, high)), dice.pick(VELOCITIES), 0.12))
    root = int(dice.between(low, max(low + 1, high - 12)))
    return [*takes, _chord(root, dice), _melody(root, dice), _arpeggio(root, dice)]


def drum_hits() -> list[Take]:
    """Every General MIDI drum, once."""
    return [Take(f"hit_{key:03d}", "hit", (Note(0, 0.4, key, 100),), key, 100) for key in DRUM_KEYS]


def drum_beats(seed: int) -> list[Take]:
    """A few bars, each of another style."""
    dice = Dice(seed)
    styles = sorted(STYLES)
    start = int(dice.between(0, len(styles)))
    return [_beat(styles[(start + 5 * i) % len(styles)], i, dice) for i in range(BEATS)]


def _note(key: int, velocity: int, length_s: float) -> Take:
    playing: Playing = "note" if length_s > 0.5 else "short note"
    name = f"{playing.replace(' ', '-')}_{key:03d}_{velocity:03d}"
    return Take(name, playing, (Note(0, length_s, key, velocity),), key, velocity)


def _chord(root: int, dice: Dice) -> Take:
    notes = [Note(0, 2.0, root + interval, 85) for interval in dice.pick(CHORDS)]
    return Take("chord", "chord", tuple(notes))


def _melody(root: int, dice: Dice) -> Take:
    beat_s = dice.between(0.28, 0.5)
    notes = [
        Note(i * beat_s, beat_s * 0.95, root + interval, 75 + 15 * (i % 2))
        for i, interval in enumerate(dice.pick(MELODIES))
    ]
    return Take("melody", "melody", tuple(notes))


def _arpeggio(root: int, dice: Dice) -> Take:
    chord, step_s = dice.pick(CHORDS), dice.between(0.12, 0.25)
    order = (0, 1, 2, 3, 2, 1) if dice.chance(0.5) else (0, 2, 1, 3)
    notes = [Note(i * step_s, step_s * 1.1, root + chord[order[i % len(order)]], 80) for i in range(16)]
    return Take("arpeggio", "arpeggio", tuple(notes))


def _rhythm(key: int, dice: Dice) -> Take:
    step_s = dice.between(0.11, 0.16)
    return Take("rhythm", "rhythm", tuple(_pattern(RHYTHM, key, step_s)))


def _beat(style: str, number: int, dice: Dice) -> Take:
    """Two bars of a style's kick, snare and hi-hat."""
    about = STYLES[style]
    bar_s = 4 * 60 / dice.between(*about.tempo)
    lines = [(36, dice.pick(about.kick)), (38, dice.pick(about.snare)), (42, dice.pick(about.hat))]
    notes = [
        note
        for bar in range(2)
        for key, pattern in lines
        for note in _pattern(pattern, key, bar_s / len(pattern), bar * bar_s)
    ]
    return Take(
        f"beat_{number}_{style.replace(' ', '-')}", "beat", tuple(sorted(notes, key=lambda n: n.start_s))
    )


def _pattern(pattern: str, key: int, step_s: float, start_s: float = 0.0) -> list[Note]:
    return [
        Note(start_s + i * step_s, step_s * 0.9, key, VELOCITY[sign])
        for i, sign in enumerate(pattern)
        if sign in VELOCITY
    ]
