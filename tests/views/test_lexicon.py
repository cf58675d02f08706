"""The contract of every descriptor, and the curves against slow definitions."""

import math
from importlib.resources import files

import numpy as np
import pytest
import yaml

from reprs.views.lexicon import MAX_GAIN_DB, Lexicon, bell_db, shelf_db
from reprs.views.morphology import plain, roots

LEXICON = Lexicon.shipped()
NAMES = sorted(LEXICON.descriptors)
HZ = np.geomspace(20, 20_000, 64)


def test_it_is_broad():
    assert len(LEXICON.descriptors) >= 150
    assert len(LEXICON.words) >= 3_000
    asked_for = (
        "warm cold bright dark happy sad angry calm soft hard harsh smooth mellow muddy boomy tinny crisp "
        "clear heavy light deep sharp loud quiet underwater telephone radio airy energetic relaxing romantic "
        "scary sweet dull fresh aggressive peaceful dramatic beautiful strong gentle"
    )
    assert [word for word in asked_for.split() if LEXICON.find(word) is None] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_descriptor_is_finite_bounded_and_says_something(name):
    curve = LEXICON.curve(name, HZ)
    assert curve.shape == HZ.shape
    assert np.isfinite(curve).all()
    assert np.abs(curve).max() <= MAX_GAIN_DB
    assert np.ptp(curve) >= 2.0  # a wish that nobody could hear is none


@pytest.mark.parametrize("name", NAMES)
def test_synonyms_and_the_name_itself_mean_the_descriptor(name):
    descriptor = LEXICON.descriptors[name]
    for word in (name, *descriptor.also):
        assert LEXICON.find(word) is descriptor
        assert LEXICON.find(word.upper().replace(" ", "-")) is descriptor


@pytest.mark.parametrize("name", [n for n in NAMES if LEXICON.descriptors[n].opposite])
def test_opposites_oppose(name):
    opposite = LEXICON.find(LEXICON.descriptors[name].opposite)
    r = np.corrcoef(LEXICON.curve(name, HZ), LEXICON.curve(opposite.name, HZ))[0, 1]
    assert r <= -0.3


def test_a_curve_is_the_weighted_sum_of_its_shapes():
    """On the octaves nothing is interpolated: the YAML read by hand gives the gains."""
    folder = files("reprs.views") / "words"
    shapes = yaml.safe_load((folder / "shapes.yaml").read_text())
    for family in ("energy", "mood"):
        for name, entry in yaml.safe_load((folder / f"{family}.yaml").read_text()).items():
            wanted = [
                sum(weight * shapes["shapes"][shape][i] for shape, weight in entry["like"].items())
                for i in range(len(shapes["octaves_hz"]))
            ]
            curve = LEXICON.curve(name, np.array(shapes["octaves_hz"], dtype=float))
            np.testing.assert_allclose(curve, np.clip(wanted, -12, 12), atol=1e-9)


def test_curves_stay_between_the_octaves_around_them():
    """No overshoot: between two octaves a curve never leaves their range."""
    octaves = LEXICON.octaves_hz
    for name in NAMES:
        ends = LEXICON.curve(name, octaves)
        for low, high, a, b in zip(octaves, octaves[1:], ends, ends[1:], strict=False):
            if LEXICON.descriptors[name].bands:
                continue
            inside = LEXICON.curve(name, np.geomspace(low, high, 9))
            assert inside.min() >= min(a, b) - 1e-9 and inside.max() <= max(a, b) + 1e-9


def test_bells_and_shelves_have_half_their_gain_at_the_edges():
    assert bell_db(500, 2_000, 6.0, np.array([500.0, 1_000.0, 2_000.0])) == pytest.approx([3.0, 6.0, 3.0])
    high = shelf_db(4_000, 20_000, -6.0, np.array([20.0, 4_000.0, 20_000.0]))
    assert high[1] == pytest.approx(-3.0)
    assert abs(high[0]) < 0.01 and high[2] == pytest.approx(-6.0, abs=0.1)
    low = shelf_db(20, 100, 6.0, np.array([100.0, 10_000.0]))
    assert low[0] == pytest.approx(3.0) and abs(low[1]) < 0.01


def test_a_response_is_described_by_the_descriptors_that_fit_it():
    """Against correlations and projections by NumPy, one by one; a constant gain changes nothing."""
    response = 0.5 * LEXICON.curve("tinny", HZ) + 0.2 * LEXICON.curve("warm", HZ) - 7.0
    fits = LEXICON.describe(response, HZ, count=len(NAMES))
    r = {name: np.corrcoef(LEXICON.curve(name, HZ), response)[0, 1] for name in NAMES}
    assert [fit.r for fit in fits] == pytest.approx(sorted(r.values(), reverse=True))
    for fit in fits[:20]:
        slope = np.polyfit(LEXICON.curve(fit.name, HZ), response, 1)[0]
        assert fit.amount == pytest.approx(slope)
        assert fit.r == pytest.approx(r[fit.name])
    exact = LEXICON.describe(2 * LEXICON.curve("boxy", HZ) + 3, HZ, count=1)[0]
    assert (exact.name, round(exact.r, 6), round(exact.amount, 6)) == ("boxy", 1.0, 2.0)


@pytest.mark.parametrize(
    ("form", "name"),
    {
        "warmer": "warm",
        "warmest": "warm",
        "airier": "airy",
        "thinner": "thin",
        "happiness": "happy",
        "brighten": "bright",
        "larger": "big",
        "softly": "soft",
        "Lo-Fi": "lo fi",
        "boominess": "boomy",
        "darkish": "dark",
        "FAR AWAY": "distant",
    }.items(),
)
def test_inflections_find_their_word(form, name):
    assert LEXICON.find(form).name == name


@pytest.mark.parametrize("word", ["", " ", "qwxz", "the", "er", "ness", "mortgage", "3", "!"])
def test_what_is_not_in_the_lexicon_is_not_found(word):
    assert LEXICON.find(word) is None


def test_roots_begin_with_the_word_and_hold_no_stumps():
    assert next(iter(roots("  Far-AWAY "))) == "far away"
    assert all(len(form) >= 3 for form in roots("needy"))
    assert plain("rock'n'roll") == "rock n roll"


SHAPES = {"octaves_hz": [20, 40], "shapes": {"up": [0, 6], "down": [6, 0]}}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"a": {"like": {"sideways": 1}}}, "unknown shapes"),
        ({"a": {}}, "needs `like` or `bands`"),
        ({"a": {"like": {"up": 1}, "opposite": "b"}}, "not in the lexicon"),
        ({"a": {"like": {"up": 1}, "moves": {"teleport": 1}}}, "moves"),
        ({"a": {"like": {"up": 1}, "moves": {"reverb": 2}}}, "moves"),
        ({"a": {"like": {"up": 1}, "gain": 1}}, "may have"),
        ({"a": {"like": {"up": 1}, "also": ["c"]}, "b": {"like": {"down": 1}, "also": ["c"]}}, "means both"),
    ],
)
def test_wrong_data_are_named(entries, message):
    with pytest.raises(ValueError, match=message):
        Lexicon(SHAPES, {"family": entries})


def test_a_shape_needs_a_gain_an_octave():
    with pytest.raises(ValueError, match="needs 2 gains"):
        Lexicon({"octaves_hz": [20, 40], "shapes": {"up": [1]}}, {})
    with pytest.raises(ValueError, match="within ±12 dB"):
        Lexicon({"octaves_hz": [20, 40], "shapes": {"up": [1, 13]}}, {})


def test_own_bands_add_to_the_shapes():
    entry = {"like": {"up": 0.5}, "bands": [{"at_hz": 30, "gain_db": 2, "octaves": 1}]}
    lexicon = Lexicon(SHAPES, {"family": {"a": entry}})
    bell = [2 * 2 ** -((math.log2(f / 30) / 0.5) ** 2) for f in (20, 40)]
    assert lexicon.curve("a", np.array([20.0, 40.0])) == pytest.approx([bell[0], 3 + bell[1]])
