"""The controllers' trunk with further inputs, and numbers of any kind as answers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reprs.models.controller import Trunk

# Numbers for every track `(B, N, K)`, and for the mix `(B, M)`.
Point = tuple[Tensor, Tensor]


class TrackNetwork(nn.Module):
    """From what is heard of every track and of the style to numbers for every track and for the mix.

    `inputs` and `outputs` are how many numbers a track and the mix have (a noisy setting, say). `also`, such
    as a time, is told to everyone: `(B, also)`. Answers begin at 0.
    """

    def __init__(
        self,
        token_dim: int,
        condition_dim: int,
        outputs: tuple[int, int],
        inputs: tuple[int, int] = (0, 0),
        also: int = 0,
        width: int = 192,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.trunk = Trunk(
            token_dim, condition_dim, width, layers, heads, dropout, inputs[0] + also, inputs[1] + also
        )
        self.of_track, self.of_mix = nn.Linear(width, outputs[0]), nn.Linear(width, outputs[1])
        for last in (self.of_track, self.of_mix):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(
        self,
        tokens: Tensor,
        condition: Tensor,
        mask: Tensor | None = None,
        inputs: Point | None = None,
        also: Tensor | None = None,
    ) -> Point:
        more: list[list[Tensor]] = [[], []]
        if inputs is not None:
            more = [[inputs[0]], [inputs[1]]]
        if also is not None:
            more[0].append(also[:, None].expand(-1, tokens.shape[1], -1))
            more[1].append(also)
        told = [torch.cat(m, dim=-1) if m else None for m in more]
        tracks, mix = self.trunk(tokens, condition, mask, *told)
        return self.of_track(tracks), self.of_mix(mix)
