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
from reprs.models.regression import Regression, Scale, squared_error
from reprs.models.track_network import Point, TrackNetwork

STEPS = 12
FREQUENCIES = 16


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
        centred: bool = False,
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
            "centred": centred,
        }
        self.tracks, self.mix = Coordinates(*tracks), Coordinates(*mix)
        self.noise_sizes = sizes = (len(self.tracks), len(self.mix))
        self.network = TrackNetwork(
            token_dim, condition_dim, sizes, sizes, 2 * FREQUENCIES, width, layers, heads, dropout
        )
        self.scale = Scale(*sizes)
        network: dict[str, Any] = {"width": width, "layers": layers, "heads": heads, "dropout": dropout}
        heard = (token_dim, condition_dim, tracks, mix)
        self.centre = Regression(*heard, **network).requires_grad_(False) if centred else None

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
        u = (self.tracks.blurred(u[0], generator), self.mix.blurred(u[1], generator))
        u = self.scale.shrink(added(u, self.middle(tokens, condition, mask), -1))
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
        middle = self.middle(tokens, condition, mask)
        known = None if start is None else self.scale.shrink(added(start, middle, -1))
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
        return added(self.scale.stretch(held(u, 1.0)), middle)

    def _guided(
        self, u: Point, time: Tensor, tokens: Tensor, condition: Tensor, mask: Tensor | None, guidance: float
    ) -> Point:
        with_style = self.velocity(u, time, tokens, condition, mask)
        if guidance == 1 or not bool(condition.any()):
            return with_style
        # Without a style the settings have another middle, from which they are counted.
        nothing = torch.zeros_like(condition)
        apart = added(self.middle(tokens, condition, mask), self.middle(tokens, nothing, mask), -1)
        apart = (apart[0] / self.scale.track_spread, apart[1] / self.scale.mix_spread)
        then = moved(u, apart, float(time[0]))
        without = added(self.velocity(then, time, tokens, nothing, mask), apart, -1)
        return moved(without, added(with_style, without, -1), guidance)

    @torch.no_grad()
    def middle(self, tokens: Tensor, condition: Tensor, mask: Tensor | None) -> Point:
        """The mean of all valid settings, from which a `centred` flow counts (Mardani 2023)."""
        if self.centre is None:
            zero = tokens.new_zeros(1)
            return zero, zero
        found: Point = self.centre.eval().draw((tokens, condition), tokens, condition, mask)
        return found

    def start_from(self, regression: Regression, u: Point, *heard: Tensor) -> None:
        """Count from what a trained regression says; spreads come from settings `u` and what is `heard`."""
        assert self.centre is not None
        self.centre.load_state_dict(regression.state_dict())
        rest = added(u, self.middle(*heard), -1)
        self.scale.measure(rest, heard[2])


def between(noise: Point, u: Point, time: Tensor) -> Point:
    """The points at `time` `(B,)` on the straight lines from noise (0) to settings (1)."""
    t = time.to(u[0])[:, None]
    return noise[0] + t[..., None] * (u[0] - noise[0]), noise[1] + t * (u[1] - noise[1])


def usual_speed(time: Tensor) -> Tensor:
    """What times a point is its mean velocity where settings are standard normal: the network adds the rest.

    Without it most of a training is spent on learning to hand the point on (as Karras 2022 found).
    """
    return (2 * time - 1) / (time.square() + (1 - time).square())


def added(a: Point, b: Point, sign: int = 1) -> Point:
    return a[0] + sign * b[0], a[1] + sign * b[1]


def moved(u: Point, speed: Point, time: float) -> Point:
    return u[0] + time * speed[0], u[1] + time * speed[1]


def waves(time: Tensor) -> Tensor:
    """`(B,)` times in [0, 1] as sines and cosines `(B, 2F)` of periods from 6 down to 1/80."""
    rate = torch.exp(torch.linspace(0, math.log(500), FREQUENCIES, device=time.device))
    angle = time[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def noise_for(
    keys: Sequence[bytes],
    sizes: tuple[int, int],
    samples: int,
    seed: int,
    purpose: bytes = b"",
    first: int = 0,
) -> Point:
    """Noise `(samples, N, K)`, `(samples, M)`, decided by seed, sample and a track's own key.

    Neither the place of a track nor how many samples or other tracks there are changes it. Another
    `purpose` is other noise; samples count from `first`.
    """

    def drawn(sample: int, key: bytes, size: int) -> Tensor:
        digest = hashlib.sha256(f"{seed}|{sample}|".encode() + purpose + key).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        return torch.randn(size, generator=generator)

    numbers = range(first, first + samples)
    tracks = [torch.stack([drawn(i, b"track|" + key, sizes[0]) for key in keys]) for i in numbers]
    return torch.stack(tracks), torch.stack([drawn(i, b"mix", sizes[1]) for i in numbers])
