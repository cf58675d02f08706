"""Retrieval one can listen to: held-out clips in a FAISS index, searched with other clips of their chains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eval.chains import PedalboardChain
from eval.music import SAMPLE_RATE


@dataclass(frozen=True)
class Sound:
    """One clip `(2, T)` and its chain; for a hit also the cosine, and whether it has the query's chain."""

    audio: np.ndarray
    chain: PedalboardChain
    score: float = 1.0
    right: bool = True


@dataclass(frozen=True)
class Example:
    """A query, the same chain in the index, and what each model found, best first."""

    query: Sound
    target: Sound
    hits: dict[str, list[Sound]]
    command: str


def search_examples(models: list[Any], embedder: Any, out: Path, count: int, k: int = 3) -> list[Example]:
    """Index the gallery's targets with every model and search it with `count` of the gallery's queries.

    Writes `out/held_out/*.flac`, `out/queries/*.flac` and one index folder a model, for the shell too.
    """
    from reprs.retrieval.index import Index

    plan = embedder.plan
    targets = {f"{n:03d}": i for n, i in enumerate(plan.gallery["targets"])}
    paths = _write(embedder, targets, out / "held_out")
    shown = _show_which(plan, count)
    queries = _write(embedder, {f"{n:03d}": plan.gallery["queries"][n] for n in shown}, out / "queries")
    found: dict[str, list[list[Any]]] = {}
    for model, folder in zip(models, (out / "index", out / "index-shipped"), strict=False):
        index = Index.create(model.encoder, model.name)
        index.add_files(model.encoder, paths)
        index.write(folder)
        found[model.name] = [Index.open(folder).search(model.encoder, q, k) for q in queries]
    examples = []
    for number, n in enumerate(shown):
        hits = {name: [_hit(embedder, targets, h, n) for h in lists[number]] for name, lists in found.items()}
        command = f"reprs search {out / 'index'} --audio {queries[number]} --model {out / 'demo'} -k {k}"
        query, target = (_sound(embedder, plan.gallery[side][n]) for side in ("queries", "targets"))
        examples.append(Example(query, target, hits, command))
    return examples


def _show_which(plan: Any, count: int) -> list[int]:
    """The first queries with two or three effects: enough to hear, few enough to name."""
    number = [len(plan.chains[plan.renders[i][1]].kinds) for i in plan.gallery["queries"]]
    return [n for n, effects in enumerate(number) if effects in (2, 3)][:count]


def _write(embedder: Any, indices: dict[str, int], folder: Path) -> list[Path]:
    from reprs.audio import files

    paths = [folder / f"{name}.flac" for name in indices]
    for path, index in zip(paths, indices.values(), strict=True):
        files.write(path, torch.from_numpy(embedder.audio(index)), SAMPLE_RATE, "PCM_16")
    return paths


def _sound(embedder: Any, index: int, score: float = 1.0, right: bool = True) -> Sound:
    return Sound(embedder.audio(index), embedder.plan.chains[embedder.plan.renders[index][1]], score, right)


def _hit(embedder: Any, targets: dict[str, int], hit: Any, query: int) -> Sound:
    name = Path(hit.path).stem
    return _sound(embedder, targets[name], hit.score, int(name) == query)
