"""Losses of controllers on audio: what the console makes of the tracks, against what the true knobs make."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from reprs.console import listening
from reprs.console.controller import Controller
from reprs.console.knobs import Knobs
from reprs.objectives.stft import multi_resolution_stft
from reprs.training.mix_set import MixSet, random_mixes

# Tracks of one step after the other: every other one is a single recording.
COUNTS = (1, 2, 1, 4)


class RenderedLoss:
    """Fresh random mixes through network and exact console: multi-resolution STFT and cosine distance.

    `options` are those of `MixSet`. The target is the true setting on the very tracks, so that the loss asks
    for the sound, however it is made.
    """

    def __init__(self, controller: Controller, options: dict[str, Any]) -> None:
        self.controller, self.wanted = controller, MixSet(**options)
        self.mixes = random_mixes(self.wanted)

    def __call__(self, count: int, step: int) -> tuple[Tensor, Tensor]:
        """Mean STFT distance and mean embedding distance of `count` mixes, differentiable."""
        batch = self.mixes.draw(count, COUNTS[step % len(COUNTS)], (self.wanted.seed + 1, step))
        rate, console, ears = self.mixes.songs.sample_rate, self.controller.console, self.controller.hearing
        tokens, there = listening.tokens(ears, batch.tracks, rate, batch.there)
        condition = listening.condition(ears, batch.reference, rate)
        logits = self.controller.network(tokens, condition, there)
        found = Knobs(torch.sigmoid(logits.tracks), torch.sigmoid(logits.shared), None, batch.knobs.shared_on)
        with torch.no_grad():
            target = console(batch.tracks, rate, batch.knobs, there)
            wanted = ears(target)
        y = console(batch.tracks, rate, found, there)
        apart = 1 - (ears(y) * wanted).sum(1)
        return multi_resolution_stft(y, target).mean(), apart.mean()
