"""Rows of the text retrieval table: models of audio and text, and a ridge map from MFCCs to a text tower."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from eval.baselines import MfccStatistics
from reprs.audio import files
from reprs.corpora.cache import cache_folder
from reprs.corpora.named import NamedItem
from reprs.corpora.progress import track

SAMPLE_RATE = 44_100
LONGEST_S = 3.0
LEVEL_DB = -20.0
UNTRAINED_SEED = 0
AT_ONCE = 16


class TextRow(Protocol):
    """One line of the table."""

    name: str

    def embed(self, items: Sequence[NamedItem]) -> np.ndarray:
        """Clips → `(N, D)`."""

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """Texts → `(T, D)`."""


class ModelRow:
    """A model with `embed` and `embed_text`; audio is remembered on disk by the model's hash."""

    def __init__(self, name: str, model: Any, model_hash: str) -> None:
        self.name, self.model, self.model_hash = name, model.eval(), model_hash

    def embed(self, items: Sequence[NamedItem]) -> np.ndarray:
        return remembered(f"{self.name} {self.model_hash}", items, self._embed, self.name)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        return self.model.embed_text(list(texts)).float().cpu().numpy()

    @torch.inference_mode()
    def _embed(self, items: Sequence[NamedItem]) -> np.ndarray:
        return self.model.embed([clip(item) for item in items], SAMPLE_RATE).float().cpu().numpy()


class RidgeRow:
    """MFCC statistics → the text tower's embedding of the names, a ridge regression on the training corpora.

    Both sides are centred on the training data, so that predictions that shrink towards the mean text are
    not similar to all texts alike. The penalty is the best of a grid by generalised cross-validation.
    """

    name = "ridge on MFCC statistics"

    def __init__(self, training: Sequence[NamedItem], tower: Any) -> None:
        from sklearn.linear_model import RidgeCV

        self.tower = tower
        training = [item for item in training if ridge_text(item)]
        x = mfcc_statistics(training)
        y = self._raw_text([ridge_text(item) for item in training])
        self.x_mean, self.x_scale, self.y_mean = x.mean(axis=0), x.std(axis=0) + 1e-6, y.mean(axis=0)
        self.map = RidgeCV(np.logspace(-1, 5, 13)).fit(self._scaled(x), y - self.y_mean)

    def embed(self, items: Sequence[NamedItem]) -> np.ndarray:
        return self.map.predict(self._scaled(mfcc_statistics(items)))

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        return self._raw_text(texts) - self.y_mean

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        return (x - self.x_mean) / self.x_scale

    def _raw_text(self, texts: Sequence[str]) -> np.ndarray:
        return self.tower.encode(list(texts)).float().cpu().numpy()


def ridge_text(item: NamedItem) -> str:
    """What the ridge map learns to predict of a clip: its name, or its family where it has none.

    Names alone beat names with families, and families alone, in R@10 (.18, .13, .08 on soundfonts).
    """
    return (item.label or item.family or "").lower()


def model_rows(names: Sequence[str], untrained: bool) -> list[TextRow]:
    """A row for every name or path, and one for the first model's architecture with random weights."""
    import reprs

    rows: list[TextRow] = []
    for name in names:
        model = reprs.load(name)
        if not hasattr(model, "embed_text"):
            raise ValueError(f"the model {name!r} does not read text: judge it with `reprs eval retrieval`")
        rows.append(ModelRow(Path(name).stem, model, str(getattr(model, "model_hash", ""))))
        if untrained and name == names[-1]:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(UNTRAINED_SEED)
                fresh = type(model)(**model.config)
            rows.append(
                ModelRow("untrained", fresh, f"{type(model).__name__} {model.config} {UNTRAINED_SEED}")
            )
    return rows


def clip(item: NamedItem) -> torch.Tensor:
    """The first seconds of an item, `(2, T)`, at one level."""
    length_s = min(LONGEST_S, item.duration_s or LONGEST_S)
    x, _ = files.read(item.path, item.start_s, length_s, SAMPLE_RATE)
    x = x[:2].expand(2, -1)
    if x.shape[1] < SAMPLE_RATE // 10:  # what models take at least
        x = torch.nn.functional.pad(x, (0, SAMPLE_RATE // 10 - x.shape[1]))
    return x * (10 ** (LEVEL_DB / 20) / x.square().mean().sqrt().clamp_min(1e-6))


def mfcc_statistics(items: Sequence[NamedItem]) -> np.ndarray:
    """`(N, 60)` of clips, remembered on disk."""
    row = MfccStatistics()

    def statistics(some: Sequence[NamedItem]) -> np.ndarray:
        return np.concatenate([row.embed(clip(item)[None], SAMPLE_RATE).numpy() for item in some])

    return remembered("MFCC statistics", items, statistics, row.name)


def remembered(row: str, items: Sequence[NamedItem], embed: Any, label: str) -> np.ndarray:
    """`embed` of all items, from the cache where this row has met the same files with the same settings."""
    stats = [(item.path, item.path.stat()) for item in items]
    told = "\n".join(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats)
    digest = hashlib.sha256(f"{row}\n{LONGEST_S} {LEVEL_DB}\n{told}".encode()).hexdigest()[:20]
    path = cache_folder("eval", "text") / f"{re.sub(r'[^A-Za-z0-9]+', '-', label)}-{digest}.npy"
    if not path.exists():
        starts = range(0, len(items), AT_ONCE)
        parts = [embed(items[start : start + AT_ONCE]) for start in track(starts, label)]
        np.save(path, np.concatenate(parts))
    return np.load(path)
