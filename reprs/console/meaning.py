"""What a prompt asks of an equaliser, as a response in dB.

The words come from the lexicon (`reprs.views.lexicon`), also where they are misspelt; another word is read by
its neighbours in the text tower's space (`reprs.console.neighbours`), and refused where none is near enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reprs.console.spelling import CONFIDENCE, respelt
from reprs.views.lexicon import MAX_GAIN_DB, Lexicon, bell_db, shelf_db
from reprs.views.prompt import Term, parse

# Two terms that agree may add up to this much of the stronger one; terms that do not overlap add untouched.
AGREEMENT = 1.25
LONGEST_QUOTE = 60
TERM_GAIN_DB = 6.0  # of a phrase like "more at 3 kHz"


@dataclass(frozen=True)
class Meaning:
    """A prompt, understood.

    `response_db` `(F,)` is what it asks for at the frequencies given, within ±12 dB; `terms` are its parts,
    as read; `confidence` in (0, 1] is 1 where every part is in the lexicon; `ignored` are words that mean
    nothing here.
    """

    response_db: np.ndarray
    terms: tuple[Term, ...]
    confidence: float
    ignored: tuple[str, ...] = ()


def target_curve(prompt: str, frequencies_hz: np.ndarray) -> Meaning:
    """Read `prompt` as a response in dB at `frequencies_hz` `(F,)`; a ValueError where it means nothing."""
    lexicon = Lexicon.shipped()
    f = np.asarray(frequencies_hz, dtype=np.float64)
    read, curves, sure, ignored = [], [], [], []
    for term in parse(prompt, lexicon):
        curve, confidence = _term_curve(term, lexicon, f)
        if confidence > 0:
            read.append(term)
            curves.append(curve)
            sure.append(confidence)
        else:
            ignored.append(term.text)
    if not read:
        raise ValueError(_refusal(prompt, ignored))
    return Meaning(_combined(curves), tuple(read), float(np.mean(sure)), tuple(ignored))


def _term_curve(term: Term, lexicon: Lexicon, f: np.ndarray) -> tuple[np.ndarray, float]:
    """Response in dB `(F,)` of one term, and how sure its reading is."""
    if term.name is not None:
        curve = lexicon.curve(term.name, f)
        if term.gain_db is not None:
            return term.gain_db * curve / max(float(np.max(np.abs(curve))), 1e-9), 1.0
        return term.amount * curve, 1.0
    if term.band_hz is not None:
        low_hz, high_hz = term.band_hz
        gain_db = term.gain_db if term.gain_db is not None else TERM_GAIN_DB * term.amount
        draw = shelf_db if low_hz <= 20.0 or high_hz >= 20_000.0 else bell_db
        return draw(low_hz, high_hz, gain_db, f), 1.0
    meant = respelt(term.text)
    if meant is not None:
        return term.amount * lexicon.curve(meant, f), CONFIDENCE
    # The tower is only loaded for a word that the lexicon lacks.
    from reprs.console.neighbours import confidence, neighbour_curve, neighbours

    found = neighbours(term.text)
    return term.amount * neighbour_curve(found, f), confidence(found)


def _combined(curves: list[np.ndarray]) -> np.ndarray:
    """The sum of the terms, scaled down where they pile up and where it would leave ±12 dB."""
    total = np.sum(curves, axis=0)
    peak = float(np.max(np.abs(total)))
    strongest = max(float(np.max(np.abs(curve))) for curve in curves)
    limit = min(AGREEMENT * strongest, MAX_GAIN_DB) if len(curves) > 1 else MAX_GAIN_DB
    return total * min(1.0, limit / max(peak, 1e-9))


def _refusal(prompt: str, ignored: list[str]) -> str:
    if not prompt.strip():
        return "the prompt is empty: say how it should sound, such as 'warm, less boomy'"
    what = ", ".join(repr(word) for word in ignored) or repr(" ".join(prompt.split()))
    what = what if len(what) <= LONGEST_QUOTE else f"{what[:LONGEST_QUOTE]}…"
    return f"no idea how {what} sounds: try words such as 'warm', 'less boomy' or 'much brighter'"
