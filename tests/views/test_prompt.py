"""Prompts and what they say, as a table."""

import pytest

from reprs.views import grammar
from reprs.views.lexicon import Lexicon
from reprs.views.prompt import parse

LEXICON = Lexicon.shipped()
OCTAVE = 2**0.5


def wishes(prompt):
    return [(term.name, pytest.approx(term.amount)) for term in parse(prompt, LEXICON)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("warm", [("warm", 1)]),
        ("Warm!", [("warm", 1)]),
        ("make it sound warm, please", [("warm", 1)]),
        ("much warmer", [("warm", 1.6)]),
        ("a bit warmer", [("warm", 0.5)]),
        ("slightly less boomy", [("boomy", -0.5)]),
        ("very very dark", [("dark", 1.96)]),
        ("much much much darker", [("dark", 2)]),
        ("not so harsh", [("harsh", -0.6)]),
        ("too muddy", [("muddy", -1)]),
        ("without any boominess", [("boomy", -1.2)]),
        ("isn't bright enough", [("bright", 1)]),
        ("not less warm", [("warm", 1)]),
        ("don't make it harsh", [("harsh", -1)]),
        ("unclear", [("muddy", 1)]),
        ("unpleasant", [("bad", 1)]),
        ("warm but clear", [("warm", 1), ("clear", 1)]),
        ("bright, less boomy", [("bright", 1), ("boomy", -1)]),
        ("less boomy, bright", [("boomy", -1), ("bright", 1)]),
        ("less boomy and harsh", [("boomy", -1), ("harsh", -1)]),
        ("less boomy but harsh", [("boomy", -1), ("harsh", 1)]),
        ("less boomy and a bit brighter", [("boomy", -1), ("bright", 0.5)]),
        ("too harsh and needs more bass", [("harsh", -1), ("bass", 1)]),
        ("brighter, a bit", [("bright", 0.5)]),
        ("boost the highs slightly", [("treble", 0.5)]),
        ("bass boost, treble cut", [("bass", 1), ("treble", -1)]),
        ("clean up the low mids", [("low mids", -0.8)]),
        ("reduce harshness without losing clarity", [("harsh", -1)]),
        ("like an old radio", [("radio", 1)]),
        ("a warmer guitar", [("warm", 1)]),
        ("more guitar", [("guitar", 1)]),
        ("guitar", [("guitar", 1)]),
        ("pretty", [("beautiful", 1)]),
        ("pretty bright", [("bright", 1.1)]),
        ("the", []),
        ("", []),
        ("make it more and less", []),
        ("12 345", []),
    ],
)
def test_descriptors(prompt, expected):
    assert wishes(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "band_hz", "amount", "gain_db"),
    [
        ("more at 3 kHz", (3_000 / OCTAVE, 3_000 * OCTAVE), 1, None),
        ("less 200 Hz", (200 / OCTAVE, 200 * OCTAVE), -1, None),
        ("much less at 3k", (3_000 / OCTAVE, 3_000 * OCTAVE), -1.6, None),
        ("boost above 8 kHz", (8_000, 20_000), 1, None),
        ("cut below 80hz", (20, 80), -1, None),
        ("cut 200-400 Hz by 3 dB", (200, 400), -1, -3),
        ("cut 200 to 400 Hz by -3 dB", (200, 400), -1, -3),
        ("200 to 200 Hz", (200 / OCTAVE, 200 * OCTAVE), 1, None),
        ("between 1 and 2 kHz", (1_000, 2_000), 1, None),
        ("200 Hz - 1 kHz", (200, 1_000), 1, None),
        ("+3 dB at 200 Hz", (200 / OCTAVE, 200 * OCTAVE), 1, 3),
        ("-2.5 dB at 1.5 kHz", (1_500 / OCTAVE, 1_500 * OCTAVE), 1, -2.5),
        ("+40 dB at 1 kHz", (1_000 / OCTAVE, 1_000 * OCTAVE), 1, 12),
    ],
)
def test_frequencies(prompt, band_hz, amount, gain_db):
    (term,) = parse(prompt, LEXICON)
    assert term.band_hz == pytest.approx(band_hz)
    assert term.amount == pytest.approx(amount)
    assert term.gain_db == (None if gain_db is None else pytest.approx(gain_db))


def test_decibels_belong_to_the_nearest_wish():
    bass, fifth = parse("cut bass by 3 dB and boost 5k by 2 dB", LEXICON)
    assert (bass.name, bass.gain_db) == ("bass", -3)
    assert (fifth.gain_db, fifth.band_hz[0]) == (2, pytest.approx(5_000 / OCTAVE))


@pytest.mark.parametrize("prompt", ["boost 30 kHz", "cut 5 Hz"])
def test_what_nobody_hears_is_refused(prompt):
    with pytest.raises(ValueError, match="between 20 Hz and 20 kHz"):
        parse(prompt, LEXICON)


def test_unknown_words_are_terms_of_their_own():
    term, known = parse("less zorg blat, warm", LEXICON)
    assert term.unknown and term.text == "zorg blat" and term.amount == -1
    assert not known.unknown and known.name == "warm" and known.amount == 1


def test_much_is_at_least_three_halves_of_slightly():
    ratio = grammar.STRENGTHS["much"] / grammar.STRENGTHS["slightly"]
    assert ratio >= 1.5
    strengths = list(grammar.STRENGTHS.values())
    assert min(strengths) > 0
    assert max(strengths) <= 2


def test_grammar_does_not_swallow_descriptors():
    """A filler that is also a descriptor could never be said alone."""
    assert [word for word in grammar.FILLERS if word in LEXICON.words] == []
    assert [word for word in grammar.DIRECTIONS if word in LEXICON.words] == []
