"""Names of presets, kits and samples as plain words: "Ac.Gtr-Nyl 2" → "acoustic guitar nylon"."""

from __future__ import annotations

import re

# Abbreviations that sound designers use, lower case, without their full stop.
ABBREVIATIONS = {
    "ac": "acoustic",
    "accord": "accordion",
    "accordian": "accordion",
    "acou": "acoustic",
    "acoust": "acoustic",
    "ahh": "aah",
    "ambi": "ambient",
    "bari": "baritone",
    "bd": "bass drum",
    "bs": "bass",
    "bassdrum": "bass drum",
    "brite": "bright",
    "brs": "brass",
    "chh": "closed hi-hat",
    "chor": "chorus",
    "cl": "closed",
    "clar": "clarinet",
    "clav": "clavinet",
    "cln": "clean",
    "cym": "cymbal",
    "dist": "distorted",
    "dnb": "drum and bass",
    "drm": "drum",
    "e": "electric",
    "el": "electric",
    "elec": "electric",
    "elct": "electric",
    "ens": "ensemble",
    "ep": "electric piano",
    "fl": "flute",
    "fng": "fingered",
    "fretls": "fretless",
    "fx": "effect",
    "glock": "glockenspiel",
    "grd": "grand",
    "gt": "guitar",
    "gtr": "guitar",
    "guit": "guitar",
    "hat": "hi-hat",
    "harmo": "harmonic",
    "hh": "hi-hat",
    "hhclosed": "closed hi-hat",
    "hhopen": "open hi-hat",
    "hi": "high",
    "hihat": "hi-hat",
    "hmn": "harmon",
    "honkytonk": "honky-tonk",
    "hrn": "horn",
    "it": "italian",
    "kik": "kick",
    "lo": "low",
    "mar": "marimba",
    "melo": "melodic",
    "nyl": "nylon",
    "nz": "noise",
    "od": "overdriven",
    "op": "open",
    "opn": "open",
    "orch": "orchestra",
    "org": "organ",
    "pd": "pedal",
    "perc": "percussion",
    "pno": "piano",
    "sax": "saxophone",
    "sn": "snare",
    "sop": "soprano",
    "sqr": "square",
    "str": "strings",
    "strg": "strings",
    "syn": "synth",
    "synbass": "synth bass",
    "tamb": "tambourine",
    "tpt": "trumpet",
    "trem": "tremolo",
    "tremelo": "tremolo",
    "tri": "triangle",
    "trb": "trombone",
    "vib": "vibraphone",
    "vibes": "vibraphone",
    "vln": "violin",
    "vlns": "violins",
    "vox": "voice",
    "xylo": "xylophone",
}
# What names carry that is no word: signatures, versions, takes.
NOISE = re.compile(r"\([A-Z]{2,3}\)|\bv\d+(\.\d+)*\b|\b(LP|CLP|MT|TB|CM)\b")


def words_of(name: str) -> str:
    """A name in lower-case words, abbreviations written out, without versions and trailing numbers."""
    text = NOISE.sub(" ", name).replace("&", " and ")
    text = re.sub(r"(?i)hi-?hat", "Hihat", text)
    text = re.sub(r"[_./,()\[\]\"\\*+:]+|(?<=[A-Za-z])-(?=[A-Z0-9])", " ", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z]{2})(?=\d)", " ", text)
    words = [ABBREVIATIONS.get(word.lower(), word.lower()) for word in text.split()]
    while len(words) > 1 and re.fullmatch(r"\W*\d{1,2}\W*", words[-1]):
        words.pop()
    return " ".join(words).strip(" -")
