"""A prompt as terms: which descriptor or frequency, in which direction, how strongly.

    "much warmer, but not so boomy; cut a bit at 3 kHz"
    → warm × 1.6, boomy × −0.6, a bell at 3 kHz × −0.5

A word that is neither in the lexicon nor grammar becomes a term of its own, marked `unknown`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from reprs.views import grammar
from reprs.views.lexicon import Lexicon

LONGEST_PHRASE = 4
MAX_AMOUNT = 2.0
TOKEN = re.compile(r"[+-]?\d+(?:\.\d+)?|[^\W\d_]+(?:['’-][^\W\d_]+)*|[.,;:&+/!?]")
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?$")
ANSWER = ("", ".", ";")  # marks after which a direction does not carry on


@dataclass(frozen=True)
class Term:
    """One wish: `name` of a descriptor, or `band_hz` (low, high) of a frequency phrase, times `amount`.

    `amount` is 1 for the plain word, negative for less of it, at most 2; `gain_db` is set where the prompt says
    decibels; a term with neither `name` nor `band_hz` is unknown.
    """

    text: str
    amount: float = 1.0
    name: str | None = None
    band_hz: tuple[float, float] | None = None
    gain_db: float | None = None

    @property
    def unknown(self) -> bool:
        return self.name is None and self.band_hz is None


@dataclass
class _Mood:
    """What the words read so far say about the next descriptor."""

    sign: float = 1.0
    strength: float = 1.0
    directed: bool = False
    gain_db: float | None = None
    words: list[str] = field(default_factory=list)


def parse(prompt: str, lexicon: Lexicon) -> list[Term]:
    """The terms of `prompt` in order; empty where it holds only grammar ("make it the"), or nothing."""
    tokens = TOKEN.findall(prompt.lower().replace("’", "'"))
    terms: list[tuple[Term, bool]] = []
    mood, index = _Mood(), 0
    while index < len(tokens):
        index = _step(tokens, index, mood, terms, lexicon)
    return _without_bystanders(terms, lexicon)


def _step(
    tokens: list[str], index: int, mood: _Mood, terms: list[tuple[Term, bool]], lexicon: Lexicon
) -> int:
    """Read what stands at `index`, longest phrase first; returns the index after it."""
    frequency = _frequency(tokens, index)
    if frequency is not None:
        band_hz, gain_db, length = frequency
        gain_db = mood.gain_db if gain_db is None else gain_db
        if gain_db is not None:
            gain_db = gain_db if not mood.directed else abs(gain_db) * mood.sign
        _add(terms, mood, tokens[index : index + length], band_hz=band_hz, gain_db=gain_db)
        return index + length
    decibels = _decibels(tokens, index)
    if decibels is not None:
        _set_gain(terms, mood, decibels)
        return index + 2
    for length in range(min(LONGEST_PHRASE, len(tokens) - index), 0, -1):
        phrase = " ".join(tokens[index : index + length])
        if phrase in grammar.BREAKS:
            _break(mood, phrase)
        elif phrase in grammar.STRENGTHS and not _stands_alone(tokens, index, length, phrase, lexicon):
            mood.strength *= grammar.STRENGTHS[phrase]
        elif phrase in grammar.DIRECTIONS:
            _turn(mood, phrase)
        elif phrase in grammar.FILLERS:
            pass
        else:
            found = lexicon.find(phrase)
            if found is None:
                continue
            _add(terms, mood, tokens[index : index + length], name=found.name)
        return index + length
    _read_unknown(tokens[index], mood, terms, lexicon)
    return index + 1


def _read_unknown(token: str, mood: _Mood, terms: list[tuple[Term, bool]], lexicon: Lexicon) -> None:
    """A word on its own: the opposite of a known one ("unclear"), or unknown; numbers and marks say nothing."""
    if NUMBER.match(token) or not token[0].isalpha():
        return
    for prefix in grammar.NEGATIVE_PREFIXES:
        found = lexicon.find(token[len(prefix) :].lstrip("-")) if token.startswith(prefix) else None
        if found is not None:
            mood.sign *= -1.0
            _add(terms, mood, [token], name=found.name)
            return
    _add(terms, mood, [token])


def _add(
    terms: list[tuple[Term, bool]],
    mood: _Mood,
    words: list[str],
    name: str | None = None,
    band_hz: tuple[float, float] | None = None,
    gain_db: float | None = None,
) -> None:
    """Close a term. Its direction carries on ("less boomy and harsh"), its strength does not."""
    amount = max(-MAX_AMOUNT, min(MAX_AMOUNT, mood.sign * mood.strength))
    terms.append((Term(" ".join(words), amount, name, band_hz, gain_db), mood.directed))
    mood.strength, mood.gain_db = 1.0, None


def _break(mood: _Mood, phrase: str) -> None:
    """A comma, "but" or "with" ends what the last direction governs; "and" does not."""
    if grammar.BREAKS[phrase]:
        mood.sign, mood.directed = 1.0, False
    mood.strength, mood.gain_db = 1.0, None


def _turn(mood: _Mood, phrase: str) -> None:
    """A direction replaces the one that carried on; "not" turns the one that is being said ("not less")."""
    amount = grammar.DIRECTIONS[phrase]
    if phrase in grammar.REVERSERS and mood.words:
        mood.sign *= amount
    else:
        mood.sign = amount
    mood.directed = True


def _stands_alone(tokens: list[str], index: int, length: int, phrase: str, lexicon: Lexicon) -> bool:
    """Whether a strength that is also a descriptor ("pretty") is one here: nothing it could strengthen follows."""
    if lexicon.find(phrase) is None:
        return False
    following = tokens[index + length : index + length + 1]
    return not following or lexicon.find(following[0]) is None


def _set_gain(terms: list[tuple[Term, bool]], mood: _Mood, gain_db: float) -> None:
    """ "+3 dB at 200 Hz" goes to the next term, "cut 200 Hz by 3 dB" to the last."""
    last = terms[-1] if terms else None
    if last is not None and last[0].band_hz is not None and last[0].gain_db is None:
        sign = (1.0 if last[0].amount > 0 else -1.0) if last[1] else 1.0
        terms[-1] = (replace(last[0], gain_db=gain_db if not last[1] else sign * abs(gain_db)), last[1])
    else:
        mood.gain_db = gain_db


def _decibels(tokens: list[str], index: int) -> float | None:
    if index + 1 < len(tokens) and NUMBER.match(tokens[index]) and tokens[index + 1] in ("db", "decibels"):
        return max(-12.0, min(12.0, float(tokens[index])))
    return None


def _frequency(tokens: list[str], index: int) -> tuple[tuple[float, float], float | None, int] | None:
    """ "[above] 3 kHz", "200 to 400 Hz": the band in Hz, no gain, and how many tokens it takes."""
    start = index
    side = tokens[index] if tokens[index] in grammar.SIDES else ""
    index += bool(side)
    first = _number(tokens, index)
    if first is None:
        return None
    value, unit, index = first
    second = None
    if index < len(tokens) and tokens[index] in ("to", "and", "-"):
        second = _number(tokens, index + 1)
    elif index < len(tokens) and tokens[index].startswith("-"):  # "200-400 Hz" reads as 200, -400
        second = _number([tokens[index][1:], *tokens[index + 1 :]], 0)
        second = second and (second[0], second[1], second[2] + index - 1 + 0)
    if second is not None and second[1]:
        low_hz, high_hz = value * (unit or second[1]), second[0] * second[1]
        if 10.0 <= low_hz < high_hz <= 24_000.0:
            end = second[2] if tokens[index] in ("to", "and", "-") else index + 2
            return (low_hz, high_hz), None, end - start
    if not unit or not 10.0 <= value * unit <= 24_000.0:
        return None
    centre_hz = value * unit
    if grammar.SIDES.get(side) == "above":
        return (centre_hz, 20_000.0), None, index - start
    if grammar.SIDES.get(side) == "below":
        return (20.0, centre_hz), None, index - start
    return (centre_hz / 2**0.5, centre_hz * 2**0.5), None, index - start


def _number(tokens: list[str], index: int) -> tuple[float, float, int] | None:
    """A number with the factor of its unit, 0 where it has none, and the index after it."""
    if index >= len(tokens) or not NUMBER.match(tokens[index]) or tokens[index][0] in "+-":
        return None
    unit = grammar.UNITS_HZ.get(tokens[index + 1], 0.0) if index + 1 < len(tokens) else 0.0
    return float(tokens[index]), unit, index + 1 + bool(unit)


def _without_bystanders(terms: list[tuple[Term, bool]], lexicon: Lexicon) -> list[Term]:
    """Drop nouns that only say what is to be changed: "a warmer guitar" is not more guitar."""

    def is_source(term: Term) -> bool:
        return term.name is not None and lexicon.descriptors[term.name].family == "sources"

    others = any(not is_source(term) and not term.unknown for term, _ in terms)
    return [term for term, directed in terms if not (others and is_source(term))]
