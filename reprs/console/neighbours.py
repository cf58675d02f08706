"""A word that the lexicon does not hold, read by the words around it in the space of a text tower.

    python -m reprs.console.neighbours      # after a change of the lexicon: embeds its words again

The response is the mean of its nearest words' responses, each weighted by exp(cosine / `TEMPERATURE`): a
kernel regression (Nadaraya 1964) on the lexicon alone. Letters without meaning have neighbours too, but no
near ones: below `NEAREST` a word is refused. The vectors of the lexicon's words are stored beside this file
as 8-bit numbers, so that one word costs one pass of the tower instead of thousands.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

import numpy as np

from reprs.views.lexicon import Lexicon

TEMPLATE = "{} music"  # alone, "hard" lies by "difficult" and "cool" by "fine"
COUNT = 50
TEMPERATURE = 0.05
NEAREST = 0.74  # mean cosine of the three nearest words; see docs/decisions/0006
CERTAIN = 0.88
VECTORS = Path(__file__).with_name("word_vectors.npz")


def neighbours(text: str, count: int = COUNT, without: Collection[str] = ()) -> list[tuple[str, float]]:
    """The lexicon's words nearest to `text`, nearest first, with their cosines; `without` some of them."""
    words, vectors = _vectors()
    cosines = vectors @ embed([TEMPLATE.format(text)])[0]
    order = np.argsort(-cosines, kind="stable")[: count + len(without)]
    return [(words[i], float(cosines[i])) for i in order if words[i] not in without][:count]


def confidence(found: list[tuple[str, float]]) -> float:
    """0 where the neighbours are too far to mean anything, 1 where they are as near as synonyms."""
    nearness = float(np.mean([cosine for _, cosine in found[:3]]))
    return 0.0 if nearness < NEAREST else min(1.0, 0.5 + 0.5 * (nearness - NEAREST) / (CERTAIN - NEAREST))


def neighbour_curve(found: list[tuple[str, float]], frequencies_hz: np.ndarray) -> np.ndarray:
    """Weighted mean response in dB `(F,)` of words and their cosines."""
    lexicon = Lexicon.shipped()
    cosines = np.array([cosine for _, cosine in found])
    weights = np.exp((cosines - cosines.max()) / TEMPERATURE)
    curves = [lexicon.curve(lexicon.words[word], frequencies_hz) for word, _ in found]
    return weights @ np.stack(curves) / weights.sum()


def embed(texts: list[str]) -> np.ndarray:
    """Unit vectors `(B, D)` of the default text tower."""
    from reprs.models.text import frozen_tower

    return frozen_tower().encode(texts).cpu().numpy()


@cache
def _vectors() -> tuple[list[str], np.ndarray]:
    """The lexicon's words and their unit vectors `(W, D)`; words that are not stored are embedded now."""
    wanted = list(Lexicon.shipped().words)
    with np.load(VECTORS, allow_pickle=False) as stored:
        known = dict(zip(stored["words"].tolist(), stored["vectors"].astype(np.float32), strict=True))
    missing = [word for word in wanted if word not in known]
    if missing:
        known.update(zip(missing, embed([TEMPLATE.format(word) for word in missing]), strict=True))
    vectors = np.stack([known[word] for word in wanted])
    return wanted, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write_vectors() -> None:
    """Embed every word of the lexicon and store it."""
    words = list(Lexicon.shipped().words)
    vectors = embed([TEMPLATE.format(word) for word in words])
    scaled = np.round(vectors * (127 / np.abs(vectors).max(axis=1, keepdims=True)))
    np.savez_compressed(VECTORS, words=np.array(words), vectors=scaled.astype(np.int8))


if __name__ == "__main__":
    write_vectors()
