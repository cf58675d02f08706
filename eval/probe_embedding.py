"""Embeddings of the probes' clips, and of the same clips at other levels and lengths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from eval.baselines import Row
from eval.chains import match_rms
from eval.clips import STORED_RMS_DB
from eval.embedding import BATCH, ClipEmbedder
from eval.music import SAMPLE_RATE
from eval.probe_plan import ProbePlan, probe_clips
from reprs.corpora.cache import cache_folder

LEVELS_DB = (-12.0, 6.0)
# As shares of a clip.
LENGTHS = (1 / 3, 1 / 2, 2 / 3, 5 / 6, 1.0)


class ProbeEmbedder(ClipEmbedder):
    """The clips of a probe plan, each at exactly one RMS level."""

    def __init__(self, plan: ProbePlan, folder: Path | None = None) -> None:
        self.plan, self.key = plan, plan.key()
        folder = (folder or cache_folder("eval")) / f"probes-{self.key}"
        super().__init__(probe_clips(plan, folder), folder, plan.tasks["chains"]["pedalboard test"])

    def audio(self, index: int) -> np.ndarray:
        # Rounding to 16 bits and clips too peaky for the level would tell a loudness meter about the effects.
        return match_rms(super().audio(index), STORED_RMS_DB)

    def at_levels(self, row: Row, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings of clips at random levels, and the gains in dB."""
        gains_db = np.random.default_rng(1).uniform(*LEVELS_DB, size=len(indices))
        parts = []
        for start in range(0, len(indices), BATCH):
            some = slice(start, start + BATCH)
            x = [self.audio(i) * 10 ** (g / 20) for i, g in zip(indices[some], gains_db[some], strict=True)]
            parts.append(_embedded(row, np.stack(x)))
        return np.concatenate(parts), gains_db

    def at_lengths(self, row: Row, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings of the beginnings of clips, and their lengths in seconds; every length at one level."""
        shares = np.random.default_rng(2).choice(LENGTHS, size=len(indices))
        found: dict[int, np.ndarray] = {}
        for share in LENGTHS:
            chosen = [i for i, s in enumerate(shares) if s == share]
            frames = round(share * self.clips.shape[2])
            for start in range(0, len(chosen), BATCH):
                some = chosen[start : start + BATCH]
                x = [match_rms(self.audio(indices[i])[:, :frames], STORED_RMS_DB) for i in some]
                found.update(zip(some, _embedded(row, np.stack(x)), strict=True))
        return np.stack([found[i] for i in range(len(indices))]), shares * self.plan.settings["clip_s"]


def _embedded(row: Row, x: np.ndarray) -> np.ndarray:
    return row.embed(torch.from_numpy(x.astype(np.float32)), SAMPLE_RATE).float().cpu().numpy()
