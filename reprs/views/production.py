"""Captions of how something was produced, from the knobs of the chain that produced it.

Filters are described together, by the descriptors whose shape fits their summed response; other effects by
the rules of `production.yaml`. What the captions say is true of the knobs, not always of the audio: a
compressor leaves a steady sound as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from reprs.effects import Chain, Param
from reprs.views.lexicon import Lexicon

Kind = Literal["say", "with", "place"]
SAMPLE_RATE = 44_100
RESPONSE_SAMPLES = 8_192
FREQUENCIES_HZ = np.geomspace(30, 16_000, 40)
# A descriptor is used where its shape fits this well and the filters do something.
FIT_R, FIT_DB = 0.75, 1.0
OTHER_FAMILIES = 0.1
ADJECTIVE = re.compile(r".*(y|ed|ing|ish|al|ic|ous|less|ful|ive|ant|ent)")
UNHEARD, SLIGHT, STRONG = 0.15, 0.4, 0.8
SLIGHTLY = ("slightly", "a bit", "a little", "a touch")
VERY = ("very", "really", "extremely")
SUBJECTS = ("", "", "", "sound", "recording", "track", "mix", "audio")
# How filters are put when no descriptor fits.
BANDS = (
    (0, 60, "sub bass"),
    (60, 250, "bass"),
    (250, 700, "low mids"),
    (700, 2_500, "mids"),
    (2_500, 6_000, "presence"),
    (6_000, 20_000, "treble"),
)


@dataclass(frozen=True)
class Trait:
    """One thing to say, as an adjective, something it comes with, or a place; how much of it, 0 to 1."""

    text: str
    kind: Kind
    amount: float


def production_caption(chain: Chain, z: Tensor, mask: Tensor | None, rng: np.random.Generator) -> str:
    """One caption of one setting: `z` `(P,)`, `mask` `(E,)` true where an effect is on (`None`: all on)."""
    return production_captions(chain, z[None], None if mask is None else mask[None], rng)[0]


def production_captions(chain: Chain, z: Tensor, mask: Tensor | None, rng: np.random.Generator) -> list[str]:
    """A caption for each setting of a chain: `z` `(B, P)`, `mask` `(B, E)` true where an effect is on."""
    z = z.detach().cpu().double()
    on = torch.ones(len(z), len(chain.effects), dtype=torch.bool) if mask is None else mask.cpu() != 0
    responses = responses_db(chain, z, on)
    knobs = chain.from_unit(z)
    return [
        _sentence(filter_traits(responses[i], rng) + effect_traits(chain, knobs, on[i], i, rng), rng)
        for i in range(len(z))
    ]


def responses_db(chain: Chain, z: Tensor, on: Tensor) -> np.ndarray:
    """Summed response `(B, F)` at `FREQUENCIES_HZ` of the filters that are on: what becomes of an impulse."""
    linear = torch.tensor([effect.name in _rules()["linear"] for effect in chain.effects])
    flat = np.zeros((len(z), len(FREQUENCIES_HZ)))
    rows = torch.nonzero((on & linear).any(dim=1))[:, 0]
    if len(rows) == 0:
        return flat
    impulse = torch.zeros(len(rows), 1, RESPONSE_SAMPLES, dtype=torch.float64)
    impulse[:, :, 0] = 1
    heard = chain(impulse, SAMPLE_RATE, z[rows], (on & linear)[rows])
    spectrum = np.abs(np.fft.rfft(heard[:, 0].numpy()))
    hz = np.fft.rfftfreq(RESPONSE_SAMPLES, 1 / SAMPLE_RATE)
    flat[rows.numpy()] = [np.interp(FREQUENCIES_HZ, hz, 20 * np.log10(row + 1e-4)) for row in spectrum]
    return flat


def filter_traits(response_db: np.ndarray, rng: np.random.Generator) -> list[Trait]:
    """Up to two descriptors that fit a response `(F,)`; its most changed band where none does."""
    shape = response_db - response_db.mean()
    if np.abs(shape).max() < FIT_DB:
        return []
    lexicon, rules = Lexicon.shipped(), _rules()
    families = None if rng.random() < OTHER_FAMILIES else rules["families"]
    fits = [
        fit
        for fit in lexicon.describe(response_db, FREQUENCIES_HZ, count=len(lexicon.descriptors))
        if fit.r >= FIT_R
        and fit.name not in rules["unlike_filters"]
        and (families is None or lexicon.descriptors[fit.name].family in families)
    ][:4]
    if not fits:
        return [_band_trait(shape, rng)]
    count = min(len(fits), 1 + int(rng.random() < 0.3))
    chosen = rng.choice(len(fits), size=count, replace=False, p=_shares([f.r for f in fits]))
    # The plain word is half of the scale, twice its size the whole.
    return [Trait(_word(lexicon, fits[i].name, rng), "say", min(1.0, fits[i].amount / 2)) for i in chosen]


def effect_traits(
    chain: Chain, knobs: Mapping[str, Tensor], on: Tensor, row: int, rng: np.random.Generator
) -> list[Trait]:
    """What the rules say of the effects that are on in one row; a name where there is no rule."""
    traits = []
    for name, effect, active in zip(chain.names, chain.effects, on.tolist(), strict=True):
        if not active or effect.name in _rules()["linear"] + _rules()["unsaid"]:
            continue
        rules = _rules()["rules"].get(effect.name)
        if rules is None:
            traits.append(Trait(f"{effect.name.replace('_', ' ')}", "with", 0.6))
            continue
        values = {knob: float(knobs[f"{name}.{knob}"][row]) for knob in effect.params}
        fitting = [(rule, amount_of(rule, values, effect.params)) for rule in rules]
        traits += [_trait(rule, amount, rng) for rule, amount in fitting if amount >= UNHEARD]
    return traits


def amount_of(rule: Mapping[str, Any], values: Mapping[str, float], params: Mapping[str, Param]) -> float:
    """How much of a rule holds, 0 to 1; 0 outside its ranges."""
    for knob, (low, high) in rule.get("within", {}).items():
        if not low <= values[knob] <= high:
            return 0.0
    places = [
        _place(values[knob], nothing, all_of_it, params[knob].scale == "log")
        for knob, (nothing, all_of_it) in rule["of"].items()
    ]
    return float(np.prod(places) ** (1 / len(places)))


def _place(value: float, nothing: float, all_of_it: float, log: bool) -> float:
    if log and min(nothing, all_of_it) > 0:
        value, nothing, all_of_it = (math.log(max(v, 1e-9)) for v in (value, nothing, all_of_it))
    return min(1.0, max(0.0, (value - nothing) / (all_of_it - nothing)))


def _trait(rule: Mapping[str, Any], amount: float, rng: np.random.Generator) -> Trait:
    kinds: tuple[Kind, ...] = ("say", "with", "place")
    options = [(kind, text) for kind in kinds for text in rule.get(kind, ())]
    kind, text = options[int(rng.integers(len(options)))]
    return Trait(text, kind, amount)


def _word(lexicon: Lexicon, name: str, rng: np.random.Generator) -> str:
    """The descriptor's name, or now and then another word for it."""
    descriptor = lexicon.descriptors[name]
    also = [word for word in descriptor.also if ADJECTIVE.fullmatch(word)]
    if also and rng.random() < 0.3:
        return str(rng.choice(also))
    return f"{name}-like" if descriptor.family == "devices" and not ADJECTIVE.fullmatch(name) else name


def _band_trait(shape_db: np.ndarray, rng: np.random.Generator) -> Trait:
    worst = int(np.abs(shape_db).argmax())
    band = next(name for low, high, name in BANDS if low <= FREQUENCIES_HZ[worst] < high)
    up = shape_db[worst] > 0
    words = ("boosted", "more", "emphasised") if up else ("less", "reduced", "scooped")
    return Trait(f"{rng.choice(words)} {band}", "with", min(1.0, abs(float(shape_db[worst])) / 12))


def _sentence(traits: Sequence[Trait], rng: np.random.Generator) -> str:
    """At most four traits, strongest first, as one phrase."""
    if not traits:
        return str(rng.choice(("clean and unprocessed", "natural", "dry, untouched", "neutral sound")))
    different = {t.text: t for t in sorted(traits, key=lambda t: t.amount)}  # of two alike, the stronger
    kept = sorted(different.values(), key=lambda t: -t.amount)[:4]
    says = [t for t in kept if t.kind == "say"]
    compare = bool(says) and rng.random() < 0.2
    adjectives = [_compared(t, rng) if compare else _strengthened(t, rng) for t in says]
    rest = [t.text if t.kind == "place" else f"with {_sized(t, rng)}" for t in kept if t.kind != "say"]
    subject = str(rng.choice(SUBJECTS)) if adjectives and not compare else ""
    head = _joined(adjectives, rng)
    if subject and " and " in head:
        head = f"{subject} that is {head}"
    elif subject:
        head = " ".join(filter(None, [_article(head), head, subject]))
    return ", ".join(filter(None, [head, _and(rest)])) + (" than before" if compare and not rest else "")


def _strengthened(trait: Trait, rng: np.random.Generator) -> str:
    if trait.amount < SLIGHT:
        return f"{rng.choice(SLIGHTLY)} {trait.text}"
    if trait.amount >= STRONG and rng.random() < 0.8:
        return f"{rng.choice(VERY)} {trait.text}"
    return trait.text


def _compared(trait: Trait, rng: np.random.Generator) -> str:
    """ "warmer", "a bit warmer", "much more compressed"."""
    size = (
        f"{rng.choice(SLIGHTLY[1:])} " if trait.amount < SLIGHT else "much " if trait.amount >= STRONG else ""
    )
    return size + comparative(trait.text)


def comparative(word: str) -> str:
    """ "warm" → "warmer", "muddy" → "muddier", "thin" → "thinner", "compressed" → "more compressed"."""
    if word.startswith(("more ", "less ")):
        return word
    vowels = sum(
        c in "aeiou" and (i == 0 or word[i - 1] not in "aeiou") for i, c in enumerate(word.rstrip("e"))
    )
    if " " in word or "-" in word or word.endswith(("ed", "ing", "al", "ic")) or len(word) > 6:
        return f"more {word}"
    if word.endswith("y") and vowels <= 1:
        return f"{word[:-1]}ier"
    if vowels > 1:
        return f"more {word}"
    if word.endswith("e"):
        return f"{word}r"
    short = len(word) >= 3 and word[-1] in "bdgmnpt" and word[-2] in "aeiou" and word[-3] not in "aeiou"
    return f"{word}{word[-1]}er" if short else f"{word}er"


def _sized(trait: Trait, rng: np.random.Generator) -> str:
    if trait.amount >= SLIGHT or rng.random() < 0.4:
        return trait.text
    return f"a hint of {trait.text.removeprefix('a ').removeprefix('an ')}"


def _joined(words: Sequence[str], rng: np.random.Generator) -> str:
    return _and(words) if rng.random() < 0.7 else ", ".join(words)


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _article(text: str) -> str:
    return "" if text.startswith("a ") else "an" if text[:1] in "aeiou" else "a"


def _shares(weights: Sequence[float]) -> np.ndarray:
    return np.asarray(weights) / np.sum(weights)


@lru_cache(maxsize=1)
def _rules() -> dict[str, Any]:
    import yaml

    return yaml.safe_load((files("reprs.views") / "production.yaml").read_text(encoding="utf-8"))
