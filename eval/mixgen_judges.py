"""A judge of sampled mixes: an encoder, and what it hears of the songs that are judged on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eval import mix_distributions as sets
from eval.mix_measures import Ears
from eval.mix_trials import Trial
from eval.mixgen_songs import Case, levelled
from eval.scoring import interval


class Judge:
    """`figures` of mixes as the encoder embeds them, `(songs, mixes, D)`, one after each reference."""

    def __init__(self, ears: Ears, cases: Sequence[Case]) -> None:
        self.ears, self.name = ears, ears.name
        self.contents = [trial.content for case in cases for trial in case.trials]
        self.targets = self.embed([_targets(case.trials) for case in cases])
        self.valid = _numbers(self.embed([_targets(case.others) for case in cases]))
        styles = [
            _numbers(self.embed([_references(part) for part in parts]))
            for parts in ([case.trials for case in cases], [case.others for case in cases])
        ]
        self.styles, self.valid_styles = sets.projected(*styles)

    def embed(self, mixes: Sequence[Tensor]) -> Tensor:
        """`(songs, mixes, D)` of every song's mixes `(mixes, 2, T)`."""
        return torch.stack([self.ears(x) for x in mixes])

    def figures(self, e: Tensor) -> dict[str, Any]:
        """Distances of the set alone, and together with the references; then to each mix's target."""
        samples, valid = sets.projected(_numbers(e), self.valid)
        joint = sets.distances(*self._pairs(samples, valid))
        found = sets.figures(samples, valid) | {f"joint {name}": value for name, value in joint.items()}
        named = {f"{name}, {self.name}": value for name, value in found.items()}
        apart = _numbers(self.apart(e).flatten())
        return named | {f"{self.name} distance": interval(apart, self.contents)}

    def apart(self, e: Tensor) -> Tensor:
        """How far every mix is from the target that its reference stands for, `(songs, mixes)`."""
        return self.ears.distance(e.flatten(0, 1), self.targets.flatten(0, 1)).view(e.shape[:2])

    def leads(self, e: Tensor, rival: Tensor, name: str) -> dict[str, Any]:
        """By what share Fréchet distances are below those of a rival's mixes."""
        samples, valid = sets.projected(_numbers(e), self.valid)
        others, _ = sets.projected(_numbers(rival), self.valid)
        pairs, valid_pairs = self._pairs(samples, valid)
        other_pairs, _ = self._pairs(others, valid)
        return {
            f"Fréchet below {name}, {self.name}": sets.lead(samples, others, valid),
            f"joint Fréchet below {name}, {self.name}": sets.lead(pairs, other_pairs, valid_pairs),
        }

    def _pairs(self, samples: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mixes beside their references."""
        return (
            np.concatenate([samples, self.styles], axis=2),
            np.concatenate([valid, self.valid_styles], axis=2),
        )


def _numbers(e: Tensor) -> np.ndarray:
    found: np.ndarray = e.double().numpy()
    return found


def _targets(trials: Sequence[Trial]) -> Tensor:
    return torch.stack([t.target for t in trials if t.target is not None])


def _references(trials: Sequence[Trial]) -> Tensor:
    return levelled(torch.stack([t.reference for t in trials]))
