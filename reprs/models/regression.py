"""The mean of all valid settings, and the scales in which settings are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reprs.models.coordinates import Coordinates
from reprs.models.track_network import Point, TrackNetwork

NARROWEST = 0.05


class Regression(nn.Module):
    """The mean of all valid settings: the same network, taught to answer at once."""

    noise_sizes = (0, 0)

    def __init__(
        self, token_dim: int, condition_dim: int, tracks: Sequence[int], mix: Sequence[int], **network: Any
    ) -> None:
        super().__init__()
        self.tracks, self.mix = Coordinates(*tracks), Coordinates(*mix)
        sizes = (len(self.tracks), len(self.mix))
        self.network = TrackNetwork(token_dim, condition_dim, sizes, **network)
        self.scale = Scale(*sizes)

    def loss(self, u: Point, tokens: Tensor, condition: Tensor, mask: Tensor) -> Tensor:
        return squared_error(self.network(tokens, condition, mask), self.scale.shrink(u), mask)

    @torch.no_grad()
    def draw(self, noise: Point, tokens: Tensor, condition: Tensor, mask: Tensor | None = None) -> Point:
        return self.scale.stretch(self.network(tokens, condition, mask))


class Scale(nn.Module):
    """Mean and spread of every coordinate in the training data."""

    track_mean: Tensor
    track_spread: Tensor
    mix_mean: Tensor
    mix_spread: Tensor

    def __init__(self, tracks: int, mix: int) -> None:
        super().__init__()
        for name, size in (("track", tracks), ("mix", mix)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_spread", torch.ones(size))

    def measure(self, u: Point, mask: Tensor) -> None:
        """Take both from settings `(B, N, K)`, `(B, M)`."""
        for name, values in (("track", u[0][mask.bool()]), ("mix", u[1])):
            getattr(self, f"{name}_mean").copy_(values.mean(0))
            getattr(self, f"{name}_spread").copy_(values.std(0).clamp(min=NARROWEST))

    def shrink(self, u: Point) -> Point:
        return (u[0] - self.track_mean) / self.track_spread, (u[1] - self.mix_mean) / self.mix_spread

    def stretch(self, u: Point) -> Point:
        return u[0] * self.track_spread + self.track_mean, u[1] * self.mix_spread + self.mix_mean


def squared_error(found: Point, wanted: Point, mask: Tensor) -> Tensor:
    """Mean over all numbers of a song, those of masked tracks left out; `(B,)`."""
    tracks = ((found[0] - wanted[0]).square() * mask[..., None]).sum((1, 2))
    mix = (found[1] - wanted[1]).square().sum(1)
    return (tracks + mix) / (mask.sum(1) * found[0].shape[2] + found[1].shape[1])
