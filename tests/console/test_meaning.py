"""From a prompt to a response: what adds up, what opposes, what is refused."""

import subprocess
import sys

import numpy as np
import pytest

from reprs.console import neighbours
from reprs.console.meaning import AGREEMENT, TERM_GAIN_DB, target_curve
from reprs.views.lexicon import Lexicon

LEXICON = Lexicon.shipped()
NAMES = sorted(LEXICON.descriptors)
HZ = np.geomspace(20, 20_000, 64)


def response(prompt):
    return target_curve(prompt, HZ).response_db


def test_less_is_the_opposite_of_more_over_the_lexicon():
    r = [np.corrcoef(response(f"less {name}"), response(f"more {name}"))[0, 1] for name in NAMES]
    assert np.mean(np.array(r) <= -0.6) >= 0.9


def test_much_spans_more_than_slightly_over_the_lexicon():
    for name in NAMES:
        assert np.ptp(response(f"much {name}")) >= 1.5 * np.ptp(response(f"slightly {name}")), name


def test_paraphrases_agree():
    for first, second in (
        ("less boomy", "it is too boomy"),
        ("a bit warmer", "slightly more warmth"),
        ("bright", "make it brighter please"),
        ("bass boost", "more low end"),
    ):
        np.testing.assert_allclose(response(first), response(second))


def test_terms_add_and_do_not_pile_up():
    warm, mellow, clear = response("warm"), response("mellow"), response("clear")
    both = response("warm and mellow")
    strongest = max(np.abs(warm).max(), np.abs(mellow).max())
    assert np.corrcoef(both, warm + mellow)[0, 1] == pytest.approx(1)
    assert np.abs(both).max() == pytest.approx(min(12, AGREEMENT * strongest))
    np.testing.assert_allclose(response("warm but clear"), warm + clear)  # they nearly cancel: untouched


def test_nothing_leaves_twelve_decibels():
    loudest = response("much muddy, much boomy, much warm, +12 dB at 200 Hz")
    assert np.abs(loudest).max() == pytest.approx(12)


def test_decibels_are_the_gain_at_the_peak():
    assert response("+4 dB at 1 kHz").max() == pytest.approx(4, abs=0.05)
    assert response("cut the bass by 5 dB").min() == pytest.approx(-5)
    assert response("more at 1 kHz").max() == pytest.approx(TERM_GAIN_DB, abs=0.05)


@pytest.mark.parametrize(
    "prompt", ["", "  ", "the", "qwxz", "12345", "!!!", "blorf", "lorem ipsum", "make it more", "mortgage"]
)
def test_nonsense_is_refused_in_one_line(prompt):
    with pytest.raises(ValueError) as refused:
        target_curve(prompt, HZ)
    assert "\n" not in str(refused.value) and "warm" in str(refused.value)


def test_most_invented_words_are_refused():
    rng = np.random.default_rng(3)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, rng.integers(4, 9))) for _ in range(60)]
    refused = [neighbours.confidence(neighbours.neighbours(word)) == 0 for word in words]
    assert np.mean(refused) >= 0.85


def test_a_refusal_quotes_no_novel():
    with pytest.raises(ValueError) as refused:
        target_curve("zorg\nblat " * 500, HZ)
    assert len(str(refused.value)) < 200 and "\n" not in str(refused.value)


def test_nonsense_beside_a_word_is_named_and_ignored():
    meaning = target_curve("warm zorgblat", HZ)
    assert meaning.ignored == ("zorgblat",)
    assert meaning.confidence == 1
    np.testing.assert_array_equal(meaning.response_db, response("warm"))


def test_an_unknown_word_is_read_by_its_neighbours():
    """Against a kernel mean written out, with vectors straight from the tower's own model."""
    assert LEXICON.find("clangorous") is None
    meaning = target_curve("less clangorous", HZ)
    assert 0.5 <= meaning.confidence < 1
    words = list(LEXICON.words)
    near = [word for word, _ in neighbours.neighbours("clangorous", count=90)]
    e, *keys = neighbours.embed([f"{word} music" for word in ("clangorous", *near)])
    cosines = sorted(((float(k @ e), w) for k, w in zip(keys, near, strict=True)), reverse=True)[:50]
    weights = [np.exp(c / 0.05) for c, _ in cosines]
    curves = [LEXICON.curve(LEXICON.words[w], HZ) for _, w in cosines]
    wanted = -sum(w * c for w, c in zip(weights, curves, strict=True)) / sum(weights)
    np.testing.assert_allclose(meaning.response_db, wanted, atol=0.15)  # the stored vectors have 8 bits
    assert set(near) <= set(words)


def test_the_stored_vectors_are_those_of_the_tower_and_cover_the_lexicon():
    with np.load(neighbours.VECTORS, allow_pickle=False) as stored:
        words, vectors = stored["words"].tolist(), stored["vectors"].astype(float)
    assert set(words) >= set(LEXICON.words), "run python -m reprs.console.neighbours"
    picked = np.random.default_rng(0).choice(len(words), 24, replace=False)
    fresh = neighbours.embed([f"{words[i]} music" for i in picked])
    norms = np.linalg.norm(vectors[picked], axis=1)
    assert (np.sum(fresh * vectors[picked], axis=1) / norms).min() > 0.999


def test_a_word_without_itself_still_finds_others():
    found = neighbours.neighbours("warm", without={"warm", "warmth"})
    assert not {"warm", "warmth"} & {word for word, _ in found}
    assert len(found) == neighbours.COUNT
    assert [c for _, c in found] == sorted((c for _, c in found), reverse=True)


def test_words_of_the_lexicon_load_no_tower():
    code = (
        "import sys, numpy; from reprs.console.meaning import target_curve;"
        "target_curve('much warmer, less boomy', numpy.array([100.0, 1000.0]));"
        "print([m for m in ('torch', 'transformers', 'open_clip') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
