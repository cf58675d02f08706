"""The network of the controllers: tokens of tracks and a condition → a state for every track and for all.

A transformer (Vaswani 2017) without positions over the tokens of the tracks, one of the condition and one of
what is shared: shuffled tracks are shuffled states (as the mixing networks of Steinmetz 2021 and Diff-MST,
Vanka 2024). It knows sizes alone, and no console.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Logits(NamedTuple):
    """Before the sigmoid: knobs `(B, N, Pt)` and `(B, Ps)`, switches `(B, N, Et)` and `(B, Es)`."""

    tracks: Tensor
    shared: Tensor
    tracks_on: Tensor
    shared_on: Tensor


class Trunk(nn.Module):
    """`trunk(tokens, condition, mask)`: `(B, N, D)`, `(B, R)`, `(B, N)` true where there is a track → states
    `(B, N, width)` of the tracks and `(B, width)` of what is shared.

    Inputs are standardised by the buffers that `standardise` fills. `track_inputs` and `shared_inputs` are
    sizes of what else a network may be told (`more_tracks` `(B, N, ·)`, `more_shared` `(B, ·)`), such as a
    noisy sample and its time. `compared` lists columns `(of the token, of the condition, how many)` that
    measure the same thing of a track and of what is wished: their difference is an input, too, and nothing
    where a condition has only zeros there.
    """

    def __init__(
        self,
        token_dim: int,
        condition_dim: int,
        width: int = 160,
        layers: int = 3,
        heads: int = 4,
        dropout: float = 0.1,
        track_inputs: int = 0,
        shared_inputs: int = 0,
        compared: Sequence[Sequence[int]] = (),
    ) -> None:
        super().__init__()
        self.compared = [tuple(columns) for columns in compared]
        self.compared_dim = differences = sum(count for _, _, count in self.compared)
        for name, size in (("token", token_dim), ("condition", condition_dim)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_scale", torch.ones(size))
        self.enter_track = _perceptron(token_dim + condition_dim + differences + track_inputs, width, dropout)
        self.enter_shared = _perceptron(condition_dim + shared_inputs, width, dropout)
        self.condition = nn.Linear(condition_dim, width)
        block = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.leave = nn.LayerNorm(width)

    def standardise(self, tokens: Tensor, condition: Tensor) -> None:
        """Take mean and deviation from examples: `(M, D)` tokens of tracks and `(M, R)` conditions."""
        for name, rows in (("token", tokens), ("condition", condition)):
            self.get_buffer(f"{name}_mean").copy_(rows.mean(0))
            self.get_buffer(f"{name}_scale").copy_(1 / rows.std(0).clamp(min=1e-3))

    def forward(
        self,
        tokens: Tensor,
        condition: Tensor,
        mask: Tensor | None = None,
        more_tracks: Tensor | None = None,
        more_shared: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        apart = self.differences(tokens, condition)
        tokens = self._standard("token", tokens)
        condition = self._standard("condition", condition)
        count = tokens.shape[1]
        heard = [tokens, condition[:, None].expand(-1, count, -1), apart]
        heard += [] if more_tracks is None else [more_tracks]
        shared = condition if more_shared is None else torch.cat([condition, more_shared], dim=-1)
        h = torch.cat(
            [
                self.enter_track(torch.cat(heard, dim=-1)),
                self.enter_shared(shared)[:, None],
                self.condition(condition)[:, None],
            ],
            dim=1,
        )
        absent = None if mask is None else nn.functional.pad(~mask.bool(), (0, 2), value=False)
        h = self.leave(self.blocks(h, src_key_padding_mask=absent))
        return h[:, :count], h[:, count]

    def differences(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """What is wished less what is there, `(B, N, K)`, in the columns that are `compared`."""
        apart = [tokens[..., :0]]
        for of_token, of_condition, size in self.compared:
            wanted = condition[:, None, of_condition : of_condition + size]
            given = (wanted != 0).any(-1, keepdim=True)
            apart.append((wanted - tokens[..., of_token : of_token + size]) * given)
        return torch.cat(apart, dim=-1)

    def _standard(self, name: str, x: Tensor) -> Tensor:
        mean, scale = self.get_buffer(f"{name}_mean"), self.get_buffer(f"{name}_scale")
        return ((x - mean) * scale).clamp(-8, 8)


class ControllerNetwork(nn.Module):
    """A trunk, and heads for the knobs and the switches of tracks and of what they share → `Logits`.

    What is wished less what is there also goes to the answers straight away: most of equalising is that.
    """

    def __init__(
        self,
        token_dim: int,
        condition_dim: int,
        track_knobs: int,
        shared_knobs: int,
        track_switches: int,
        shared_switches: int,
        width: int = 160,
        layers: int = 3,
        heads: int = 4,
        dropout: float = 0.1,
        compared: Sequence[Sequence[int]] = (),
    ) -> None:
        super().__init__()
        self.trunk = Trunk(token_dim, condition_dim, width, layers, heads, dropout, compared=compared)
        self.sizes = (track_knobs, shared_knobs, track_switches, shared_switches)
        self.of_track = _head(width, track_knobs + track_switches)
        self.of_shared = _head(width, shared_knobs + shared_switches)
        self.straight_to_track = _nothing(self.trunk.compared_dim, track_knobs + track_switches)
        self.straight_to_shared = _nothing(self.trunk.compared_dim, shared_knobs + shared_switches)
        # What a listener would say who hears nothing; logits.
        self.register_buffer("mean_tracks", torch.zeros(track_knobs + track_switches))
        self.register_buffer("mean_shared", torch.zeros(shared_knobs + shared_switches))

    def forward(self, tokens: Tensor, condition: Tensor, mask: Tensor | None = None) -> Logits:
        tracks, shared = self.trunk(tokens, condition, mask)
        apart = self.trunk.differences(tokens, condition)
        weight = torch.ones_like(apart[..., :1]) if mask is None else mask[..., None].to(apart)
        middle = (apart * weight).sum(1) / weight.sum(1).clamp(min=1)
        pt, ps, et, es = self.sizes
        track = self.of_track(tracks) + self.straight_to_track(apart)
        mix = self.of_shared(shared) + self.straight_to_shared(middle)
        tracks, tracks_on = track.split([pt, et], dim=-1)
        shared, shared_on = mix.split([ps, es], dim=-1)
        return Logits(tracks, shared, tracks_on, shared_on)

    @torch.no_grad()
    def start_from(self, tracks: Tensor, shared: Tensor, tracks_on: Tensor, shared_on: Tensor) -> None:
        """Begin with constant answers: mean knobs `(Pt,)`, `(Ps,)` and shares of switches, all in [0, 1]."""
        for head, means in ((self.of_track, (tracks, tracks_on)), (self.of_shared, (shared, shared_on))):
            last = head.get_submodule("2")
            assert isinstance(last, nn.Linear)
            last.bias.copy_(torch.logit(torch.cat(means).clamp(0.02, 0.98)))
            last.weight.mul_(0.1)
        for name, head in (("mean_tracks", self.of_track), ("mean_shared", self.of_shared)):
            self.get_buffer(name).copy_(head.get_parameter("2.bias"))


def _perceptron(inputs: int, width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
    )


def _nothing(inputs: int, outputs: int) -> nn.Linear:
    """A linear map that begins as none."""
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.zeros_(layer.weight)
    return layer


def _head(width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, outputs))
