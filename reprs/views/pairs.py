"""Positive pairs and hard negatives: the same chain on two contents, and other chains on those same contents.

Contents come in pairs (X, Y); each pair is a group in which every one of `chains_per_group` chains is
applied to both. For a chain on X the match is the same chain on Y, while every other chain of the group is
heard on X itself: content alone can never win.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from reprs.effects import Chain
from reprs.views.level import match_level, set_level
from reprs.views.normalisation import EffectNormaliser
from reprs.views.sampler import ChainSampler, Draw


@dataclass(frozen=True)
class Views:
    """Rendered views: `x` `(2N, 2, T)`, first all chains on their X, then the same chains on their Y;
    `draw` and `group` of N. View i was made from content `source[i]` of `dry` `(2G, 2, T)`.
    """

    x: Tensor
    draw: Draw
    group: Tensor
    dry: Tensor
    source: Tensor


class PairMaker:
    """Raw segments → `Views`, on the segments' device.

    `segments` `(2G, 2, T)` are G content pairs (item g with item G + g). The input of the chains is set to
    a random level (`input_db` ± `input_range_db`, RMS), since thresholds and drives act on level; the
    output is matched back to the input's loudness, so that level is no shortcut. With a `normaliser`,
    produced music is brought to the corpus average first. Clips begin up to `preroll_s` into the segment, so
    that echoes, tails and modulations are under way; they are that much shorter than the segments.
    """

    def __init__(
        self,
        sampler: ChainSampler,
        chains_per_group: int = 8,
        sibling_share: float = 0.5,
        single_share: float = 0.0,
        preroll_s: float = 0.0,
        input_db: float = -18.0,
        input_range_db: float = 5.0,
        sub_batch: int = 32,
        normaliser: EffectNormaliser | None = None,
    ) -> None:
        self.normaliser = normaliser
        self.sampler, self.chains_per_group, self.preroll_s = sampler, chains_per_group, preroll_s
        self.sibling_share, self.single_share = sibling_share, single_share
        self.input_db, self.input_range_db, self.sub_batch = input_db, input_range_db, sub_batch

    @torch.no_grad()
    def __call__(self, segments: Tensor, sample_rate: int, generator: torch.Generator) -> Views:
        if len(segments) % 2 or segments.ndim != 3:
            raise ValueError(f"segments are pairs, (2G, 2, T); got {tuple(segments.shape)}")
        skipped = round(self.preroll_s * sample_rate)
        if segments.shape[-1] <= skipped:
            raise ValueError(f"segments must be longer than preroll_s = {self.preroll_s}: raise segment_s")
        groups = len(segments) // 2
        draw = self.sampler.draw_groups(
            groups, self.chains_per_group, self.sibling_share, self.single_share, generator
        )
        group = torch.arange(groups).repeat_interleave(self.chains_per_group)
        source = torch.cat([group, group + groups])
        if self.normaliser is not None:
            segments = self.normaliser(segments, sample_rate)
        segments = at_random_levels(segments, self.input_db, self.input_range_db, generator)
        starts = torch.randint(0, skipped + 1, (len(source),), generator=generator)
        both = draw[torch.arange(len(draw)).repeat(2)]
        length = segments.shape[-1] - skipped
        x = render(self.sampler.chain, segments, source, both, starts, length, sample_rate, self.sub_batch)
        dry = segments[..., skipped // 2 : skipped // 2 + length]
        return Views(x, draw, group, dry, source.to(x.device))


def at_random_levels(
    segments: Tensor, level_db: float, range_db: float, generator: torch.Generator
) -> Tensor:
    """Segments `(G, C, T)`, each at an RMS of `level_db` ± `range_db` dBFS, on which thresholds act."""
    offset_db = (2 * torch.rand(len(segments), generator=generator) - 1) * range_db
    return set_level(segments, level_db + offset_db.to(segments.device))


def render(
    chain: Chain,
    segments: Tensor,
    source: Tensor,
    draw: Draw,
    starts: Tensor,
    length: int,
    sample_rate: int,
    sub_batch: int = 32,
) -> Tensor:
    """Setting i on `segments[source[i]]`: `length` samples of it from `starts[i]`, at the input's
    level.
    """
    rendered = []
    # A part of the batch at a time, so that temporaries stay small.
    for rows in torch.arange(len(draw)).split(sub_batch):
        dry = segments[source[rows].to(segments.device)]
        wet = chain(dry, sample_rate, draw.z[rows].to(segments), draw.mask[rows], draw.order[rows])
        windows = [slice(start, start + length) for start in starts[rows].tolist()]
        wet, dry = (torch.stack([x[:, w] for x, w in zip(y, windows, strict=True)]) for y in (wet, dry))
        rendered.append(match_level(wet, dry))
    return torch.cat(rendered)
