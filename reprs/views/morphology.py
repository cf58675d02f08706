"""Forms of an English word, so that the lexicon needs to hold only one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

# What a suffix may have replaced: "happier" ← "happy", "larger" ← "large", "softly" ← "soft".
SUFFIXES = {
    " sounding": ("",),
    " like": ("",),
    " ish": ("",),
    "iness": ("y",),
    "ness": ("",),
    "iest": ("y",),
    "est": ("", "e"),
    "ier": ("y",),
    "er": ("", "e"),
    "ily": ("y",),
    "ly": ("", "le"),
    "ened": ("",),
    "ening": ("",),
    "ens": ("",),
    "en": ("", "e"),
    "ish": ("", "e"),
    "ing": ("", "e"),
    "ed": ("", "e"),
    "es": ("", "e"),
    "s": ("",),
    "y": ("", "e"),
}
SHORTEST = 3


def plain(text: str) -> str:
    """One spelling: lower case, spaces for hyphens and apostrophes."""
    return " ".join(re.sub(r"[-_'’]", " ", text.lower()).split())


def roots(text: str) -> Iterator[str]:
    """`text` itself in lower case, then what it may be a form of, most likely first."""
    word = plain(text)
    seen = set()
    for form in (word, *_stripped(word)):
        if form not in seen and len(form) >= min(SHORTEST, len(word)):
            seen.add(form)
            yield form


def _stripped(word: str) -> Iterator[str]:
    for suffix, endings in SUFFIXES.items():
        if not word.endswith(suffix) or len(word) - len(suffix) < SHORTEST - 1:
            continue
        stem = word[: -len(suffix)]
        yield from (stem + ending for ending in endings)
        if len(stem) > 3 and stem[-1] == stem[-2] and suffix[0] in "ei":  # "thinner" ← "thin"
            yield stem[:-1]
