"""The models among the rows of a table, and the same architecture before any training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from eval.baselines import Row

UNTRAINED_SEED = 0


class Model:
    """A loaded encoder under the name of its row."""

    def __init__(self, name: str, encoder: torch.nn.Module) -> None:
        self.name, self.encoder = name, encoder.eval()

    @torch.inference_mode()
    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        return self.encoder.embed(audio, sample_rate)


def make_rows(names: Sequence[str], untrained: bool) -> list[Row]:
    """A row for every name or path, and one for the first model's architecture with random weights."""
    import reprs

    rows: list[Row] = [Model(_short(name, names), reprs.load(name)) for name in names]
    if untrained:
        encoder = rows[0].encoder  # type: ignore[attr-defined]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(UNTRAINED_SEED)
            rows.append(Model("untrained encoder", type(encoder)(**encoder.config)))
    return rows


def _short(name: str, names: Sequence[str]) -> str:
    """A file's stem where that tells the rows apart, else the whole path."""
    stems = [Path(n).stem for n in names]
    return Path(name).stem if stems.count(Path(name).stem) == 1 else name
