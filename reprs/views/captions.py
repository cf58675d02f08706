"""Captions of single recordings: what plays, in other words every time.

All draws come from the `numpy.random.Generator` that is passed in. For captions of how something was
produced, see `reprs.views.production`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reprs.corpora.item import Item
from reprs.corpora.named import DRUMS, NamedItem
from reprs.views.instrument_words import FAMILY_WORDS, PROGRAM_WORDS
from reprs.views.production import production_caption, production_captions

__all__ = ["instrument_captions", "instrument_nouns", "production_caption", "production_captions"]

LOW_KEY, HIGH_KEY = 45, 76
SOFT, HARD = 55, 110
# The shares of captions that name only the family, or add the family to the name.
FAMILY_ALONE, FAMILY_TOO = 0.12, 0.2

TEMPLATES: dict[str, tuple[str, ...]] = {
    "note": (
        "{a} note on {noun}",
        "{noun} playing one {how} note",
        "a single {how} {noun} note",
        "one sustained {how} note of {noun}",
        "{how} {noun} sound",
        "{noun}, {how} single note",
        "the sound of {a} {noun}",
    ),
    "short note": (
        "a short {how} {noun} note",
        "{noun} staccato",
        "a brief {how} {noun} hit",
        "{noun}, one short {how} note",
        "short percussive {noun}",
    ),
    "chord": (
        "a {noun} chord",
        "chord played on {noun}",
        "{noun} holding a chord",
        "sustained chord of {noun}",
        "{noun} harmony",
    ),
    "melody": (
        "a melody on {noun}",
        "{noun} melody",
        "{noun} playing a tune",
        "a short phrase played by {noun}",
        "solo {noun} line",
    ),
    "arpeggio": (
        "a {noun} arpeggio",
        "{noun} playing broken chords",
        "fast arpeggiated {noun}",
        "{noun} riff",
        "rolling {noun} pattern",
    ),
    "rhythm": ("a rhythm on {noun}", "{noun} groove", "repeated {noun} hits", "rhythmic {noun}"),
    "hit": (
        "{noun}",
        "one {noun} hit",
        "a single {noun}",
        "{noun} sound",
        "{noun} one-shot",
        "drum hit: {noun}",
    ),
    "beat": (
        "{noun} beat",
        "a drum beat on {noun}",
        "{noun} groove",
        "{noun} playing a rhythm",
        "drum loop, {noun}",
    ),
    "sound": ("{noun}", "{noun} sample", "the sound of {noun}", "{noun} sound", "a recording of {noun}"),
    "loop": ("{noun} loop", "a looped {noun}", "{noun} groove", "repeating {noun} pattern"),
}


def instrument_captions(item: Item, rng: np.random.Generator) -> str:
    """One caption of an item: its own text where it has one, else a template over its names.

    Items without names are described by `instrument`, and by the name of their file at last.
    """
    if isinstance(item, NamedItem) and item.text is not None:
        return item.text
    noun, templates = _noun(item, rng), TEMPLATES["sound"]
    how = ""
    if isinstance(item, NamedItem):
        templates, how = TEMPLATES[item.playing], _how(item, rng)
    text = str(rng.choice(templates)).format(noun=noun, how=how, a="{a}")
    return _tidied(text)


def instrument_nouns(item: Item) -> list[str]:
    """Every name an item goes by: its maker's, its program's, and other words for that."""
    if not isinstance(item, NamedItem):
        return [item.instrument or item.path.stem.replace("_", " ")]
    tags = " ".join(item.tags)
    names = [name for name in (item.label, item.program) if name]
    names += PROGRAM_WORDS.get(item.program or "", ())
    if not names:
        return [tags or "drums"] if item.family == DRUMS else [tags or _family_word(item, 0)]
    plain = [_without_number(name) for name in names]
    return list(dict.fromkeys(plain))


def _noun(item: Item, rng: np.random.Generator) -> str:
    """A name drawn for an item, sometimes with or instead of its family."""
    names = instrument_nouns(item)
    # Half of the time the maker's own name, which is the most particular one.
    noun = names[0] if rng.random() < 0.5 else names[int(rng.integers(len(names)))]
    if not isinstance(item, NamedItem):
        return noun
    if item.tags and item.label and rng.random() < 0.5:
        noun = f"{' '.join(item.tags)} {noun}"
    if item.family is None or item.playing == "hit":
        return noun
    family = _family_word(item, int(rng.integers(1 << 30)))
    draw = rng.random()
    if draw < FAMILY_ALONE and item.playing != "sound":
        return family
    return f"{noun}, {family}" if draw < FAMILY_ALONE + FAMILY_TOO and family not in noun else noun


def _family_word(item: NamedItem, draw: int) -> str:
    words: Sequence[str] = FAMILY_WORDS.get(item.family or "", ("sound",))
    return words[draw % len(words)]


def _how(item: NamedItem, rng: np.random.Generator) -> str:
    """Register and strength, where they are out of the ordinary and the dice want them said."""
    words = []
    if item.pitch is not None and rng.random() < 0.6:
        low, high = ("low", "deep", "low-pitched"), ("high", "high-pitched", "bright high")
        words += [
            str(rng.choice(w))
            for w, out in ((low, item.pitch < LOW_KEY), (high, item.pitch > HIGH_KEY))
            if out
        ]
    if item.velocity is not None and rng.random() < 0.5:
        soft, hard = ("soft", "quiet", "gentle"), ("loud", "hard", "strong")
        words += [
            str(rng.choice(w))
            for w, out in ((soft, item.velocity < SOFT), (hard, item.velocity > HARD))
            if out
        ]
    return " ".join(words)


def _without_number(name: str) -> str:
    return name[:-2] if name[-2:] in (" 1", " 2") else name


def _tidied(text: str) -> str:
    """Without doubled blanks and words, and with the article that the next word asks for."""
    words = text.split()
    words = [w for i, w in enumerate(words) if i == 0 or w != words[i - 1]]
    for i, word in enumerate(words):
        if word in ("a", "an", "{a}") and i + 1 < len(words):
            words[i] = "an" if words[i + 1][0].lower() in "aeiou" else "a"
    return " ".join(words)
