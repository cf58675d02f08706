"""Text against audio: which clips to judge on, and figures from two lists of embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import comb
from typing import Any

import numpy as np

from eval.scoring import interval
from reprs.corpora.named import NamedItem

CUTOFFS = (1, 5, 10)
TEMPLATES = ("{}", "the sound of {}", "a recording of {}")
EmbedText = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Gallery:
    """The clips of one source: `labels[i]` is the name of clip i, `families[i]` its family or None."""

    source: str
    items: tuple[NamedItem, ...]
    labels: tuple[str, ...] = field(init=False)
    families: tuple[str | None, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(str(item.label) for item in self.items))
        object.__setattr__(self, "families", tuple(item.family for item in self.items))

    @property
    def names(self) -> list[str]:
        """The distinct names: the queries."""
        return sorted(set(self.labels))


def make_galleries(items: Sequence[NamedItem], takes: int, seed: int) -> list[Gallery]:
    """For every source, up to `takes` clips of every name, of as many contents as there are."""
    sources: dict[str, dict[str, list[NamedItem]]] = {}
    for item in items:
        if item.label is not None:
            sources.setdefault(item.source, {}).setdefault(item.label, []).append(item)
    return [
        Gallery(
            source, tuple(i for name in sorted(named) for i in _drawn(named[name], takes, f"{seed}:{name}"))
        )
        for source, named in sorted(sources.items())
    ]


def _drawn(items: Sequence[NamedItem], takes: int, seed: str) -> list[NamedItem]:
    """Different contents first; the order depends on the seed and on each item alone."""
    order = sorted(items, key=lambda i: hashlib.sha256(f"{seed}:{i.content}/{i.path.name}".encode()).digest())
    seen: dict[str, int] = {}
    turns = []
    for item in order:
        turns.append(seen.get(item.content, 0))
        seen[item.content] = turns[-1] + 1
    ranked = sorted(range(len(order)), key=lambda i: (turns[i], i))
    return [order[i] for i in ranked[:takes]]


def label_embeddings(embed_text: EmbedText, labels: Sequence[str]) -> np.ndarray:
    """`(L, D)`: the mean over templates of each label's embeddings of unit length."""
    texts = [template.format(label) for label in labels for template in TEMPLATES]
    e = _unit(embed_text(texts)).reshape(len(labels), len(TEMPLATES), -1)
    return _unit(e.mean(axis=1))


def first_match_ranks(scores: np.ndarray, matches: np.ndarray) -> np.ndarray:
    """Rank from 1 of each query's best match, `(Q,)`, from `scores` and `matches` `(Q, N)`.

    Ties are broken fairly: the expected rank of the first of m matches among t tied clips is
    (t + 1) / (m + 1) places after those above.
    """
    best = np.where(matches, scores, -np.inf).max(axis=1, keepdims=True)
    tied = np.isclose(scores, best, rtol=0, atol=1e-9)
    above = ((scores > best) & ~tied).sum(axis=1)
    return above + (tied.sum(axis=1) + 1) / ((tied & matches).sum(axis=1) + 1)


def retrieval_values(audio: np.ndarray, text: np.ndarray, matches: np.ndarray) -> dict[str, np.ndarray]:
    """What each query contributes to R@1, R@5, R@10 and the mean rank of the first match."""
    ranks = first_match_ranks(_unit(text) @ _unit(audio).T, matches)
    return {f"R@{k}": (ranks < k + 0.5).astype(float) for k in CUTOFFS} | {"first match": ranks}


def chance_values(matches: np.ndarray) -> dict[str, np.ndarray]:
    """The same for clips in random order: m of N match, so R@k = 1 - C(N - m, k) / C(N, k)."""
    n, counts = matches.shape[1], matches.sum(axis=1)
    values = {
        f"R@{k}": np.array([1 - comb(n - m, min(k, n)) / comb(n, min(k, n)) for m in counts]) for k in CUTOFFS
    }
    return values | {"first match": (n + 1) / (counts + 1)}


def picked(audio: np.ndarray, labels: np.ndarray, right: Sequence[int]) -> np.ndarray:
    """Chance `(N,)` that a clip's most similar label is the right one; ties are fair draws."""
    scores = _unit(audio) @ _unit(labels).T
    tied = np.isclose(scores, scores.max(axis=1, keepdims=True), rtol=0, atol=1e-9)
    return tied[np.arange(len(scores)), list(right)] / tied.sum(axis=1)


def balance(groups: Sequence[str]) -> np.ndarray:
    """Weights `(N,)` with a mean of 1 that give every group the same say, however many clips it has."""
    _, index, counts = np.unique(np.asarray(groups, dtype=str), return_inverse=True, return_counts=True)
    return len(index) / (len(counts) * counts[index]) if len(counts) else np.ones(0)


def gallery_figures(
    gallery: Gallery, audio: np.ndarray | None, embed_text: EmbedText | None, families: Sequence[str]
) -> dict[str, tuple[np.ndarray, list[str]]]:
    """Figure → its values and the content of each, for one gallery; chance without embeddings."""
    names = gallery.names
    matches = np.array([[label == name for label in gallery.labels] for name in names])
    known = [i for i, family in enumerate(gallery.families) if family in families]
    contents = [gallery.items[i].content for i in known]
    if audio is None or embed_text is None:
        retrieval = chance_values(matches)
        family, name = np.full(len(known), 1 / len(families)), np.full(len(gallery.items), 1 / len(names))
    else:
        retrieval = retrieval_values(audio, _unit(embed_text(names)), matches)
        right = [families.index(str(gallery.families[i])) for i in known]
        family = picked(audio[known], label_embeddings(embed_text, [f.lower() for f in families]), right)
        own = [names.index(label) for label in gallery.labels]
        name = picked(audio, label_embeddings(embed_text, names), own)
    family = family * balance([str(gallery.families[i]) for i in known])
    result = {figure: (values, list(names)) for figure, values in retrieval.items()}
    result["name"] = (name, [item.content for item in gallery.items])
    return result | ({"family": (family, contents)} if known else {})


def figures_of(
    parts: Sequence[dict[str, tuple[np.ndarray, list[str]]]],
) -> dict[str, tuple[float, float, float]]:
    """Figures over several galleries, with 95 % intervals that resample names and contents."""
    figures: dict[str, Any] = {}
    for figure in ("family", "name", *(f"R@{k}" for k in CUTOFFS), "first match"):
        found = [part[figure] for part in parts if figure in part]
        if found:
            labels = [f"{i}/{label}" for i, (_, group) in enumerate(found) for label in group]
            values = interval(np.concatenate([values for values, _ in found]), labels)
            figures[figure] = tuple(round(value, 4) for value in values)
    return figures


def _unit(e: np.ndarray) -> np.ndarray:
    e = np.asarray(e, dtype=np.float64)
    return e / np.maximum(np.linalg.norm(e, axis=1, keepdims=True), 1e-12)
