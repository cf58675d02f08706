"""One interface for every embedding that is judged: our checkpoints, other people's models, plain statistics.

A row of a table has `.name`, `.model_hash` and `embed(audio (B, 2, T), sample_rate) -> (B, D)`. On the
command line it is

    effect, runs/x.safetensors, owner/name    a checkpoint of ours: a shipped name, a path, a hub id
    features:effect                           the layer below that checkpoint's embedding
    hear:MODULE[:WEIGHTS]                     an importable module with the HEAR 2021 interface
    py:FILE:FUNCTION                          FUNCTION(audio (B, C, T) tensor, sample_rate) -> (B, D)
    mfcc, log-mel, mixing, untrained, cdpam   the built-in rows
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from eval.baselines import LogMelStatistics, MfccStatistics, MixingFeatures, Row

UNTRAINED_SEED = 0
STATISTICS = {"log-mel": LogMelStatistics, "mfcc": MfccStatistics, "mixing": MixingFeatures}
# The architecture that the row `untrained` has where no other model is beside it.
SHIPPED = "effect"


class Model:
    """A loaded encoder under the name of its row."""

    def __init__(self, name: str, encoder: torch.nn.Module) -> None:
        self.name, self.encoder = name, encoder.eval()
        self.model_hash = str(getattr(encoder, "model_hash", ""))

    @torch.inference_mode()
    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        return self.encoder.embed(audio, sample_rate)


class Features(Model):
    """What a checkpoint's encoder computes before it projects: for clips no longer than its window."""

    def __init__(self, name: str, encoder: torch.nn.Module) -> None:
        super().__init__(name, encoder)
        if not hasattr(encoder, "features"):
            raise ValueError(f"{type(encoder).__name__} has no features below its embedding")
        self.model_hash += ", features"

    @torch.inference_mode()
    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        if sample_rate != self.encoder.sample_rate:
            raise ValueError(f"features are read at {self.encoder.sample_rate} Hz, not {sample_rate}")
        return torch.cat([self.encoder.features(part) for part in audio.split(8)])  # type: ignore[operator]


def make_row(spec: str, name: str | None = None) -> Row:
    """The row that a word of the command line stands for; raises ValueError or OSError in one line."""
    import reprs
    from eval import foreign

    kind, _, rest = spec.partition(":")
    if kind == "hear" and rest:
        return foreign.HearModule(rest)
    if kind == "py" and rest:
        return foreign.Callable(rest)
    if kind == "features" and rest:
        return Features(name or f"{Path(rest).stem}, features", reprs.load(rest))
    if spec in STATISTICS and not Path(spec).exists():
        return STATISTICS[spec]()
    if spec == "untrained":
        return untrained_like(reprs.load(SHIPPED))
    if spec == "cdpam":
        return foreign.CdpamEncoder()
    model = reprs.load(spec)
    if not hasattr(model, "embed"):
        raise ValueError(f"{spec!r} embeds no audio; effect and timbre do")
    return Model(name or Path(spec).stem, model)


def make_rows(specs: Sequence[str], untrained: bool) -> list[Row]:
    """A row for every word, and one for the first checkpoint's architecture with random weights."""
    rows = [make_row(spec, _short(spec, specs)) for spec in specs]
    ours = [row.encoder for row in rows if isinstance(row, Model)]
    if untrained and ours:
        rows.append(untrained_like(ours[0]))
    return rows


def untrained_like(encoder: torch.nn.Module) -> Row:
    """The same architecture before any training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        fresh = type(encoder)(**encoder.config)  # type: ignore[arg-type]
    row = Model("untrained encoder", fresh)
    row.model_hash = f"{type(encoder).__name__} {encoder.config} seed {UNTRAINED_SEED}"
    return row


def file_hash(*paths: str | Path) -> str:
    """SHA-256 over the bytes of files, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()


def _short(spec: str, specs: Sequence[str]) -> str | None:
    """A checkpoint's stem where that tells the rows apart, else the whole path; `None` for other kinds."""
    if spec.partition(":")[0] in ("features", "hear", "py"):
        return None
    stems = [Path(s).stem for s in specs if ":" not in s]
    return Path(spec).stem if stems.count(Path(spec).stem) == 1 else spec
