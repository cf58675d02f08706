"""Zero-shot classification: which label fits a recording best, by the text alone (Radford 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

TEMPLATES = ("{}", "the sound of {}", "a recording of {}")


@torch.no_grad()
def label_embeddings(model: Any, labels: Sequence[str], templates: Sequence[str] = TEMPLATES) -> Tensor:
    """An embedding of unit length a label `(L, D)`: the mean over its templates, whose {} it fills."""
    if not labels or isinstance(labels, str):
        raise ValueError("labels are a list of at least one text")
    if not templates or isinstance(templates, str) or not all("{}" in t for t in templates):
        raise ValueError("templates are a list of texts that hold {} where the label goes")
    texts = [t.replace("{}", label) for label in labels for t in templates]
    e = model.embed_text(texts).unflatten(0, (len(labels), len(templates)))
    return F.normalize(e.mean(1), dim=-1)


@torch.no_grad()
def classify(
    model: Any,
    audio: Tensor | list[Tensor],
    sample_rate: int,
    labels: Sequence[str],
    templates: Sequence[str] = TEMPLATES,
) -> Tensor:
    """Probabilities `(B, L)` that sum to one, by the model's own temperature."""
    e = model.embed(audio, sample_rate)
    return (model.scale * e @ label_embeddings(model, labels, templates).T).softmax(1)
