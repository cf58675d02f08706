"""Music under random chains, and a caption for what each chain does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from reprs.views.normalisation import EffectNormaliser
from reprs.views.pairs import at_random_levels, render
from reprs.views.production import production_captions
from reprs.views.sampler import ChainSampler


class Produced(NamedTuple):
    """Rendered clips `(G · K, 2, T)`, a caption for each, and the segment each was made from `(G · K,)`."""

    x: Tensor
    texts: list[str]
    source: Tensor


class Producer:
    """Raw segments `(G, 2, T)` → `Produced`: every segment under K chains of its own, on its device.

    The contents of a segment occur under K chains, so a caption cannot be found by content. Levels and
    `preroll_s` are as in `PairMaker`; with a `normaliser`, "bright" is brighter than the average of the
    corpus and not only than this segment was.
    """

    def __init__(
        self,
        sampler: ChainSampler,
        chains_per_segment: int = 8,
        preroll_s: float = 0.0,
        normaliser: EffectNormaliser | None = None,
        input_db: float = -18.0,
        input_range_db: float = 5.0,
    ) -> None:
        self.sampler, self.chains_per_segment, self.preroll_s = sampler, chains_per_segment, preroll_s
        self.normaliser, self.input_db, self.input_range_db = normaliser, input_db, input_range_db

    @torch.no_grad()
    def __call__(self, segments: Tensor, sample_rate: int, generator: torch.Generator) -> Produced:
        skipped = round(self.preroll_s * sample_rate)
        if segments.shape[-1] <= skipped:
            raise ValueError(f"segments must be longer than preroll_s = {self.preroll_s}")
        if self.normaliser is not None:
            segments = self.normaliser(segments, sample_rate)
        segments = at_random_levels(segments, self.input_db, self.input_range_db, generator)
        source = torch.arange(len(segments)).repeat_interleave(self.chains_per_segment)
        draw = self.sampler.draw(len(source), generator)
        starts = torch.randint(0, skipped + 1, (len(source),), generator=generator)
        length = segments.shape[-1] - skipped
        x = render(self.sampler.chain, segments, source, draw, starts, length, sample_rate)
        seed = int(torch.randint(2**31, (1,), generator=generator))
        texts = production_captions(self.sampler.chain, draw.z, draw.mask, np.random.default_rng(seed))
        return Produced(x, texts, source)
