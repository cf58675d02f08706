"""Losses of controllers on audio: what the console makes of the tracks, against what the true knobs make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from reprs.audio import loudness
from reprs.console import listening
from reprs.console.controller import Controller
from reprs.console.knobs import Knobs
from reprs.models.controller import Logits
from reprs.objectives.stft import multi_resolution_stft
from reprs.training.data import Source
from reprs.training.mix_set import MixSet, random_mixes

# Tracks of one step after the other: every other one is a single recording.
COUNTS = (1, 2, 1, 4)
# Further than this no trim goes: a mix that is silent has no loudness.
MOST_DB = 24.0


@dataclass(frozen=True)
class Heard:
    """Random mixes as they are heard: `tracks` `(B, N, 2, T)`, which sound, tokens and condition, the true
    `knobs`, the `target` that they make of the tracks `(B, 2, T)`, and its embedding `wanted`.
    """

    tracks: Tensor
    there: Tensor
    tokens: Tensor
    condition: Tensor
    knobs: Knobs
    target: Tensor
    wanted: Tensor


class RenderedLoss:
    """Fresh random mixes through network and exact console: multi-resolution STFT and cosine distance.

    `options` are those of `MixSet`, whose strips are the controller's, and `validation_share`, the contents
    that are left out as `MixData` leaves them out. The target is the true setting on the
    very tracks, so that the loss asks for the sound, however it is made. What is on is what the network says,
    as it will be used, and as loud as the target: a controller trims its mixes to the reference.
    """

    def __init__(self, controller: Controller, options: dict[str, Any]) -> None:
        options = {**options, "strip": controller.strip}
        left_out = options.pop("validation_share", 0.08)
        corpora = [c if isinstance(c, Source) else Source(**c) for c in options.pop("corpora", [])]
        self.controller, self.wanted = controller, MixSet(corpora, **options)
        self.mixes = random_mixes(self.wanted, left_out)
        self.rate = self.mixes.songs.sample_rate

    def __call__(
        self, count: int, step: int, stft: bool = True, embedding: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Mean STFT distance and mean embedding distance of `count` mixes, differentiable."""
        heard = self.draw(count, COUNTS[step % len(COUNTS)], (self.wanted.seed + 1, step))
        logits = self.controller.network(heard.tokens, heard.condition, heard.there)
        return self.apart(logits, heard, stft, embedding)

    @torch.no_grad()
    def draw(self, batch: int, count: int, seed: tuple[int, ...]) -> Heard:
        """`batch` mixes of `count` tracks: the same for the same seed."""
        drawn, ears = self.mixes.draw(batch, count, seed), self.controller.hearing
        tokens, there = listening.tokens(ears, drawn.tracks, self.rate, drawn.there)
        condition = listening.condition(ears, drawn.reference, self.rate)
        target = self.controller.console(drawn.tracks, self.rate, drawn.knobs, there)
        return Heard(drawn.tracks, there, tokens, condition, drawn.knobs, target, ears(target))

    def apart(
        self, logits: Logits, heard: Heard, stft: bool = True, embedding: bool = True
    ) -> tuple[Tensor, Tensor]:
        """The two distances of what the network says; one that is not asked for is 0."""
        y = self.mix(logits, heard)
        zero = y.new_zeros(())
        near = multi_resolution_stft(y, heard.target).mean() if stft else zero
        alike = (1 - (self.controller.hearing(y) * heard.wanted).sum(1)).mean() if embedding else zero
        return near, alike

    def mix(self, logits: Logits, heard: Heard) -> Tensor:
        """`(B, 2, T)`, as loud as the targets."""
        found = self.controller.answers(logits)
        assert found.shared_on is not None and heard.knobs.shared_on is not None
        if heard.tracks.shape[1] == 1:  # which has no master
            sections = self.controller.console.shared_switches
            master = torch.tensor([name.startswith("master.") for name in sections])
            found = replace(found, shared_on=found.shared_on & ~master)
        y = self.controller.console(heard.tracks, self.rate, found, heard.there)
        return as_loud_as(heard.target, y, self.rate)


def as_loud_as(target: Tensor, y: Tensor, sample_rate: int) -> Tensor:
    """`y` `(B, 2, T)` at the K-weighted level of `target`; the gain has no gradient."""
    with torch.no_grad():
        levels = [loudness.power(x, sample_rate) for x in (target, y)]
        gain_db = (levels[0] - levels[1]).nan_to_num(0).clamp(-MOST_DB, MOST_DB)
    return y * 10 ** (gain_db / 20)[:, None, None]
