"""A prompt as terms: which descriptor or frequency, in which direction, how strongly.

    "much warmer, but not so boomy; cut a bit at 3 kHz"
    → warm × 1.6, boomy × −0.6, an octave around 3 kHz × −0.5

Words that are neither in the lexicon nor grammar become terms of their own, marked `unknown`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from reprs.views import grammar
from reprs.views.lexicon import Lexicon

LONGEST_PHRASE = 4
MAX_AMOUNT = 2.0
MAX_GAIN_DB = 12.0
AUDIBLE_HZ = (20.0, 20_000.0)

NUMBER, UNIT_HZ = r"\d+(?:\.\d+)?", r"(?:kilohertz|hertz|khz|hz|k)"
TOKEN = re.compile(
    rf"""
    (?P<gain> [+-]?\s?{NUMBER}) \s* (?:decibels?|db)\b
  | (?: (?P<side> {"|".join(grammar.SIDES)}) \s+ )?
    (?P<low> {NUMBER}) \s* (?P<low_unit> {UNIT_HZ})?
    (?: \s* (?:-|–|to|and) \s* (?P<high> {NUMBER}) )? \s* (?P<unit> {UNIT_HZ})\b
  | (?P<word> [^\W\d_]+ (?: ['-][^\W\d_]+ )*)
  | (?P<mark> [.,;:&+/!?])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Term:
    """One wish: `name` of a descriptor, or `band_hz` (low, high) of a frequency phrase, times `amount`.

    `amount` is 1 for the plain word, negative for less of it, at most 2 either way; where the prompt says
    decibels, `gain_db` is the signed gain at the peak instead. A term with neither `name` nor `band_hz` is
    unknown.
    """

    text: str
    amount: float = 1.0
    name: str | None = None
    band_hz: tuple[float, float] | None = None
    gain_db: float | None = None

    @property
    def unknown(self) -> bool:
        return self.name is None and self.band_hz is None


def parse(prompt: str, lexicon: Lexicon) -> list[Term]:
    """The terms of `prompt` in order; empty where it holds only grammar ("make it the"), or nothing."""
    tokens = list(TOKEN.finditer(prompt.lower().replace("’", "'")))
    reader = _Reader(lexicon)
    index = 0
    while index < len(tokens):
        index += reader.read(tokens[index : index + LONGEST_PHRASE + 1])
    reader.end_clause(direction_too=True)
    return reader.wishes()


class _Reader:
    """Reads tokens one by one and remembers what they say about the next term."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.terms: list[Term] = []
        self.directed: list[bool] = []  # whether a direction governs the term
        self.after_unknown = False
        self._forget()

    def _forget(self) -> None:
        self.sign, self.spoken, self.carried = 1.0, False, False
        self.pending = False  # a direction waits for its term
        self.strength = 1.0
        self.gain_db: float | None = None
        self.fresh = True  # no term yet since the last break

    def read(self, ahead: list[re.Match[str]]) -> int:
        """Read what stands first in `ahead`; returns how many tokens that took."""
        after_unknown, self.after_unknown = self.after_unknown, False
        first = ahead[0]
        if first["gain"]:
            self._read_gain(float(first["gain"].replace(" ", "")))
            return 1
        if first["unit"]:
            self._add(Term(first[0], band_hz=_band_hz(first)))
            return 1
        for phrase, length in _phrases(ahead):
            if self._read_grammar(phrase, _text(ahead[length : length + 1])):
                return length
            found = self.lexicon.find(phrase)
            if found is not None:
                self._add(Term(phrase, name=found.name))
                return length
        self._read_unknown(first[0], after_unknown)
        return 1

    def end_clause(self, direction_too: bool) -> None:
        """A mark or "but": what was said without a term belongs to the term before ("brighter, a bit")."""
        if self.strength != 1.0 and self.terms:
            self.terms[-1] = _scaled(self.terms[-1], self.strength)
        if self.pending and not self.fresh and not self.directed[-1]:  # "treble cut"
            self.terms[-1] = _scaled(self.terms[-1], self.sign)
        if direction_too:
            self._forget()
        else:
            self.carried, self.strength = self.spoken, 1.0

    def wishes(self) -> list[Term]:
        """The terms, without what shall stay and without nouns that only say what is to be changed."""
        sources = [
            term.name is not None and self.lexicon.descriptors[term.name].family == "sources"
            for term in self.terms
        ]
        others = any(not (source or t.unknown) for source, t in zip(sources, self.terms, strict=True))
        kept = zip(self.terms, sources, self.directed, strict=True)
        return [
            term
            for term, source, directed in kept
            if term.amount and not (source and others and not directed)
        ]

    def _read_grammar(self, phrase: str, following: str) -> bool:
        """Take a phrase of grammar; False where it is none, or stands for itself ("pretty" alone)."""
        if phrase in grammar.BREAKS:
            self.end_clause(direction_too=grammar.BREAKS[phrase])
        elif phrase in grammar.STRENGTHS:
            if self.lexicon.find(phrase) and not (following and self.lexicon.find(following)):
                return False
            if self.carried:  # "less boomy and a bit brighter": a new wish
                self._forget()
            self.strength *= grammar.STRENGTHS[phrase]
        elif phrase == grammar.ENOUGH and self.terms and self.directed[-1]:
            self.terms[-1] = _scaled(self.terms[-1], -1.0)
        elif phrase in grammar.DIRECTIONS:
            self._turn(phrase)
        else:
            return phrase in grammar.FILLERS
        return True

    def _turn(self, phrase: str) -> None:
        """A direction; "not" before or after another one reverses it ("not less", "reduce less")."""
        amount = grammar.DIRECTIONS[phrase]
        again = self.spoken and not self.carried and self.fresh
        self.sign = self.sign * amount if again and phrase not in grammar.EMPHATIC else amount
        self.spoken, self.carried, self.pending = True, False, True

    def _read_gain(self, gain_db: float) -> None:
        """ "+3 dB at 200 Hz" goes to the next term, "cut 200 Hz by 3 dB" to the last."""
        gain_db = max(-MAX_GAIN_DB, min(MAX_GAIN_DB, gain_db))
        if self.fresh or self.terms[-1].gain_db is not None:
            self.gain_db = gain_db
        else:
            self.terms[-1] = replace(self.terms[-1], gain_db=self._signed(gain_db))

    def _signed(self, gain_db: float) -> float:
        """ "Cut by 3 dB" and "cut by -3 dB" are the same."""
        return math.copysign(gain_db, self.sign) if self.spoken else gain_db

    def _read_unknown(self, word: str, after_unknown: bool) -> None:
        """A word on its own: the opposite of a known one ("unclear"), or unknown; marks say nothing."""
        if not word[0].isalpha():
            return
        for prefix in grammar.NEGATIVE_PREFIXES:
            found = self.lexicon.find(word[len(prefix) :].lstrip("-")) if word.startswith(prefix) else None
            if found is not None:
                self._add(Term(word, amount=-1.0, name=found.name))
                return
        if after_unknown:  # two in a row are a phrase
            self.terms[-1] = replace(self.terms[-1], text=f"{self.terms[-1].text} {word}")
        else:
            self._add(Term(word))
        self.after_unknown = True

    def _add(self, term: Term) -> None:
        """Close a term. Its direction carries on ("less boomy and harsh"), its strength does not."""
        gain_db = None if self.gain_db is None else self._signed(self.gain_db)
        self.terms.append(replace(_scaled(term, self.sign * self.strength), gain_db=gain_db))
        self.directed.append(self.spoken)
        self.strength, self.gain_db, self.fresh, self.pending = 1.0, None, False, False


def _scaled(term: Term, factor: float) -> Term:
    return replace(term, amount=max(-MAX_AMOUNT, min(MAX_AMOUNT, term.amount * factor)))


def _phrases(ahead: list[re.Match[str]]) -> Iterator[tuple[str, int]]:
    """The texts of the first tokens, longest first; a phrase of several holds words only."""
    words = 0
    while words < min(LONGEST_PHRASE, len(ahead)) and ahead[words]["word"]:
        words += 1
    for length in range(max(words, 1), 0, -1):
        yield _text(ahead[:length]), length


def _text(tokens: list[re.Match[str]]) -> str:
    return " ".join(token[0] for token in tokens)


def _band_hz(token: re.Match[str]) -> tuple[float, float]:
    """An octave around one frequency, what lies between two, or all above or below one."""
    unit_hz = grammar.UNITS_HZ[token["unit"]]
    low_hz = float(token["low"]) * grammar.UNITS_HZ.get(token["low_unit"], unit_hz)
    side = grammar.SIDES.get(token["side"], "")
    high_hz = float(token["high"]) * unit_hz if token["high"] else low_hz
    if high_hz != low_hz:
        band_hz = (min(low_hz, high_hz), max(low_hz, high_hz))
    elif side:
        band_hz = (low_hz, AUDIBLE_HZ[1]) if side == "above" else (AUDIBLE_HZ[0], low_hz)
    else:
        band_hz = (low_hz / 2**0.5, low_hz * 2**0.5)
    if not AUDIBLE_HZ[0] <= low_hz <= AUDIBLE_HZ[1]:
        raise ValueError(f"{token[0].strip()!r} is not between 20 Hz and 20 kHz")
    return max(AUDIBLE_HZ[0], band_hz[0]), min(AUDIBLE_HZ[1], band_hz[1])
