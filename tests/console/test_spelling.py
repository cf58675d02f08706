"""Misspelt words against every string that is one edit away."""

import string

import numpy as np
import pytest

from reprs.console.meaning import target_curve
from reprs.console.spelling import _one_edit_apart, respelt


def one_edit_from(word):
    """Norvig's list: deletions, swaps, substitutions and insertions."""
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    letters = string.ascii_lowercase
    edits = {a + b[1:] for a, b in cuts if b}
    edits |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    edits |= {a + c + b[1:] for a, b in cuts if b for c in letters}
    edits |= {a + c + b for a, b in cuts for c in letters}
    return edits - {word}


def test_one_edit_is_what_norvig_lists():
    near = one_edit_from("harsh")
    assert all(_one_edit_apart(word, "harsh") for word in near)
    for word in ("warm", "sharp", "harshly", "hraish", "hsarh"):
        assert word not in near and not _one_edit_apart(word, "harsh")
    near_hash = one_edit_from("hash")
    for word in one_edit_from("hush") - {"hash"}:
        assert _one_edit_apart(word, "hash") == (word in near_hash)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("brigth", "bright"), ("mufled", "muffled"), ("mettalic", "metallic"), ("engergetic", "energetic")],
)
def test_a_misspelt_word_is_read_as_the_one_meant(written, meant):
    assert respelt(written) == meant
    f = np.geomspace(20, 20_000, 16)
    read = target_curve(f"less {written}", f)
    np.testing.assert_array_equal(read.response_db, target_curve(f"less {meant}", f).response_db)
    assert read.confidence < 1


@pytest.mark.parametrize("word", ["qwxz", "wrm", "mortgage", "blorf", "", "two words", "clangorous"])
def test_other_words_are_left_alone(word):
    """Too short, in the dictionary, near nothing, or near words that mean different things."""
    assert respelt(word) is None
