"""Several valid mixes: a flow from noise to knobs, given the tracks and a style (Lipman 2023)."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reprs.models.coordinates import Coordinates
from reprs.models.track_network import Point, TrackNetwork

STEPS = 12
FREQUENCIES = 16
NARROWEST = 0.05


class MixGenerator(nn.Module):
    """p(knobs, switches and order of every track and of the mix | tracks, style), to sample from.

    Conditional flow matching: a network says where a point on the straight line from noise to a valid setting
    is heading, and following it from noise gives a setting. Knows sizes only; `tracks` and `mix` say what
    their vectors hold (see `Coordinates`). A `condition` of zeros stands for no style.
    """

    def __init__(
        self,
        token_dim: int,
        condition_dim: int,
        tracks: Sequence[int],
        mix: Sequence[int],
        width: int = 192,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.config = {
            "token_dim": token_dim,
            "condition_dim": condition_dim,
            "tracks": list(tracks),
            "mix": list(mix),
            "width": width,
            "layers": layers,
            "heads": heads,
            "dropout": dropout,
        }
        self.tracks, self.mix = Coordinates(*tracks), Coordinates(*mix)
        self.noise_sizes = sizes = (len(self.tracks), len(self.mix))
        self.network = TrackNetwork(
            token_dim, condition_dim, sizes, sizes, 2 * FREQUENCIES, width, layers, heads, dropout
        )
        self.scale = Scale(*sizes)

    def velocity(
        self, u: Point, time: Tensor, tokens: Tensor, condition: Tensor, mask: Tensor | None
    ) -> Point:
        """Where the points `u` (scaled) are heading at `time` `(B,)`."""
        tracks, mix = self.network(tokens, condition, mask, u, waves(time))
        plain = usual_speed(time)[:, None]
        return tracks + plain[..., None] * u[0], mix + plain * u[1]

    def loss(
        self, u: Point, tokens: Tensor, condition: Tensor, mask: Tensor, generator: Any = None
    ) -> Tensor:
        """Squared error of the velocity at random times, for settings `u` `(B, N, K)`, `(B, M)`; `(B,)`."""
        u = self.scale.shrink((self.tracks.blurred(u[0], generator), self.mix.blurred(u[1], generator)))
        noise: Point = (torch.randn_like(u[0]), torch.randn_like(u[1]))
        time = torch.rand(len(tokens), device=tokens.device)
        found = self.velocity(between(noise, u, time), time, tokens, condition, mask)
        return squared_error(found, (u[0] - noise[0], u[1] - noise[1]), mask)

    @torch.no_grad()
    def draw(
        self,
        noise: Point,
        tokens: Tensor,
        condition: Tensor,
        mask: Tensor | None = None,
        guidance: float = 1.0,
        steps: int = STEPS,
        start: Point | None = None,
        variation: float = 1.0,
        lock: Point | None = None,
    ) -> Point:
        """From noise `(B, N, K)`, `(B, M)` to settings of these shapes, by Heun's method.

        `guidance` above 1 leans further to the style than p does (Ho and Salimans 2022). With `start`, the
        way begins where that much `variation` is left of it (Meng 2022): 0 stays there, 1 forgets it. What
        `lock` marks true keeps the value of `start`, and the rest is led to fit it (Lugmayr 2022).
        """
        known = None if start is None else self.scale.shrink(start)
        begin = 0.0 if known is None else 1 - variation
        times = torch.linspace(begin, 1, steps + 1).tolist()

        def held(u: Point, time: float) -> Point:
            if known is None or lock is None:
                return u
            line = between(noise, known, torch.full((len(tokens),), time))
            return torch.where(lock[0], line[0], u[0]), torch.where(lock[1], line[1], u[1])

        def speed(u: Point, time: float) -> Point:
            return self._guided(u, torch.full((len(tokens),), time), tokens, condition, mask, guidance)

        u = noise if known is None else between(noise, known, torch.full((len(tokens),), begin))
        for now, then in itertools.pairwise(times):
            u = held(u, now)
            first = speed(u, now)
            second = speed(moved(u, first, then - now), then)
            u = moved(u, (first[0] + second[0], first[1] + second[1]), (then - now) / 2)
        return self.scale.stretch(held(u, 1.0))

    def _guided(
        self, u: Point, time: Tensor, tokens: Tensor, condition: Tensor, mask: Tensor | None, guidance: float
    ) -> Point:
        with_style = self.velocity(u, time, tokens, condition, mask)
        if guidance == 1 or not bool(condition.any()):
            return with_style
        without = self.velocity(u, time, tokens, torch.zeros_like(condition), mask)
        return tuple(b + guidance * (a - b) for a, b in zip(with_style, without, strict=True))  # type: ignore


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


def between(noise: Point, u: Point, time: Tensor) -> Point:
    """The points at `time` `(B,)` on the straight lines from noise (0) to settings (1)."""
    t = time.to(u[0])[:, None]
    return noise[0] + t[..., None] * (u[0] - noise[0]), noise[1] + t * (u[1] - noise[1])


def usual_speed(time: Tensor) -> Tensor:
    """What times a point is its mean velocity where settings are standard normal: the network adds the rest.

    Without it most of a training is spent on learning to hand the point on (as Karras 2022 found).
    """
    return (2 * time - 1) / (time.square() + (1 - time).square())


def moved(u: Point, speed: Point, time: float) -> Point:
    return u[0] + time * speed[0], u[1] + time * speed[1]


def squared_error(found: Point, wanted: Point, mask: Tensor) -> Tensor:
    """Mean over all numbers of a song, those of masked tracks left out; `(B,)`."""
    tracks = ((found[0] - wanted[0]).square() * mask[..., None]).sum((1, 2))
    mix = (found[1] - wanted[1]).square().sum(1)
    return (tracks + mix) / (mask.sum(1) * found[0].shape[2] + found[1].shape[1])


def waves(time: Tensor) -> Tensor:
    """`(B,)` times in [0, 1] as sines and cosines `(B, 2F)` of periods from 6 down to 1/80."""
    rate = torch.exp(torch.linspace(0, math.log(500), FREQUENCIES, device=time.device))
    angle = time[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def noise_for(
    keys: Sequence[bytes], sizes: tuple[int, int], samples: int, seed: int, purpose: bytes = b""
) -> Point:
    """Noise `(samples, N, K)`, `(samples, M)`, decided by seed, sample and a track's own key.

    Neither the place of a track nor how many samples or other tracks there are changes it. Another
    `purpose` is other noise.
    """

    def drawn(sample: int, key: bytes, size: int) -> Tensor:
        digest = hashlib.sha256(f"{seed}|{sample}|".encode() + purpose + key).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        return torch.randn(size, generator=generator)

    tracks = [torch.stack([drawn(i, b"track|" + key, sizes[0]) for key in keys]) for i in range(samples)]
    return torch.stack(tracks), torch.stack([drawn(i, b"mix", sizes[1]) for i in range(samples)])
