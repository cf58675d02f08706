"""What the quality model can hear with: its own small network, plain statistics, or the `effect` encoder.

An ear has a `view`, which nothing trains and which can therefore be kept, and a network over it: `view(x)`
`(B, 2, T)` → `(B, C, F)`, and the ear itself `(B, C, F)` → `(B, width, F')`, a vector a frame. `pools` says
in how many ways its frames are pooled: three, or one where there is but one frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reprs.models.encoder import EffectEncoder, Residual
from reprs.models.fault_view import BANDS, MARKS, FaultView

SAMPLE_RATE = 44_100
CLIP_S = 4.0
# Frames of the view that one frame of the network spans.
POOLED = 4
# 45 dB in the units of the view's levels.
RANGE = 45 / 20


class OwnEar(nn.Module):
    """A small residual network over the bands, then over time, with the marks beside it."""

    height: Tensor
    pools = 3

    def __init__(self, width: int = 16, out: int = 128) -> None:
        super().__init__()
        self.view, self.width = FaultView(SAMPLE_RATE), out
        self.register_buffer("height", torch.linspace(-1, 1, BANDS)[:, None], persistent=False)
        self.stem = nn.Sequential(nn.Conv2d(3, width, 5, 2, 2, bias=False), nn.BatchNorm2d(width), nn.GELU())
        wide = (width, 3 * width // 2, 2 * width, 3 * width)
        strides = ((2, 2), (2, 1), (2, 1))
        self.stages = nn.Sequential(
            *(Residual(a, b, s) for a, b, s in zip(wide[:-1], wide[1:], strides, strict=True))
        )
        self.squeeze = nn.Sequential(nn.Conv1d(wide[-1] * BANDS // 16, out, 1), nn.GELU())
        self.marks = nn.Sequential(nn.Conv1d(2 * MARKS, 32, 3, padding=1), nn.GELU())
        self.join = nn.Sequential(
            nn.Conv1d(out + 32, out, 3, padding=1), nn.BatchNorm1d(out), nn.GELU(), nn.Dropout(0.1),
            nn.Conv1d(out, out, 3, padding=2, dilation=2), nn.BatchNorm1d(out), nn.GELU(),
        )  # fmt: skip

    def forward(self, view: Tensor) -> Tensor:
        level, hole, marks = view.split((BANDS, BANDS, MARKS), dim=1)
        image = torch.stack([level, hole, self.height.expand_as(level)], dim=1)
        y = self.stages(self.stem(image.contiguous(memory_format=torch.channels_last)))
        y = self.squeeze(y.flatten(1, 2))
        beside = torch.cat([nn.functional.adaptive_avg_pool1d(marks, y.shape[-1]),
                            nn.functional.adaptive_max_pool1d(marks, y.shape[-1])], dim=1)  # fmt: skip
        return self.join(torch.cat([y, self.marks(beside)], dim=1))


class StatisticsView(nn.Module):
    """The own ear's view as numbers of a whole clip: what is there on average and at the extremes, and how it
    changes; `(B, 2, T)` → `(B, width, 1)`.
    """

    quantiles = (0.1, 0.5, 0.9)
    # Of the steps of the bands' levels from frame to frame: attacks, decays, and the ripple of noise.
    step_quantiles = (0.03, 0.1, 0.9, 0.97)
    width = (5 + len(quantiles)) * FaultView.rows + (3 + len(step_quantiles)) * BANDS

    def __init__(self) -> None:
        super().__init__()
        self.view = FaultView(SAMPLE_RATE)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        return self.statistics(self.view(x))[..., None]

    def statistics(self, view: Tensor) -> Tensor:
        """`(B, C, F)` → `(B, width)`."""
        level = view[:, :BANDS]
        # The teacher, too, hears nothing 45 dB under the loudest band of a frame.
        below = (level - level.amax(1, keepdim=True)).clamp(min=-RANGE)
        steps = view.diff(dim=2) if view.shape[2] > 1 else torch.zeros_like(view)
        parts = [view.mean(2), view.std(2, unbiased=False), view.amin(2), view.amax(2)]
        parts += [steps.abs().mean(2), *_quantiles(view, self.quantiles), below.mean(2)]
        parts += [below.std(2, unbiased=False), (below <= 0.98 * -RANGE).float().mean(2)]
        return torch.cat([*parts, *_quantiles(steps[:, :BANDS], self.step_quantiles)], dim=1)


class StatisticsEar(nn.Module):
    """Statistics of a clip, brought to one scale: nothing here is learnt but their means and deviations."""

    pools = 1

    def __init__(self) -> None:
        super().__init__()
        self.view, self.width = StatisticsView(), StatisticsView.width
        self.norm = nn.BatchNorm1d(self.width, affine=False)

    def forward(self, view: Tensor) -> Tensor:
        return self.norm(view).clamp(-6, 6)


def _quantiles(x: Tensor, shares: Sequence[float]) -> list[Tensor]:
    """Of every other of the last dimension, which is half of the sorting, to the nearest rank."""
    ordered = x[..., ::2].sort(dim=-1).values
    return [ordered[..., round(share * (ordered.shape[-1] - 1))] for share in shares]


class EffectEar(nn.Module):
    """The `effect` encoder, its embedding or the layer below: frozen, or with `tuned` trained further."""

    pools = 1

    def __init__(
        self, encoder: Mapping[str, Any] | None = None, tuned: bool = False, layer: str = "embedding"
    ) -> None:
        super().__init__()
        if layer not in ("embedding", "features"):
            raise ValueError(f"the layer is embedding or features, not {layer!r}")
        self.encoder = EffectEncoder(**(encoder or {})).requires_grad_(tuned)
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
            return torch.cat([part.flatten(1) for part in self.encoder.views(x)], dim=1)[..., None]
        return self._vector(self.encoder.features(x))[..., None]

    def train(self, mode: bool = True) -> EffectEar:
        """The encoder keeps the statistics of its batch normalisation."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, view: Tensor) -> Tensor:
        if not self.tuned:
            return self.norm(view)
        parts = view[..., 0].split([shape.numel() for shape in self.shapes], dim=1)
        views = tuple(p.unflatten(1, shape) for p, shape in zip(parts, self.shapes, strict=True))
        return self.norm(self._vector(self.encoder.features_of(views))[..., None])

    def _vector(self, features: Tensor) -> Tensor:
        return features if self.layer == "features" else self.encoder.head(features)


ears: dict[str, type[nn.Module]] = {
    "own": OwnEar,
    "statistics": StatisticsEar,
    "effect": EffectEar,
}
