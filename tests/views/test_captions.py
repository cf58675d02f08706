"""Captions: repeatable, about what they describe, and true of the knobs."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import signal

from reprs.corpora.general_midi import DRUM_KEYS, FAMILIES, PROGRAMS, family_of
from reprs.corpora.item import Item
from reprs.corpora.named import DRUMS, NamedItem
from reprs.effects import Chain, registry
from reprs.views import production
from reprs.views.captions import TEMPLATES, instrument_captions, instrument_nouns
from reprs.views.instrument_words import FAMILY_WORDS, PROGRAM_WORDS
from reprs.views.lexicon import Lexicon
from reprs.views.production import comparative, production_caption, production_captions

STRIP = Chain([registry[name] for name in ("parametric_eq", "compressor", "distortion", "room", "delay")])


def named(program, playing="note", **more):
    name = PROGRAMS[program]
    item = {"family": family_of(program), "program": name, "label": name, "playing": playing}
    return NamedItem(Path("a.flac"), "c", "s", **(item | more))


def captions(item, count=200, seed=0):
    rng = np.random.default_rng(seed)
    return [instrument_captions(item, rng) for _ in range(count)]


def test_captions_depend_on_the_generator_alone():
    item = named(4, pitch=40, velocity=120)
    assert captions(item, seed=1) == captions(item, seed=1)
    assert captions(item, seed=1) != captions(item, seed=2)
    assert len(set(captions(item))) > 40


def test_every_caption_names_the_instrument_or_its_family():
    for program in range(0, 128, 5):
        for playing in ("note", "short note", "chord", "melody", "arpeggio"):
            item = named(program, playing, pitch=60)
            words = [*instrument_nouns(item), *FAMILY_WORDS[item.family]]
            for caption in captions(item, 30):
                # "a synth synth" is said once, so that a word may lack its first part.
                assert any(word in caption for word in words), (caption, words)


def test_register_and_strength_are_said_of_extreme_notes_only():
    def said(words, **more):
        return sum(any(f" {w} " in f" {c} " for w in words) for c in captions(named(0, "note", **more)))

    low, high, soft, loud = (
        ("low", "deep"),
        ("high", "high-pitched"),
        ("soft", "quiet", "gentle"),
        ("loud", "hard"),
    )
    assert said(low, pitch=30) > 20 and said(high, pitch=30) == 0
    assert said(high, pitch=90) > 20 and said(low, pitch=90) == 0
    assert said(low + high, pitch=60) == 0
    assert said(soft, pitch=60, velocity=30) > 20 and said(soft, pitch=60, velocity=90) == 0
    assert said(loud, pitch=60, velocity=125) > 20


def test_what_is_played_is_said():
    beat = NamedItem(Path("a"), "c", "s", family=DRUMS, playing="beat")
    for item, words in (
        (named(30, "chord"), ("chord", "harmony")),
        (named(30, "arpeggio"), ("arpeggi", "chords", "riff", "pattern")),
        (beat, ("beat", "groove", "rhythm", "loop")),
    ):
        assert all(any(word in c for word in words) for c in captions(item, 60))


def test_items_with_less_to_tell_are_captioned_too():
    assert captions(Item(Path("Deep Kick.wav"), "c", "s"), 1)[0].count("Deep Kick") == 1
    assert "tuba" in captions(Item(Path("a.wav"), "c", "s", "tuba"), 1)[0]
    kit = NamedItem(Path("a.wav"), "c", "s", "drums", family=DRUMS, tags=("tr 808 kit",), playing="hit")
    assert "tr 808 kit" in captions(kit, 1)[0]
    assert set(captions(named(3, text="My own Text"))) == {"My own Text"}
    unknown = NamedItem(Path("a.wav"), "c", "s", label="garzul", playing="loop")
    assert all("garzul" in c for c in captions(unknown, 20))


def test_captions_are_clean_text():
    kinds = [named(i, playing, pitch=30, velocity=30) for i in range(0, 128, 9) for playing in TEMPLATES]
    for text in (captions(item, 3) for item in kinds):
        for caption in text:
            words = caption.split()
            assert "{" not in caption and caption == " ".join(words) and caption
            pairs = list(pairwise(words))
            assert all(a != b for a, b in pairs), caption
            assert not any(a == "a" and b[0] in "aeiou" for a, b in pairs), caption


def test_words_are_those_of_general_midi():
    assert set(FAMILY_WORDS) == {*FAMILIES, DRUMS}
    assert set(PROGRAM_WORDS) <= {*PROGRAMS, *DRUM_KEYS.values()}


def settings(**knobs):
    """Knobs of `STRIP` by `effect__knob`, with exactly the named effects on."""
    z = STRIP.to_unit({name.replace("__", "."): value for name, value in knobs.items()})[0]
    on = {name.split("__")[0] for name in knobs}
    return z, torch.tensor([effect.name in on for effect in STRIP.effects])


def said(z, mask, count=60):
    rng = np.random.default_rng(0)
    return [production_caption(STRIP, z, mask, rng) for _ in range(count)]


def share(texts, *words):
    return np.mean([any(word in text for word in words) for text in texts])


def test_the_response_of_filters_is_that_of_scipy():
    chain = Chain([registry["highpass"], registry["compressor"], registry["lowpass"]])
    z = chain.to_unit({"highpass.cutoff_hz": 300.0, "lowpass.cutoff_hz": 3_000.0}).double()
    response = production.responses_db(chain, z, torch.tensor([[True, True, True]]))[0]
    # Both effects are 12 dB Butterworth filters by default, mapped bilinearly.
    high = signal.butter(2, 300, "high", fs=44_100, output="sos")
    low = signal.butter(2, 3_000, fs=44_100, output="sos")
    _, h = signal.sosfreqz(np.concatenate([high, low]), production.FREQUENCIES_HZ, fs=44_100)
    assert np.abs(response - 20 * np.log10(np.abs(h)))[4:].max() < 0.3
    off = production.responses_db(chain, z, torch.tensor([[False, True, False]]))
    assert np.array_equal(off, np.zeros_like(off))


@pytest.mark.parametrize("word", ["warm", "bright", "dark", "telephone", "muffled", "tinny", "boomy"])
def test_a_response_is_described_by_the_word_it_was_made_from(word):
    lexicon = Lexicon.shipped()
    curve = lexicon.curve(word, production.FREQUENCIES_HZ)
    rng = np.random.default_rng(0)
    known = {word, *lexicon.descriptors[word].also, f"{word}-like"}
    traits = [t.text for _ in range(80) for t in production.filter_traits(curve, rng)]
    assert np.mean([text in known for text in traits]) > 0.15
    opposite = lexicon.find(lexicon.descriptors[word].opposite or "")
    if opposite is not None:
        assert not {opposite.name, *opposite.also} & set(traits)


def test_more_of_a_filter_is_said_more_strongly():
    def amount(gain_db):
        z, mask = settings(parametric_eq__high_shelf_gain_db=gain_db, parametric_eq__high_shelf_hz=3_000.0)
        response = production.responses_db(STRIP, z[None].double(), mask[None])[0]
        traits = [t for i in range(20) for t in production.filter_traits(response, np.random.default_rng(i))]
        return np.mean([t.amount for t in traits])

    assert amount(3.0) < amount(6.0) < amount(14.0)
    z, mask = settings(parametric_eq__high_shelf_gain_db=0.3)
    assert (
        production.filter_traits(production.responses_db(STRIP, z[None].double(), mask[None])[0], None) == []
    )


def test_effects_are_said_by_their_knobs():
    squashed = said(*settings(compressor__threshold_db=-45.0, compressor__ratio=12.0))
    assert share(squashed, "compress", "squashed", "levelled", "controlled", "flattened", "robbed") > 0.9
    hall = said(*settings(room__decay_s=4.0, room__mix=0.4, room__damping_hz=12_000.0))
    dark = said(*settings(room__decay_s=4.0, room__mix=0.4, room__damping_hz=1_000.0))
    tiny = said(*settings(room__decay_s=0.3, room__mix=0.4))
    assert (
        share(hall, "hall", "large", "cathedral", "long", "drenched", "spacious") == 1
        and share(hall, "dark") == 0
    )
    assert share(dark, "dark") == 1 and share(tiny, "small", "tight", "roomy", "roomier", "ambient") == 1
    far = said(*settings(room__decay_s=3.0, room__mix=0.95))
    assert (
        share(far, "far away", "distant", "back of the room") > 0.9
        and share(hall, "far away", "distant") == 0
    )
    dirty, gritty = (said(*settings(distortion__drive_db=d)) for d in (40.0, 12.0))
    assert share(dirty, "distort", "fuzz", "dirt", "aggressive") > 0.9
    assert share(gritty, "overdriven", "grit", "crunch", "saturation") > 0.9
    slap = said(*settings(delay__delay_ms=90.0, delay__mix=0.5, delay__feedback=0.1))
    assert share(slap, "slapback", "short echo", "doubled") == 1
    pingpong = said(*settings(delay__delay_ms=300.0, delay__mix=0.5, delay__ping_pong=1.0))
    assert share(pingpong, "ping-pong", "side to side") == 1


def test_strength_follows_the_amount():
    slight = said(*settings(room__decay_s=3.0, room__mix=0.15))
    strong = said(*settings(room__decay_s=3.0, room__mix=0.6))
    assert share(slight, "slightly", "a bit", "a little", "a touch", "hint") > share(
        strong, "slightly", "hint"
    )
    assert share(strong, "very", "really", "extremely", "much") > 0.15
    assert share(slight, "very", "really", "extremely", "much") == 0


def test_effects_that_are_off_or_at_rest_are_not_said():
    z, _ = settings(compressor__threshold_db=-45.0, compressor__ratio=12.0)
    off = torch.zeros(5, dtype=torch.bool)
    rest = {"clean and unprocessed", "natural", "dry, untouched", "neutral sound"}
    assert set(said(z, off)) == rest
    assert set(said(*settings(room__mix=0.0))) == rest
    assert set(said(*settings(compressor__threshold_db=0.0))) == rest


def test_batches_are_captioned_like_single_settings_and_repeatably():
    generator = torch.Generator().manual_seed(0)
    z = torch.rand(64, len(STRIP), generator=generator)
    mask = torch.rand(64, 5, generator=generator) < 0.5
    first = production_captions(STRIP, z, mask, np.random.default_rng(3))
    assert first == production_captions(STRIP, z, mask, np.random.default_rng(3))
    one = production_caption(STRIP, z[0], mask[0], np.random.default_rng(3))
    assert one == first[0]
    assert all(text and text == text.strip() and "  " not in text for text in first)
    assert production_captions(STRIP, z, None, np.random.default_rng(3)) != first


def test_rules_name_effects_and_knobs_that_exist():
    rules = production._rules()
    for name in (*rules["linear"], *rules["unsaid"], *rules["rules"]):
        assert name in registry, name
    for name, entries in rules["rules"].items():
        for rule in entries:
            assert set(rule) <= {"say", "with", "place", "of", "within"} and rule["of"]
            assert set(rule["of"]) | set(rule.get("within", {})) <= set(registry[name].params), name
            assert any(rule.get(kind) for kind in ("say", "with", "place"))
    descriptors = Lexicon.shipped().descriptors
    assert set(rules["unlike_filters"]) <= set(descriptors)
    assert set(rules["families"]) <= {d.family for d in descriptors.values()}


def test_every_effect_can_be_captioned():
    rng = np.random.default_rng(0)
    for name, effect in sorted(registry.items()):
        chain = Chain([effect])
        z = torch.rand(4, len(chain), generator=torch.Generator().manual_seed(1))
        assert all(production_captions(chain, z, None, rng)), name


@pytest.mark.parametrize(
    ("word", "more"),
    [
        ("warm", "warmer"),
        ("muddy", "muddier"),
        ("thin", "thinner"),
        ("wide", "wider"),
        ("harsh", "harsher"),
        ("compressed", "more compressed"),
        ("metallic", "more metallic"),
        ("far away", "more far away"),
        ("hollow", "more hollow"),
        ("clean", "cleaner"),
    ],
)
def test_comparatives(word, more):
    assert comparative(word) == more
