"""Embeds rendered clips; a row with the same hash that answers a probe as before is read from the cache."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from eval.baselines import BASELINES, Row, Standardised
from eval.music import SAMPLE_RATE
from eval.plan import Plan, rendered
from reprs.corpora.cache import cache_folder
from reprs.corpora.progress import track

BATCH = 32
PROBES = 6


class ClipEmbedder:
    """`embedder(row)` → `(N, D)` float32 for clips `(N, 2, T)` int16; kept in `folder` by the row's hash.

    A model hash does not see a change of the code around the weights, so the embeddings of `probe`, a few
    clips, are computed each time and have to be what they were.
    """

    def __init__(self, clips: np.ndarray, folder: Path, probe: Sequence[int]) -> None:
        self.clips, self.folder, self.probe = clips, folder, list(probe)[:PROBES]

    def __call__(self, row: Row) -> np.ndarray:
        probe = self.embed(row, self.probe)
        path = self.folder / file_name(row)
        if path.exists():
            with np.load(path) as known:
                if known["probe"].shape == probe.shape and np.allclose(known["probe"], probe, atol=1e-5):
                    return known["embeddings"]
        embeddings = self.embed(row, range(len(self.clips)), row.name)
        np.savez(path, probe=probe, embeddings=embeddings)
        return embeddings

    def embed(self, row: Row, indices: range | list[int], label: str = "") -> np.ndarray:
        """Embeddings of the clips at `indices`."""
        starts = range(0, len(indices), BATCH)
        parts = []
        for start in track(starts, label) if label else starts:
            chosen = list(indices[start : start + BATCH])
            x = torch.from_numpy(np.stack([self.audio(i) for i in chosen]))
            parts.append(row.embed(x, SAMPLE_RATE).float().cpu().numpy())
        return np.concatenate(parts)

    def audio(self, index: int) -> np.ndarray:
        """One clip `(2, T)` float32."""
        return self.clips[index].astype(np.float32) / 32_767


class Embedder(ClipEmbedder):
    """The clips of a retrieval plan."""

    def __init__(self, plan: Plan, folder: Path | None = None) -> None:
        folder = folder or cache_folder("eval")
        self.plan = plan
        super().__init__(rendered(plan, folder), folder / plan.folder_name(), plan.reference)

    def standardised_baselines(self) -> list[Row]:
        """The baselines, z-scored on the reference clips."""
        return [Standardised(r, torch.from_numpy(self.embed(r, self.plan.reference))) for r in BASELINES]


def file_name(row: Row) -> str:
    """The row's name for people, and the hash of the model for certainty."""
    digest = hashlib.sha256(f"{row.name}\0{getattr(row, 'model_hash', '')}".encode()).hexdigest()[:12]
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', row.name)}-{digest}.npz"
