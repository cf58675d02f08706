"""Do intervals of a knob hold the true value as often as they say?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eval.mixgen_rows import Heard, Row
from reprs.console.listening import sounding
from reprs.corpora.progress import track

LEVEL = 0.8
SAMPLES = 49
# A knob that many valid mixes leave at the same place has a spike, where intervals cannot be exact.
SPIKE = 0.05


def calibration(heard: Sequence[Heard], rows: Sequence[Row], seed: int) -> dict[str, Any]:
    """Row → how often the middle 80 % of its samples of a knob hold the true value.

    Knobs without a spike count; of effects that the truth has off, too, but not of tracks that are silent,
    which nobody sets. Switches: the mean chance that is given to how they are.
    """
    there = [sounding(h.trial.tracks[None])[0] for h in heard]
    result: dict[str, Any] = {}
    for row in rows:
        if row.answers == 1:
            continue
        inside: dict[str, list[Tensor]] = {"tracks": [], "mix": []}
        chance = []
        for h, sounds in zip(track(heard, f"intervals: {row.name}"), there, strict=True):
            k, truth = row.draw(h, SAMPLES, seed, 0), h.trial.knobs
            assert truth is not None and k.tracks_on is not None and truth.tracks_on is not None
            inside["tracks"].append(held(k.tracks, truth.tracks[0])[sounds])
            inside["mix"].append(held(k.shared, truth.shared[0])[None])
            given = k.tracks_on.float().mean(0)
            chance.append(torch.where(truth.tracks_on[0], given, 1 - given)[sounds].mean())
        result[row.name] = _covered(heard, there, inside) | {
            "chance of the true switch": round(float(torch.stack(chance).mean()), 4)
        }
    return result


def held(samples: Tensor, truth: Tensor) -> Tensor:
    """1 where the middle `LEVEL` of samples `(S, …)` holds the truth `(…)`, else 0.

    The ends are the samples number p (S + 1) by size, between which another draw of the same distribution
    falls with that chance exactly (Hyndman and Fan 1996, definition 6); those of definition 7, torch's own,
    would hold 77 % with 50 samples.
    """
    count = len(samples)
    ends = torch.tensor([0.5 - LEVEL / 2, 0.5 + LEVEL / 2]) * (count + 1) - 1
    low, high = torch.quantile(samples, ends / (count - 1), dim=0)
    return ((truth >= low) & (truth <= high)).float()


def _covered(
    heard: Sequence[Heard], there: Sequence[Tensor], inside: dict[str, list[Tensor]]
) -> dict[str, Any]:
    """Coverage of the knobs of tracks and of the mix, those with a spike apart; and the worst single knob."""
    found: dict[str, Any] = {}
    truths = [h.trial.knobs for h in heard if h.trial.knobs is not None]
    settings = {
        "tracks": torch.cat([k.tracks[0][sounds] for k, sounds in zip(truths, there, strict=True)]),
        "mix": torch.cat([k.shared for k in truths]),
    }
    smooth, every = [], []
    for part, values in inside.items():
        each = torch.cat(values).mean(0)
        plain = torch.tensor([_spike(column) < SPIKE for column in settings[part].T])
        found[f"{part}: 80 % intervals cover"] = round(float(each[plain].mean()), 4)
        smooth += each[plain].tolist()
        every += each.tolist()
    found["80 % intervals cover"] = round(float(np.mean(smooth)), 4)
    found["with spikes"] = round(float(np.mean(every)), 4)
    found["lowest and highest of a knob"] = [round(min(smooth), 3), round(max(smooth), 3)]
    return found


def _spike(values: Tensor) -> float:
    """Share of the values that are the same as the most common other one."""
    return (float(values.unique(return_counts=True)[1].max()) - 1) / len(values)
