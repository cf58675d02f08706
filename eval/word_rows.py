"""Rows of the text-EQ table: a word → the response it should have, by our equaliser and by simpler means.

A row is a function of a word's text and the frequencies `(F,)` in Hz that returns a response `(F,)`, or None
where it refuses the word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from eval.word_curves import Word

Row = Callable[[str, np.ndarray], np.ndarray | None]
RIDGE = 1.0  # in units of the mean squared length of the centred embeddings
SAMPLE_RATE = 44_100
NOISE_S = 6.0


def text_eq_row(engine: str, recordings: Sequence[tuple[Any, int]]) -> Row:
    """The response of the bands of `reprs.text_eq`, averaged over recordings `(audio (C, T), rate)`."""
    import reprs
    from reprs.console.meaning import target_curve

    known: dict[bytes, np.ndarray] = {}  # words with one target get the same bands

    def respond(word: str, frequencies_hz: np.ndarray) -> np.ndarray | None:
        try:
            target = target_curve(word, frequencies_hz).response_db.tobytes()
            if engine != "predicted" or target not in known:
                responses = [
                    reprs.text_eq(audio, rate, word, engine=engine).response_db(frequencies_hz)
                    for audio, rate in recordings
                ]
                known[target] = np.mean(responses, axis=0)
        except ValueError:
            return None
        return known[target]

    return respond


def target_row(word: str, frequencies_hz: np.ndarray) -> np.ndarray | None:
    """What the prompt asks for, before bands are fitted to it."""
    from reprs.console.meaning import target_curve

    try:
        return target_curve(word, frequencies_hz).response_db
    except ValueError:
        return None


def unseen_row(word: str, frequencies_hz: np.ndarray) -> np.ndarray | None:
    """The same where the word and all its inflections are struck out of the lexicon."""
    return _by_neighbours(word, frequencies_hz, _relatives(word))


def unrelated_row(word: str, frequencies_hz: np.ndarray) -> np.ndarray | None:
    """The same where everything that shares its descriptor is struck out too, synonyms included."""
    from reprs.views.lexicon import Lexicon

    lexicon = Lexicon.shipped()
    found = lexicon.find(word)
    same = {w for w, name in lexicon.words.items() if found is not None and name == found.name}
    return _by_neighbours(word, frequencies_hz, same | _relatives(word))


def flat_row(word: str, frequencies_hz: np.ndarray) -> np.ndarray:
    """No equaliser at all."""
    return np.zeros(len(frequencies_hz))


def tilt_row(word: str, frequencies_hz: np.ndarray) -> np.ndarray:
    """A straight line up in log frequency, the same for every word."""
    return np.log2(frequencies_hz)


class MeanCurve:
    """The mean curve of all other words: what one can know without reading."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.curves = {word.text: word.mean for word in words}

    def __call__(self, word: str, frequencies_hz: np.ndarray) -> np.ndarray:
        return np.mean([curve for text, curve in self.curves.items() if text != word], axis=0)


class EmbeddingRidge:
    """Sentence embedding → ridge → curve, leaving the word itself out (the idea of Venkatesh 2022).

    Every word weighs as many listeners as it has.
    """

    def __init__(self, words: Sequence[Word]) -> None:
        from reprs.console.neighbours import embed

        self.texts = [word.text for word in words]
        self.e = embed(self.texts).astype(np.float64)
        self.curves = np.stack([word.mean for word in words])
        self.weights = np.array([float(len(word.curves)) for word in words])

    def __call__(self, word: str, frequencies_hz: np.ndarray) -> np.ndarray:
        i = self.texts.index(word)
        kept = np.arange(len(self.texts)) != i
        weights = self.weights[kept] / self.weights[kept].sum()
        e, curves = self.e[kept], self.curves[kept]
        e_mean, curve_mean = weights @ e, weights @ curves
        e, curves = e - e_mean, curves - curve_mean
        covariance = (e * weights[:, None]).T @ e
        ridge = RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        return curve_mean + (self.e[i] - e_mean) @ np.linalg.solve(
            covariance + ridge, (e * weights[:, None]).T @ curves
        )


def pink_noise(seconds: float = NOISE_S, seed: int = 0) -> tuple[Any, int]:
    """Seeded noise with equal power in every octave: a recording without a character of its own."""
    import torch

    count = int(seconds * SAMPLE_RATE)
    spectrum = torch.fft.rfft(torch.randn(1, count, generator=torch.Generator().manual_seed(seed)))
    noise = torch.fft.irfft(spectrum / torch.arange(spectrum.shape[-1]).clamp(min=1).sqrt(), n=count)
    return 0.5 * noise / noise.abs().max(), SAMPLE_RATE


def _by_neighbours(word: str, frequencies_hz: np.ndarray, without: set[str]) -> np.ndarray | None:
    from reprs.console.neighbours import confidence, neighbour_curve, neighbours

    found = neighbours(word, without=without)
    return neighbour_curve(found, frequencies_hz) if confidence(found) > 0 else None


def _relatives(word: str) -> set[str]:
    """The lexicon's words that could be inflections of the same word."""
    from reprs.views.morphology import roots

    forms = set(roots(word))
    return {other for other, its in _lexicon_roots().items() if forms & its}


@cache
def _lexicon_roots() -> dict[str, frozenset[str]]:
    from reprs.views.lexicon import Lexicon
    from reprs.views.morphology import roots

    return {word: frozenset(roots(word)) for word in Lexicon.shipped().words}
