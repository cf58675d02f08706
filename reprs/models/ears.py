"""What the quality model can hear with: its own small network, plain statistics, or the `effect` encoder.

An ear has a `view`, which nothing trains and which can therefore be kept: `(B, 2, T)` → `(B, C, F)`. The ear
itself makes of it a vector a clip, `(B, width)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reprs.models.encoder import EffectEncoder
from reprs.models.fault_statistics import StatisticsView
from reprs.models.fault_view import FaultView

SAMPLE_RATE = 44_100
CLIP_S = 4.0


class Standardised(nn.Module):
    """Rows of a view `(B, C, F)` by the mean and deviation that they have over the training clips."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(rows, 1))
        self.register_buffer("deviation", torch.ones(rows, 1))

    def fit(self, views: Sequence[Tensor]) -> None:
        """Measure them, `(B, C, F)` a part; a batch's own would change with the few cuts that are in it."""
        parts = [view.double() for view in views]
        count = sum(part.shape[0] * part.shape[2] for part in parts)
        mean = torch.stack([part.sum((0, 2)) for part in parts]).sum(0) / count
        square = torch.stack([part.square().sum((0, 2)) for part in parts]).sum(0) / count
        self.mean.copy_(mean[:, None])
        self.deviation.copy_((square - mean.square()).clamp(min=0).sqrt()[:, None] + 1e-3)

    def forward(self, view: Tensor) -> Tensor:
        return ((view - self.mean) / self.deviation).clamp(-6, 6)


class OwnEar(nn.Module):
    """A small network over time on bands and marks, pooled at two depths: mean, deviation and extreme."""

    def __init__(self, channels: int = 128) -> None:
        super().__init__()
        self.view, self.width = FaultView(SAMPLE_RATE), 2 * 3 * channels
        self.norm = Standardised(FaultView.rows)
        self.near = _layer(FaultView.rows, channels, 5, 2)
        self.far = nn.Sequential(_layer(channels, channels, 3, 2), _layer(channels, channels, 3, 1))

    def forward(self, view: Tensor) -> Tensor:
        near = self.near(self.norm(view))
        return torch.cat([pooled for y in (near, self.far(near)) for pooled in _pooled(y)], dim=1)


def _layer(channels: int, out: int, size: int, stride: int) -> nn.Sequential:
    conv = nn.Conv1d(channels, out, size, stride, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm1d(out), nn.GELU())


def _pooled(y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return y.mean(2), (y.var(2, unbiased=False) + 1e-5).sqrt(), y.amax(2)


class StatisticsEar(nn.Module):
    """Statistics of a clip, brought to one scale: nothing here is learnt but their means and deviations."""

    def __init__(self) -> None:
        super().__init__()
        self.view, self.width = StatisticsView(SAMPLE_RATE), StatisticsView.width
        self.norm = Standardised(self.width)

    def forward(self, view: Tensor) -> Tensor:
        return self.norm(view)[..., 0]


class EffectEar(nn.Module):
    """The `effect` encoder, its embedding or the layer below: frozen, or with `tuned` trained further.

    Trained further, its views lie side by side, of the sizes that a clip's have: what is shorter comes again.
    """

    def __init__(
        self, encoder: Mapping[str, Any] | None = None, tuned: bool = False, layer: str = "embedding"
    ) -> None:
        super().__init__()
        if layer not in ("embedding", "features"):
            raise ValueError(f"the layer is embedding or features, not {layer!r}")
        self.encoder = EffectEncoder(**(encoder or {})).requires_grad_(tuned).eval()
        self.tuned, self.layer = tuned, layer
        self.width = self.encoder.embedding_dim if layer == "embedding" else self.encoder.feature_dim
        self.norm = nn.BatchNorm1d(self.width, affine=False)
        if tuned:
            silence = torch.zeros(1, 2, round(CLIP_S * SAMPLE_RATE))
            self.shapes = [part.shape[1:] for part in self.encoder.views(silence)]

    @torch.no_grad()
    def view(self, x: Tensor) -> Tensor:
        """What training does not change: the encoder's views side by side, or its vector."""
        if self.tuned:
            frames = round(CLIP_S * SAMPLE_RATE)
            whole = x.repeat(1, 1, -(-frames // x.shape[-1]))[..., :frames]
            return torch.cat([part.flatten(1) for part in self.encoder.views(whole)], dim=1)[..., None]
        return self._vector(self.encoder.features(x))[..., None]

    def train(self, mode: bool = True) -> EffectEar:
        """The encoder keeps the statistics of its batch normalisation."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, view: Tensor) -> Tensor:
        if not self.tuned:
            return self.norm(view)[..., 0]
        parts = view[..., 0].split([shape.numel() for shape in self.shapes], dim=1)
        views = tuple(p.unflatten(1, shape) for p, shape in zip(parts, self.shapes, strict=True))
        return self.norm(self._vector(self.encoder.features_of(views)))

    def _vector(self, features: Tensor) -> Tensor:
        return features if self.layer == "features" else self.encoder.head(features)


ears: dict[str, type[nn.Module]] = {
    "own": OwnEar,
    "statistics": StatisticsEar,
    "effect": EffectEar,
}


def looked_at(ears: Mapping[str, Any], x: Tensor) -> dict[str, Tensor]:
    """Name → what that ear sees of clips `(B, 2, T)`; bands and marks, a third of the work, are made once."""
    bands = ears["own"].view(x) if {"own", "statistics"} <= ears.keys() else None
    seen = {"own": bands, "statistics": ears["statistics"].view(x, bands)} if bands is not None else {}
    return {name: seen[name] if name in seen else ear.view(x) for name, ear in ears.items()}
