"""Songs with a few valid mixes by construction: what share of samples each mix gets, and how far they spread.

Three engineers mix at random songs of two to eight tracks. Each has settings of his own for every track (a
curved function of its token) and for the mix, and departs from them by a normal score of `SPREAD`; who mixes
depends on the song and, where there is one, on the style. All of it is known, so that a generator's samples
can be held to it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

ENGINEERS = 3
TOKEN_DIM, STYLE_DIM = 12, ENGINEERS + 1
TRACK_KNOBS, MIX_KNOBS, SWITCHES = 6, 4, 3
MOST_TRACKS = 8
SPREAD = 0.2
# Engineer → chance that an effect is on, twice, and that a track is compressed first: the habit of one alone.
ON = ((0.9, 0.1, 0.1), (0.1, 0.5, 0.9), (0.5, 0.9, 0.1))


class Songs(NamedTuple):
    """`tokens` `(B, N, D)`, `style` `(B, R)` with a flag last, `mask` `(B, N)`; `shares` `(B, E)` of the
    engineers; the normal scores of their settings, `tracks` `(B, E, N, K)` and `mix` `(B, E, M)`.
    """

    tokens: Tensor
    style: Tensor
    mask: Tensor
    shares: Tensor
    tracks: Tensor
    mix: Tensor


class World:
    """The engineers' functions, drawn once by `seed`."""

    def __init__(self, seed: int = 0) -> None:
        dice = torch.Generator().manual_seed(seed)
        self.curve = torch.randn(ENGINEERS, TOKEN_DIM, TRACK_KNOBS, generator=dice) / TOKEN_DIM**0.5
        self.offset = spaced(TRACK_KNOBS, dice)
        self.mix_curve = torch.randn(ENGINEERS, TOKEN_DIM, MIX_KNOBS, generator=dice) / TOKEN_DIM**0.5
        self.mix_offset = spaced(MIX_KNOBS, dice)
        self.taste = torch.randn(TOKEN_DIM, ENGINEERS, generator=dice)

    def songs(self, count: int, dice: torch.Generator) -> Songs:
        """New songs, half of them with a style."""
        tokens = torch.randn(count, MOST_TRACKS, TOKEN_DIM, generator=dice)
        tracks = torch.randint(2, MOST_TRACKS + 1, (count, 1), generator=dice)
        mask = torch.arange(MOST_TRACKS) < tracks
        tokens = tokens * mask[..., None]
        whole = tokens.sum(1) / tracks.sqrt()
        style = torch.cat([torch.randn(count, ENGINEERS, generator=dice), torch.ones(count, 1)], dim=1)
        style = style * (torch.rand(count, 1, generator=dice) < 0.5)
        shares = (0.3 * whole @ self.taste + style[:, :ENGINEERS]).softmax(dim=1)
        of_tracks = self.offset[:, None] + 0.4 * torch.tanh(
            torch.einsum("bnd,edk->benk", tokens, 2 * self.curve)
        )
        of_mix = self.mix_offset + 0.4 * torch.tanh(torch.einsum("bd,edk->bek", whole, 2 * self.mix_curve))
        return Songs(tokens, style, mask, shares, of_tracks, of_mix)


class Mixed(NamedTuple):
    """Settings of songs as normal scores `(B, N, K)`, `(B, M)` with `on` `(B, N, S)`, and by whom."""

    tracks: Tensor
    mix: Tensor
    on: Tensor
    engineer: Tensor


def spaced(knobs: int, dice: torch.Generator) -> Tensor:
    """A setting for each engineer, `(E, knobs)`: on every knob -1, 0 and 1 in some order."""
    steps = torch.linspace(-1.0, 1.0, ENGINEERS)
    return torch.stack([steps[torch.randperm(ENGINEERS, generator=dice)] for _ in range(knobs)], dim=1)


def mixed(songs: Songs, dice: torch.Generator) -> Mixed:
    """One valid setting of each song."""
    engineer = torch.multinomial(songs.shares, 1, generator=dice)[:, 0]
    rows = torch.arange(len(engineer))
    tracks, mix = songs.tracks[rows, engineer], songs.mix[rows, engineer]
    tracks = tracks + SPREAD * torch.randn(tracks.shape, generator=dice)
    mix = mix + SPREAD * torch.randn(mix.shape, generator=dice)
    chance = torch.tensor(ON)[engineer][:, None].expand(*tracks.shape[:2], -1)
    return Mixed(tracks, mix, torch.rand(chance.shape, generator=dice) < chance, engineer)


def figures(songs: Songs, tracks: Tensor, mix: Tensor, on: Tensor | None = None) -> dict[str, Any]:
    """What samples `(B, S, N, K)`, `(B, S, M)` (normal scores) have of the truth.

    `mass`: error of an engineer's share over all songs, the worst of them; `mass_per_song`: mean error in a
    single song; `spread`: deviation within the nearest setting over the true one; `off`: root mean square
    distance to the nearest setting over the true spread (1 is right; settings in between are far off);
    `between`: share of samples that are more than twice as far as a true one; `switches`: largest error of
    how often a switch is on, given the engineer.
    """
    there = songs.mask[:, None, None, :, None]
    apart = (tracks[:, :, None] - songs.tracks[:, None]) * there
    apart_mix = mix[:, :, None] - songs.mix[:, None]
    numbers = songs.mask.sum(1)[:, None, None] * TRACK_KNOBS + MIX_KNOBS
    distance = ((apart.square().sum((3, 4)) + apart_mix.square().sum(3)) / numbers).sqrt()
    nearest = distance.argmin(dim=2)
    found = torch.nn.functional.one_hot(nearest, ENGINEERS).float()
    error = found.mean(1) - songs.shares
    away = distance.gather(2, nearest[..., None])[..., 0] / SPREAD
    good = away < 2
    result: dict[str, Any] = {
        "mass": float(error.mean(0).abs().max()),
        "mass_per_song": float(error.abs().mean()),
        "spread": spread(songs, tracks, nearest, good),
        "off": float(away.square().mean().sqrt()),
        "between": float((~good).float().mean()),
    }
    return result if on is None else result | {"switches": _switches(songs, on, nearest)}


def spread(songs: Songs, tracks: Tensor, nearest: Tensor, good: Tensor) -> float:
    """Deviation of the knobs of a song within an engineer, over the true one; where ten samples or more."""
    squares, count = 0.0, 0
    for song, (who, fine) in enumerate(zip(nearest, good, strict=True)):
        for engineer in range(ENGINEERS):
            of = tracks[song, (who == engineer) & fine][:, songs.mask[song]]
            if len(of) >= 10:
                squares += float(of.var(dim=0).mean())
                count += 1
    return (squares / max(count, 1)) ** 0.5 / SPREAD


def _switches(songs: Songs, on: Tensor, nearest: Tensor) -> float:
    there = songs.mask[:, None].expand(on.shape[:3])
    rates = [on[(nearest == e)[..., None] & there].float().mean(0) for e in range(ENGINEERS)]
    return float((torch.stack(rates) - torch.tensor(ON)).abs().max())


def coverage(songs: Songs, truth: Tensor, tracks: Tensor, level: float = 0.8) -> float:
    """How often the middle `level` of samples `(B, S, N, K)` holds settings of the truth `(B, D, N, K)`."""
    ends = torch.quantile(tracks, torch.tensor([0.5 - level / 2, 0.5 + level / 2]), dim=1)[:, :, None]
    inside = ((truth >= ends[0]) & (truth <= ends[1])).float().mean(1)
    return float(inside[songs.mask].mean())
