"""Rows of the quality table: quality models, any embedding with a probe on it, CDPAM, DNSMOS.

A row is what `eval.embedding` can keep, `.name`, `.model_hash` and `embed`; a judging row puts its score into
the first column of what it returns.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor

from eval.baselines import Row
from eval.foreign import CdpamEncoder, file_hash, resampled
from eval.rows import make_row

DNSMOS_HZ = 16_000
DNSMOS_RMS = 10 ** (-26 / 20)


class Judge:
    """A quality model of ours: score, chances of the kinds, and embedding of unit length, side by side."""

    def __init__(self, name: str, model: Any) -> None:
        self.name, self.model, self.kinds = name, model.eval(), list(model.kinds)
        self.model_hash = f"{model.model_hash}, ties in order"  # not what was kept before it was so

    @torch.inference_mode()
    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        clips = resampled(audio.flatten(0, 1), sample_rate, self.model.sample_rate).unflatten(0, (-1, 2))
        verdicts = [self.model(part) for part in clips.split(16)]
        parts = [
            torch.cat([v.score[:, None], v.kinds.sigmoid(), torch.nn.functional.normalize(v.embedding)], 1)
            for v in verdicts
        ]
        return torch.cat(parts)


class Cdpam:
    """CDPAM's distance (Manocha 2021) over the middle two seconds: an embedding, and a network over pairs."""

    name = "CDPAM"

    def __init__(self) -> None:
        self.encoder = CdpamEncoder()
        self.model_hash = f"{self.encoder.model_hash}, middle 2 s"

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        start = max(0, audio.shape[-1] // 2 - sample_rate)
        return self.encoder.embed(audio[..., start : start + 2 * sample_rate], sample_rate)

    @torch.inference_mode()
    def distance(self, reference: Any, degraded: Any) -> Any:
        """`(N, 512)` and `(N, 512)` → `(N,)`."""
        pair = (torch.from_numpy(e).float() for e in (reference, degraded))
        return self.encoder.model.model_dist(*pair).numpy()


class Dnsmos:
    """DNSMOS's overall score of speech (Reddy, Gopal and Cutler 2021), by the package speechmos."""

    name = "DNSMOS"

    def __init__(self) -> None:
        try:
            self.package = importlib.import_module("speechmos.dnsmos")
        except ImportError as error:
            raise ValueError(f"{self.name} is left out ({error}): pip install 'reprs[quality]'") from None
        self.model_hash = file_hash(str(self.package.__file__))

    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        mono = resampled(audio.mean(dim=1), sample_rate, DNSMOS_HZ)
        mono = mono / mono.square().mean(1, keepdim=True).sqrt().clamp(min=1e-6) * DNSMOS_RMS
        scores = [self.package.run(x.clamp(-1, 1).numpy(), DNSMOS_HZ)["ovrl_mos"] for x in mono]
        return torch.tensor(scores, dtype=torch.float32)[:, None]


def quality_row(spec: str, name: str | None = None) -> Row:
    """A quality model as a judging row; any other model as `eval.rows` has it."""
    import reprs

    if ":" not in spec and spec not in ("mfcc", "log-mel", "mixing", "untrained", "cdpam"):
        model = reprs.load(spec)
        if hasattr(model, "judge"):
            return Judge(name or spec.rpartition("/")[2].removesuffix(".safetensors"), model)
    return make_row(spec, name)


def optional_row(make: Any, said: list[str]) -> Any:
    """The row, or `None` where its package is missing, which is then said in one line."""
    try:
        return make()
    except ValueError as error:
        said.append(str(error))
        return None
