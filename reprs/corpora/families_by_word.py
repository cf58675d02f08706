"""The family of an instrument from the words of its name."""

from __future__ import annotations

import re

# The first family with a word in the name has it, so particular words come before general ones.
KEYWORDS: tuple[tuple[str, str], ...] = (
    (
        "Sound Effects",
        "noise|seashore|bird|telephone|phone|applause|gun ?shot|explo\\w*|robot|glitch|burp|crow|vinyl",
    ),
    (
        "Sound Effects",
        "scratch|printer|door|siren|laugh\\w*|scream\\w*|swoo?sh|woosh|effect|zap|crowd|backspin|rewind",
    ),
    ("Synth Lead", "synth lead|saw|square wave|lead"),
    ("Bass", "synth bass|slap bass|fretless|bass guitar|acid|303"),
    (
        "Drums",
        "kick|bass drum|snare|hi-hat|tom|cymbal|crash|ride|splash|china|clap|rim|rimshot|side ?stick|stick",
    ),
    (
        "Drums",
        "drums?|beat|beats|break|breakbeat|amen|conga|bongo|tambourine|cowbell|shaker|maracas?|claves?|cabasa",
    ),
    (
        "Drums",
        "triangle|guiro|timbale|cajon|djembe|kenkeni|tabla|finger snaps?|snap|hand|vibraslap",
    ),
    ("Percussive", "woodblock|wood|agogo|taiko|percussion|castanets?"),
    ("Guitar", "guitar|banjo guitar|ukulele|mandolin|strum"),
    ("Bass", "bass"),
    ("Piano", "piano|rhodes|harpsichord|clavinet|honky-tonk"),
    ("Organ", "organ|accordion|harmonica|bandoneon"),
    (
        "Chromatic Percussion",
        "celesta|glockenspiel|music ?box|vibraphone|marimba|xylophone|bells?|chime|dulcimer",
    ),
    ("Ensemble", "strings|choir|chorus|chorale|voices?|vowel|orchestra|ensemble|orchestral"),
    ("Strings", "violins?|violas?|cello|contrabass|pizzicato|harp|timpani|fiddle"),
    ("Brass", "trumpet|trombone|tuba|horns?|brass"),
    ("Reed", "sax|saxophone|oboe|english horn|bassoon|clarinet"),
    ("Pipe", "flute|piccolo|recorder|pan ?pipes?|whistle|ocarina|shakuhachi|bottle ?blow"),
    ("Ethnic", "sitar|banjo|shamisen|koto|kalimba|bagpipe|sho"),
    ("Synth Pad", "pad|ambient|drone|heaven|space"),
)
_PATTERNS = [(family, re.compile(rf"\b({words})\b")) for family, words in KEYWORDS]


def family_by_words(name: str) -> str | None:
    """The family (or "Drums") that a name in plain, lower-case words tells of, or `None`."""
    return next((family for family, pattern in _PATTERNS if pattern.search(name)), None)
