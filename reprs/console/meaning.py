"""What a prompt asks of an equaliser, as a response in dB.

The words come from the lexicon (`reprs.views.lexicon`); a word it does not hold is read by its neighbours in
the text tower's space (`reprs.console.neighbours`), and one with no neighbour near enough is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reprs.views.lexicon import MAX_GAIN_DB, Lexicon, bell_db, shelf_db
from reprs.views.prompt import Term, parse

# Two terms that agree may add up to this much of the stronger one; terms that do not overlap add untouched.
AGREEMENT = 1.25
TERM_GAIN_DB = 6.0  # of a phrase like "more at 3 kHz"


@dataclass(frozen=True)
class Meaning:
    """A prompt, understood.

    `response_db` `(F,)` is what it asks for at the frequencies given, within ±12 dB; `terms` are its parts, as
    read; `confidence` in (0, 1] is 1 where every part is in the lexicon; `ignored` are words that mean nothing
    here.
    """

    response_db: np.ndarray
    terms: tuple[Term, ...]
    confidence: float
    ignored: tuple[str, ...] = ()


def target_curve(prompt: str, frequencies_hz: np.ndarray) -> Meaning:
    """Read `prompt` as a response in dB at `frequencies_hz` `(F,)`; a ValueError where it means nothing."""
    lexicon = Lexicon.shipped()
    frequencies_hz = np.asarray(frequencies_hz, dtype=np.float64)
    terms = parse(prompt, lexicon)
    known = [term for term in terms if not term.unknown]
    ignored = tuple(term.text for term in terms if term.unknown)
    if not known:
        raise ValueError(_refusal(prompt, ignored))
    curves = [_term_curve(term, lexicon, frequencies_hz) for term in known]
    return Meaning(_combined(curves), tuple(known), 1.0, ignored)


def _term_curve(term: Term, lexicon: Lexicon, frequencies_hz: np.ndarray) -> np.ndarray:
    if term.name is not None:
        return term.amount * lexicon.curve(term.name, frequencies_hz)
    low_hz, high_hz = term.band_hz or (20.0, 20_000.0)
    gain_db = term.gain_db if term.gain_db is not None else TERM_GAIN_DB * term.amount
    if low_hz <= 20.0 or high_hz >= 20_000.0:
        return shelf_db(low_hz, high_hz, gain_db, frequencies_hz)
    return bell_db(low_hz, high_hz, gain_db, frequencies_hz)


def _combined(curves: list[np.ndarray]) -> np.ndarray:
    """The sum of the terms, scaled down where they pile up and where it would leave ±12 dB."""
    total = np.sum(curves, axis=0)
    peak = float(np.max(np.abs(total)))
    strongest = max(float(np.max(np.abs(curve))) for curve in curves)
    limit = min(AGREEMENT * strongest, MAX_GAIN_DB) if len(curves) > 1 else MAX_GAIN_DB
    return total * min(1.0, limit / max(peak, 1e-9))


def _refusal(prompt: str, ignored: tuple[str, ...]) -> str:
    if not prompt.strip():
        return "the prompt is empty: say how it should sound, such as 'warm, less boomy'"
    what = ", ".join(repr(word) for word in ignored) or repr(prompt.strip())
    return f"no idea how {what} sounds: try words such as 'warm', 'less boomy' or 'much brighter'"
