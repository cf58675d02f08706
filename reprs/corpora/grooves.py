"""What the composer knows: styles as data.

A pattern is one bar of sixteenths, or of twelve triplet eighths: `X` accented, `x` played, `o` soft,
`.` silent. Chords are scale degrees from 0; a bar may hold two of them. Programs are General MIDI numbers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """One genre: tempo range in beats a minute, scales, progressions, patterns, and who may play them."""

    tempo: tuple[int, int]
    scales: tuple[str, ...]
    progressions: tuple[tuple[int, ...], ...]
    kick: tuple[str, ...]
    snare: tuple[str, ...]
    hat: tuple[str, ...]
    bass: tuple[str, ...]
    chords: tuple[str, ...]
    lead: tuple[str, ...]
    bass_programs: tuple[int, ...]
    chord_programs: tuple[int, ...]
    lead_programs: tuple[int, ...]
    pad_programs: tuple[int, ...] = (48, 49, 50, 89, 91, 94, 95)
    swing: float = 0.0
    chord_length: float = 0.9
    sevenths: float = 0.2
    drums: float = 0.95


SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
}
POP = ((0, 4, 5, 3), (5, 3, 0, 4), (0, 5, 3, 4), (0, 3, 5, 4), (3, 4, 0, 5))
MINOR = ((0, 5, 2, 6), (0, 6, 5, 6), (0, 3, 6, 2), (0, 0, 5, 6), (0, 3, 0, 4))
EIGHTHS = "x.x.x.x.x.x.x.x."
SIXTEENTHS = "XoxoXoxoXoxoXoxo"

STYLES: dict[str, Style] = {
    "rock": Style(
        (100, 150),
        ("major", "minor", "mixolydian"),
        (*POP, (0, 6, 3, 0)),
        ("X...x...X.x.....", "X.....x.X...x...", "X..x..x.X.......", "X.x.....X.x..x.."),
        ("....X.......X...", "....X.......X..o"),
        (EIGHTHS, "X.x.X.x.X.x.X.x.", "x...x...x...x..."),
        (EIGHTHS, "X..x..x.X..x..x.", "X.x...x.X.x...x."),
        ("X.......X.......", "X..x..x.X..x....", EIGHTHS),
        ("X...x.x...x.x...", "..x.x.x.....x.x.", "X.....x.x...x..."),
        (33, 34),
        (29, 30, 27, 16),
        (30, 29, 81, 18),
    ),
    "metal": Style(
        (120, 160),
        ("minor", "phrygian"),
        (*MINOR, (0, 1, 0, 6)),
        ("XxXxXxXxXxXxXxXx", "X.xxX.xxX.xxX.xx", "X..xX..xX..xX.xx"),
        ("....X.......X...", "..X...X...X...X."),
        ("X...X...X...X...", EIGHTHS),
        ("XxxxXxxxXxxxXxxx", "X.xxX.xxX.xxX.xx"),
        ("XxxxXxxxXxxxXxxx", "X.xxX.xxX.xxX.xx", "X..x..x.X..x..x."),
        (SIXTEENTHS, "X.x.x.x.X.x.xxx."),
        (34, 33),
        (30,),
        (30, 81),
        chord_length=0.6,
        sevenths=0.0,
    ),
    "pop": Style(
        (88, 128),
        ("major", "minor"),
        POP,
        ("X.......X.x.....", "X..x....X..x....", "X.....x.X......."),
        ("....X.......X...",),
        (EIGHTHS, SIXTEENTHS, "..x...x...x...x."),
        ("X..x..x.X..x..x.", "X...x...X...x...", EIGHTHS),
        ("X.......X.......", "X..x..x.X..x..x.", "X...X...X...X..."),
        ("X...x.x.x.....x.", "..x.x...x.x.x..."),
        (33, 35, 38),
        (0, 1, 4, 25, 27, 88),
        (80, 73, 11, 65, 52),
        sevenths=0.15,
    ),
    "funk": Style(
        (92, 116),
        ("dorian", "mixolydian"),
        ((0, 0, 3, 3), (0, 0, 0, 3), (0, 3, 0, 4), (1, 4, 1, 4)),
        ("X..x..x...x..x..", "X.....x..xx.....", "X.x....x..x....."),
        ("....X..o.o..X..o", "....X.o....oX..."),
        (SIXTEENTHS, "XoxoxoXoXoxoxoxX"),
        ("X..x..xx..x.x..x", "X.xx...x.xx..x.x"),
        ("..x..X....x..x..", "....X..x....X.x.", "x..x..x...X....."),
        ("X..x..x...xx..x.", "..X...x.x..x...."),
        (36, 37, 33),
        (28, 27, 4, 16, 7),
        (61, 66, 56, 62),
        chord_length=0.4,
        sevenths=0.8,
    ),
    "house": Style(
        (118, 130),
        ("minor", "dorian"),
        MINOR,
        ("X...X...X...X...",),
        ("....X.......X...", "............X..."),
        ("..X...X...X...X.", "x.Xox.Xox.Xox.Xo"),
        ("..X...X...X...X.", "X..X..X...X..X..", "..x..xX...x..xX."),
        ("X..x..x...x..x..", "..X...X...X...X."),
        ("X..x..x..x..x...", "X.x..x.x..x.x..."),
        (38, 39),
        (90, 81, 4, 0, 50),
        (80, 81, 87, 62),
        chord_length=0.5,
        sevenths=0.6,
    ),
    "hiphop": Style(
        (70, 98),
        ("minor", "dorian"),
        MINOR,
        ("X..x......x.....", "X.....x..x......", "X..x..x.....x..."),
        ("....X.......X...", "....X.......X.o."),
        (EIGHTHS, "x.x.xxx.x.x.xoxo"),
        ("X.....x...x.....", "X..x......x....."),
        ("X...............", "X.....x.........", "X.......x......."),
        ("X..x....x..x....", "..x...x.....x..."),
        (38, 39, 32),
        (4, 0, 11, 5, 26),
        (73, 11, 75, 80, 56),
        swing=0.25,
        sevenths=0.7,
    ),
    "swing": Style(
        (100, 160),
        ("major", "dorian"),
        ((1, 4, 0, 5), (0, 5, 1, 4), (1, 4, 0, 0), (0, 3, 1, 4)),
        ("X.....o.....", "x..x..x..x.."),
        ("........o..o", "...o....o..."),
        ("X..X.xX..X.x",),
        ("X..X..X..X..",),
        ("X....x......", "..x.....x...", "...X....x..x"),
        ("X.xx..x.xx..", "..x.x..x.x.x", "x..x.xx....."),
        (32, 35),
        (0, 26, 11, 17),
        (65, 66, 56, 71, 26),
        chord_length=0.5,
        sevenths=1.0,
    ),
    "bossa": Style(
        (110, 140),
        ("major", "dorian"),
        ((0, 5, 1, 4), (0, 1, 4, 0), (2, 5, 1, 4)),
        ("X..xX..xX..xX..x",),
        ("X..X..X...X..X..", "..X..X....X..X.."),
        (EIGHTHS, SIXTEENTHS),
        ("X..xX..xX..xX..x", "X.....xxX.....xx"),
        ("X..x..x...x..x..", "x.X...x.x..X..x."),
        ("X...x..x..x.....", "..x.x.x....x..x."),
        (32, 35),
        (24, 0, 26),
        (73, 65, 11, 24),
        sevenths=0.9,
        chord_length=0.7,
    ),
    "reggae": Style(
        (70, 92),
        ("minor", "major"),
        ((0, 3, 0, 4), (0, 4, 5, 3), (0, 6, 0, 6)),
        ("........X.......", "X.......X......."),
        ("........X.......",),
        ("x.x.x.x.x.x.x.x.", "x.xox.xox.xox.xo"),
        ("X..x..x...x.x...", "..x.x...X..x..x."),
        ("....X.......X...", "..X...X...X...X."),
        ("X..x....x.x.....", "..x...x.....x..."),
        (33, 35),
        (27, 16, 17, 0),
        (57, 22, 66),
        swing=0.15,
        chord_length=0.4,
    ),
    "ballad": Style(
        (60, 84),
        ("major", "minor"),
        POP,
        ("X.........x.....", "X.......X..x...."),
        ("....X.......X...", "........X......."),
        (EIGHTHS, "x...x...x...x..."),
        ("X.......x.......", "X.....x.X......."),
        ("X.x.x.x.X.x.x.x.", "X...x...x...x..."),
        ("X.....x.x.......", "X...x.....x.x..."),
        (32, 35, 33),
        (0, 1, 2, 24, 46),
        (40, 68, 73, 60, 42, 65),
        sevenths=0.4,
        drums=0.7,
    ),
    "folk": Style(
        (84, 132),
        ("major", "mixolydian", "dorian"),
        ((0, 3, 0, 4), (0, 4, 3, 0), (0, 6, 3, 0), (0, 5, 3, 4)),
        ("X.......X.......",),
        ("....o.......o...",),
        (EIGHTHS,),
        ("X.......x.......", "X...x...X...x..."),
        ("X..xx.xxX..xx.xx", "X.x.xxx.X.x.xxx.", EIGHTHS),
        ("X.x.x...x.x.x...", "x.xxx.x.x.x.x..."),
        (32, 33),
        (25, 24, 105, 46, 21),
        (40, 73, 75, 22, 110, 72),
        drums=0.4,
        sevenths=0.05,
    ),
    "cinematic": Style(
        (70, 120),
        ("minor", "lydian", "phrygian"),
        MINOR,
        ("X.......X.....x.", "X..x..x.X..x..x."),
        ("................", "............o..."),
        ("................", "x...x...x...x..."),
        ("X...............", "X.......X......."),
        (EIGHTHS, "X.xxX.xxX.xxX.xx", "X..............."),
        ("X.......x...x...", "X...x.......x..."),
        (43, 42, 58),
        (45, 48, 46, 44),
        (60, 56, 40, 68, 52),
        drums=0.6,
        chord_length=0.8,
    ),
    "ambient": Style(
        (70, 100),
        ("lydian", "dorian", "major"),
        ((0, 3, 0, 3), (0, 4, 1, 3), (0, 2, 5, 3)),
        ("X...............", "X.........x....."),
        ("................", "........o......."),
        ("x...o...x...o...", "..o...o...o...o."),
        ("X...............",),
        ("X...............", "X..x..x..x..x..x", "x...x.x.x...x.x."),
        ("X.........x.....", "....x.......x..."),
        (38, 35, 39),
        (88, 98, 99, 10, 12, 92),
        (79, 74, 108, 11, 54),
        drums=0.4,
        sevenths=0.7,
        chord_length=1.5,
    ),
}
FAMILIES = (
    "piano",
    "mallets",
    "organ",
    "guitar",
    "bass",
    "strings",
    "ensemble",
    "brass",
    "reed",
    "flute",
    "synth lead",
    "synth pad",
    "synth effect",
    "folk",
    "percussion",
    "effect",
)
