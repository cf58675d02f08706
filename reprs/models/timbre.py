"""The timbre model: audio and text in one space (Jonason & Sturm 2022; LAION-CLAP, Wu 2023)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reprs.models.encoder import EffectEncoder
from reprs.models.text import TextTower, TextTowerError, frozen_tower, text_tower
from reprs.models.zero_shot import TEMPLATES, classify, label_embeddings

PROBE = "a warm, slightly distorted electric guitar in a large hall"


class TimbreModel(nn.Module):
    """Two towers and their temperature: `embed` for audio, `embed_text` for words, `(B, D)` of unit length.

    The audio tower is an `EffectEncoder`. The text tower is a spec of `reprs.models.text`: frozen, it is not
    part of the weights (the checkpoint keeps its embedding of one sentence, so that another tower under the
    same name is refused); with `fine_tune`, it is. `sigmoid` adds the bias of SigLIP.
    """

    sample_rate = EffectEncoder.sample_rate

    def __init__(
        self,
        embedding_dim: int = 256,
        width: int = 40,
        hidden: int = 512,
        bands: int = 96,
        text: str = "minilm",
        text_width: int | None = None,
        fine_tune: bool = False,
        sigmoid: bool = False,
    ) -> None:
        super().__init__()
        self.text_spec, self.embedding_dim = text, embedding_dim
        self.tower = text_tower(text) if fine_tune else None
        text_width = text_width or (self.tower or frozen_tower(text)).width
        self.config = {
            "embedding_dim": embedding_dim,
            "width": width,
            "hidden": hidden,
            "bands": bands,
            "text": text,
            "text_width": text_width,
            "fine_tune": fine_tune,
            "sigmoid": sigmoid,
        }
        self.audio = EffectEncoder(embedding_dim, width, hidden, bands)
        self.read = TextProjection(text_width, embedding_dim)
        scale, bias = (10.0, -10.0) if sigmoid else (1 / 0.07, None)
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = None if bias is None else nn.Parameter(torch.tensor(bias))
        self.probe: Tensor
        self.register_buffer("probe", torch.zeros(0 if fine_tune else text_width))

    @property
    def scale(self) -> Tensor:
        """What cosines are multiplied with to become logits."""
        return self.log_scale.exp()

    def text(self, texts: Sequence[str]) -> Tensor:
        """Texts → `(B, D)` of unit length, with gradients."""
        e = self._frozen().encode(texts) if self.tower is None else self.tower(texts)
        return F.normalize(self.read(e).float(), dim=-1)

    @torch.no_grad()
    def embed(self, audio: Tensor | list[Tensor], sample_rate: int) -> Tensor:
        """Embed whole recordings of any rate and length, as `EffectEncoder.embed` does."""
        return self.audio.embed(audio, sample_rate)

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Embed texts: a list of B strings → `(B, D)`; a text's result does not depend on the others."""
        was_training = self.training
        self.eval()
        try:
            return self.text(texts)
        finally:
            self.train(was_training)

    def label_embeddings(self, labels: Sequence[str], templates: Sequence[str] = TEMPLATES) -> Tensor:
        """One embedding a label, averaged over its templates; see `reprs.models.zero_shot`."""
        return label_embeddings(self, labels, templates)

    def classify(
        self,
        audio: Tensor | list[Tensor],
        sample_rate: int,
        labels: Sequence[str],
        templates: Sequence[str] = TEMPLATES,
    ) -> Tensor:
        """Probability of each label for each recording, `(B, L)`, without training on any of them."""
        return classify(self, audio, sample_rate, labels, templates)

    @torch.no_grad()
    def _frozen(self) -> TextTower:
        """The shared frozen tower, on this model's device, once it is seen to be the one we know."""
        tower = frozen_tower(self.text_spec)
        if tower.device != self.probe.device:
            tower.forget()
            tower.to(self.probe.device)
        probe = tower.encode([PROBE])[0]
        if not bool(self.probe.any()):
            self.probe.copy_(probe)
        elif F.cosine_similarity(self.probe, probe, dim=0) < 0.999:
            raise TextTowerError(
                f"the text tower {self.text_spec!r} found here is not the one this model was trained with"
            )
        return tower


class TextProjection(nn.Module):
    """A linear map and a small perceptron beside it: little that could forget what the tower knows."""

    def __init__(self, inputs: int, outputs: int, hidden: int = 256, dropout: float = 0.1) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        layers: list[Any] = [nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(dropout)]
        self.net = nn.Sequential(*layers, nn.Linear(hidden, outputs))

    def forward(self, e: Tensor) -> Tensor:
        return self.linear(e) + self.net(e)
