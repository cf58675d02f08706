"""What a mix generator has to beat, on the same tracks and styles: one answer, a VAE, a Gaussian, dice.

Each draws settings as `MixGenerator.draw` does, from noise of its own `noise_sizes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reprs.models.coordinates import Coordinates
from reprs.models.regression import Regression, Scale
from reprs.models.track_network import Point, TrackNetwork


class Rivals(nn.Module):
    """`regression`, `vae` and `prior` of one training, as a checkpoint."""

    def __init__(self, token_dim: int, condition_dim: int, latent: int = 16, **sizes: Any) -> None:
        super().__init__()
        self.config = {"token_dim": token_dim, "condition_dim": condition_dim, "latent": latent, **sizes}
        self.regression = Regression(token_dim, condition_dim, **sizes)
        self.vae = ConditionalVAE(token_dim, condition_dim, latent=latent, **sizes)
        self.prior = GaussianPrior(sizes["tracks"], sizes["mix"])


class ConditionalVAE(nn.Module):
    """A latent for every track and one for the mix, with a Gaussian around what they say (Sohn 2015)."""

    def __init__(
        self,
        token_dim: int,
        condition_dim: int,
        tracks: Sequence[int],
        mix: Sequence[int],
        latent: int = 16,
        beta: float = 1.0,
        **network: Any,
    ) -> None:
        super().__init__()
        self.tracks, self.mix, self.latent, self.beta = Coordinates(*tracks), Coordinates(*mix), latent, beta
        sizes = (len(self.tracks), len(self.mix))
        self.noise_sizes = (latent + sizes[0], latent + sizes[1])
        both = (2 * latent, 2 * latent)
        self.read = TrackNetwork(token_dim, condition_dim, both, sizes, **network)
        self.write = TrackNetwork(token_dim, condition_dim, sizes, (latent, latent), **network)
        self.log_spread = nn.ParameterList(nn.Parameter(torch.zeros(size)) for size in sizes)
        self.scale = Scale(*sizes)

    def loss(self, u: Point, tokens: Tensor, condition: Tensor, mask: Tensor) -> Tensor:
        """The negative evidence bound over the count of numbers; `(B,)`."""
        u = self.scale.shrink((self.tracks.blurred(u[0]), self.mix.blurred(u[1])))
        codes = [c.chunk(2, dim=-1) for c in self.read(tokens, condition, mask, u)]
        drawn = tuple(m + v.clamp(-8, 4).exp().sqrt() * torch.randn_like(m) for m, v in codes)
        said = self.write(tokens, condition, mask, (drawn[0], drawn[1]))
        there = mask[..., None]
        cost = torch.zeros(len(tokens), device=tokens.device)
        for wanted, found, log_spread, (mean, log_var), keep in zip(
            u, said, self.log_spread, codes, (there, torch.ones_like(u[1][:, :1])), strict=True
        ):
            miss = 0.5 * ((wanted - found) / log_spread.exp()).square() + log_spread
            log_var = log_var.clamp(-8, 4)
            surprise = 0.5 * (mean.square() + log_var.exp() - 1 - log_var)
            cost = cost + (miss * keep).flatten(1).sum(1) + self.beta * (surprise * keep).flatten(1).sum(1)
        return cost / (mask.sum(1) * u[0].shape[2] + u[1].shape[1])

    @torch.no_grad()
    def draw(self, noise: Point, tokens: Tensor, condition: Tensor, mask: Tensor | None = None) -> Point:
        codes = (noise[0][..., : self.latent], noise[1][..., : self.latent])
        said = self.write(tokens, condition, mask, codes)
        rest = (noise[0][..., self.latent :], noise[1][..., self.latent :])
        points = [m + s.exp() * n for m, s, n in zip(said, self.log_spread, rest, strict=True)]
        return self.scale.stretch((points[0], points[1]))


class GaussianPrior(nn.Module):
    """One Gaussian over the settings of a track and one over those of the mix, deaf to tracks and style."""

    root_track: Tensor
    root_mix: Tensor

    def __init__(self, tracks: Sequence[int], mix: Sequence[int]) -> None:
        super().__init__()
        self.tracks, self.mix = Coordinates(*tracks), Coordinates(*mix)
        self.noise_sizes = (len(self.tracks), len(self.mix))
        self.scale = Scale(*self.noise_sizes)
        for name, size in zip(("track", "mix"), self.noise_sizes, strict=True):
            self.register_buffer(f"root_{name}", torch.eye(size))

    def measure(self, u: Point, mask: Tensor) -> None:
        """Mean and covariance of settings `(B, N, K)`, `(B, M)`."""
        self.scale.measure(u, mask)
        scaled = self.scale.shrink(u)
        for root, rows in ((self.root_track, scaled[0][mask.bool()]), (self.root_mix, scaled[1])):
            covariance = rows.T.cov() + 1e-4 * torch.eye(rows.shape[1], device=rows.device)
            root.copy_(torch.linalg.cholesky(covariance))

    @torch.no_grad()
    def draw(self, noise: Point, tokens: Tensor, condition: Tensor, mask: Tensor | None = None) -> Point:
        return self.scale.stretch((noise[0] @ self.root_track.T, noise[1] @ self.root_mix.T))
