"""A transformer over the tracks of a mix: any number, any order, some of them masked out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EXPANSION = 4


class TrackTransformer(nn.Module):
    """Track tokens and tokens of the whole mix listen to each other, `depth` times.

    `tracks` `(B, N, W)`, `shared` `(B, S, W)` with what belongs to no track, `mask` `(B, N)` true where there
    is a track → the same shapes. Nothing tells a track's position, so that shuffled tracks give shuffled
    outputs; a masked track is heard by nobody and its output is 0. `modulation` `(B, M)` (a time, a style)
    sets scale, shift and weight of every layer, which begins as the identity (Peebles and Xie 2023).
    """

    def __init__(self, width: int, depth: int, heads: int = 4, modulation: int = 0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, heads, modulation) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, tracks: Tensor, shared: Tensor, mask: Tensor | None = None, modulation: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        count = shared.shape[1]
        mask = torch.ones_like(tracks[..., 0], dtype=torch.bool) if mask is None else mask.bool()
        heard = torch.cat([torch.ones_like(shared[..., 0], dtype=torch.bool), mask], dim=1)
        x = torch.cat([shared, tracks * mask[..., None]], dim=1)
        for layer in self.layers:
            x = layer(x, heard, modulation)
        x = self.norm(x) * heard[..., None]
        return x[:, count:], x[:, :count]


class Layer(nn.Module):
    """Attention, then a small network for each token, both in front of a residual (Xiong 2020)."""

    def __init__(self, width: int, heads: int, modulation: int = 0) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} does not divide into {heads} heads")
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=not modulation) for _ in range(2))
        self.listen, self.answer = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.Linear(width, EXPANSION * width), nn.GELU(), nn.Linear(EXPANSION * width, width)
        )
        self.modulate = nn.Linear(modulation, 6 * width) if modulation else None
        if self.modulate is not None:
            nn.init.zeros_(self.modulate.weight)
            nn.init.zeros_(self.modulate.bias)

    def forward(self, x: Tensor, heard: Tensor, modulation: Tensor | None = None) -> Tensor:
        """`x` `(B, T, W)`, `heard` `(B, T)` true where others may listen."""
        if self.modulate is None:
            x = x + self._attend(self.norms[0](x), heard)
            return x + self.think(self.norms[1](x))
        if modulation is None:
            raise ValueError("this layer was made to be modulated: give modulation (B, M)")
        scale, shift, weight, *others = self.modulate(modulation)[:, None].chunk(6, dim=-1)
        x = x + weight * self._attend(self.norms[0](x) * (1 + scale) + shift, heard)
        scale, shift, weight = others
        return x + weight * self.think(self.norms[1](x) * (1 + scale) + shift)

    def _attend(self, x: Tensor, heard: Tensor) -> Tensor:
        rows, tokens, width = x.shape
        query, key, value = (
            part.view(rows, tokens, self.heads, width // self.heads).transpose(1, 2)
            for part in self.listen(x).chunk(3, dim=-1)
        )
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=heard[:, None, None, :])
        return self.answer(y.transpose(1, 2).reshape(rows, tokens, width))
