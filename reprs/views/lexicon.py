"""Words for sound as data: every descriptor is a mixture of a few smooth response shapes.

The data are the YAML files in `words/`; `shapes.yaml` holds the shapes, on octaves from 20 Hz to 20 kHz, and
says where the practice comes from. Every other file is a family of descriptors:

    warm:
      also: [warmth, cosy]            # words that mean the same
      opposite: cold
      like: {warm: 1}                 # weights of shapes
      bands: [{at_hz: 250, gain_db: 2, octaves: 1}]
      moves: {distortion: 0.3}        # what else a producer would turn, -1 to 1
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from reprs.views.morphology import plain, roots

MAX_GAIN_DB = 12.0
MOVES = ("compression", "distortion", "reverb", "delay", "width", "modulation", "level")


@dataclass(frozen=True)
class Band:
    """A bell: its centre, its gain there, and its width at half the gain."""

    at_hz: float
    gain_db: float
    octaves: float


@dataclass(frozen=True)
class Descriptor:
    """One meaning and the words for it."""

    name: str
    family: str
    like: Mapping[str, float]
    also: tuple[str, ...] = ()
    opposite: str | None = None
    bands: tuple[Band, ...] = ()
    moves: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Fit:
    """How well a descriptor describes a response: `r` of the shapes, and how much of the word it takes."""

    name: str
    r: float
    amount: float


class Lexicon:
    """Descriptors by name and by any of their words; see `Lexicon.shipped`."""

    def __init__(self, shapes: Mapping[str, Any], families: Mapping[str, Mapping[str, Any]]) -> None:
        self.octaves_hz = np.array(shapes["octaves_hz"], dtype=np.float64)
        self.shapes = {name: self._checked_shape(name, values) for name, values in shapes["shapes"].items()}
        self.descriptors: dict[str, Descriptor] = {}
        self.words: dict[str, str] = {}
        for family, entries in families.items():
            for name, entry in entries.items():
                self._add(_descriptor(str(name), family, entry or {}))
        self._check_references()

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> Lexicon:
        """The lexicon of the package, read once."""
        folder = files("reprs.views") / "words"
        parts = {p.name[:-5]: _read(p) for p in folder.iterdir() if p.name.endswith(".yaml")}
        return cls(parts.pop("shapes"), dict(sorted(parts.items())))

    def curve(self, name: str, frequencies_hz: np.ndarray) -> np.ndarray:
        """Response in dB `(F,)` of a descriptor at `frequencies_hz` `(F,)`, within ±12 dB."""
        descriptor = self.descriptors.get(name) or self.find(name)
        if descriptor is None:
            raise ValueError(f"{name!r} is not in the lexicon")
        f = np.asarray(frequencies_hz, dtype=np.float64)
        total = self.mixture(descriptor.like, f)
        for band in descriptor.bands:
            ratio = 2.0 ** (band.octaves / 2)
            total = total + bell_db(band.at_hz / ratio, band.at_hz * ratio, band.gain_db, f)
        return np.clip(total, -MAX_GAIN_DB, MAX_GAIN_DB)

    def mixture(self, weights: Mapping[str, float], frequencies_hz: np.ndarray) -> np.ndarray:
        """A weighted sum of shapes in dB `(F,)`, smooth in log frequency and constant beyond its ends."""
        from scipy.interpolate import PchipInterpolator

        values = np.sum([w * self.shapes[s] for s, w in weights.items()], axis=0) + np.zeros_like(
            self.octaves_hz
        )
        f = np.clip(frequencies_hz, self.octaves_hz[0], self.octaves_hz[-1])
        return PchipInterpolator(np.log2(self.octaves_hz), values)(np.log2(f))

    def find(self, text: str) -> Descriptor | None:
        """The descriptor of a word or phrase, also inflected ("warmer", "happiness"), or None."""
        for form in roots(text):
            if form in self.words:
                return self.descriptors[self.words[form]]
        return None

    def describe(self, response_db: np.ndarray, frequencies_hz: np.ndarray, count: int = 5) -> list[Fit]:
        """The descriptors that fit a response `(F,)` best, best first; its mean level does not count."""
        f = np.asarray(frequencies_hz, dtype=np.float64)
        names, curves = list(self.descriptors), self._curves(tuple(f.tolist()))
        target = np.asarray(response_db, dtype=np.float64)
        target = target - target.mean()
        norms = np.linalg.norm(curves, axis=1)
        along = curves @ target
        r = along / np.maximum(norms * np.linalg.norm(target), 1e-9)
        order = np.argsort(-r, kind="stable")[:count]
        return [Fit(names[i], float(r[i]), float(along[i] / max(norms[i] ** 2, 1e-9))) for i in order]

    @lru_cache(maxsize=4)  # noqa: B019 - there is one lexicon
    def _curves(self, frequencies_hz: tuple[float, ...]) -> np.ndarray:
        f = np.array(frequencies_hz)
        curves = np.stack([self.curve(name, f) for name in self.descriptors])
        return curves - curves.mean(axis=1, keepdims=True)

    def _add(self, descriptor: Descriptor) -> None:
        unknown = [s for s in descriptor.like if s not in self.shapes]
        if unknown:
            raise ValueError(
                f"{descriptor.family}.yaml: {descriptor.name!r} is like unknown shapes {unknown}"
            )
        if descriptor.name in self.descriptors:
            raise ValueError(f"{descriptor.family}.yaml: {descriptor.name!r} is there twice")
        self.descriptors[descriptor.name] = descriptor
        for word in map(plain, (descriptor.name, *descriptor.also)):
            if self.words.setdefault(word, descriptor.name) != descriptor.name:
                both = f"{descriptor.name!r} and {self.words[word]!r}"
                raise ValueError(f"{descriptor.family}.yaml: {word!r} means both {both}")

    def _check_references(self) -> None:
        for descriptor in self.descriptors.values():
            if descriptor.opposite is not None and plain(descriptor.opposite) not in self.words:
                raise ValueError(
                    f"{descriptor.family}.yaml: {descriptor.name!r} has an opposite {descriptor.opposite!r} "
                    "that is not in the lexicon"
                )

    def _checked_shape(self, name: str, values: Iterable[float]) -> np.ndarray:
        shape = np.array(list(values), dtype=np.float64)
        if shape.shape != self.octaves_hz.shape or not np.all(np.abs(shape) <= MAX_GAIN_DB):
            raise ValueError(
                f"shapes.yaml: {name!r} needs {len(self.octaves_hz)} gains within ±{MAX_GAIN_DB:g} dB"
            )
        return shape


def bell_db(low_hz: float, high_hz: float, gain_db: float, frequencies_hz: np.ndarray) -> np.ndarray:
    """A Gaussian bell in log frequency with half its gain at `low_hz` and `high_hz`."""
    centre = np.log2(low_hz * high_hz) / 2
    half_width = max(np.log2(high_hz / low_hz) / 2, 1e-3)
    return gain_db * 2.0 ** -(((np.log2(frequencies_hz) - centre) / half_width) ** 2)


def shelf_db(low_hz: float, high_hz: float, gain_db: float, frequencies_hz: np.ndarray) -> np.ndarray:
    """A shelf with half its gain at `low_hz` (where it goes up to 20 kHz) or at `high_hz` (down to 20 Hz)."""
    corner_hz, sign = (high_hz, -1.0) if low_hz <= 20.0 else (low_hz, 1.0)
    return gain_db / (1.0 + 2.0 ** (-sign * 3.0 * np.log2(frequencies_hz / corner_hz)))


def _descriptor(name: str, family: str, entry: Mapping[str, Any]) -> Descriptor:
    allowed = {"also", "opposite", "like", "bands", "moves"}
    if not set(entry) <= allowed or not (entry.get("like") or entry.get("bands")):
        raise ValueError(f"{family}.yaml: {name!r} needs `like` or `bands`, and may have {sorted(allowed)}")
    moves = {str(k): float(v) for k, v in entry.get("moves", {}).items()}
    if not set(moves) <= set(MOVES) or any(abs(v) > 1 for v in moves.values()):
        raise ValueError(f"{family}.yaml: the moves of {name!r} are -1 to 1 of {', '.join(MOVES)}")
    return Descriptor(
        name,
        family,
        like={str(k): float(v) for k, v in entry.get("like", {}).items()},
        also=tuple(str(word) for word in entry.get("also", ())),
        opposite=entry.get("opposite"),
        bands=tuple(Band(**{k: float(v) for k, v in band.items()}) for band in entry.get("bands", ())),
        moves=moves,
    )


def _read(path: Any) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
