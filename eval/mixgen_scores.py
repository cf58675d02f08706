"""Figures of mix generators: validity as a set, distance to the target, calibration, curves, words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eval.mix_distributions import figures as set_figures
from eval.mix_measures import Ears
from eval.mixgen_rows import Heard, Row, levelled, rendered
from eval.scoring import interval
from reprs.console.standard import standard_console
from reprs.corpora.progress import track
from reprs.objectives.stft import multi_resolution_stft

LEVEL = 0.8
INTERVAL_SAMPLES = 50
# A knob that many valid mixes leave at the same place has a spike, where intervals cannot be exact.
SPIKE = 0.05
PROMPTS = (
    "bright and crisp", "dark and muffled", "warm", "heavily compressed and dense", "drenched in reverb",
    "dry and close", "wide stereo", "boomy with a lot of bass",
)  # fmt: skip


def score(
    heard: Sequence[Heard], rows: Sequence[Row], judges: Sequence[Ears], samples: int, seed: int
) -> dict[str, Any]:
    """Row → figures of its sets of mixes, and of the distance to the targets of one and of the best.

    Sets hold the first mix of every trial, in each judge's embedding.
    """
    contents = [h.trial.content for h in heard]
    targets = levelled(torch.stack([h.trial.target for h in heard if h.trial.target is not None]))
    known = [ears(targets) for ears in judges]
    result: dict[str, Any] = {}
    for row in rows:
        count = row.answers or (samples if row.name in ("flow", "flow, temperature 0.5") else 1)
        begin = time.perf_counter()
        mixes = [rendered(h, row.draw(h, count, seed)) for h in track(heard, row.name)]
        found: dict[str, Any] = {
            "seconds a mix": round((time.perf_counter() - begin) / len(heard) / count, 2)
        }
        for ears, target in zip(judges, known, strict=True):
            e = torch.stack([ears(x) for x in mixes])
            sets = set_figures(e[:, 0].double().numpy(), target.double().numpy())
            found |= {f"{name}, {ears.name}": value for name, value in sets.items()}
            apart = ears.distance(e.flatten(0, 1), target.repeat_interleave(count, 0)).view(len(heard), count)
            found |= nearness(f"{ears.name} distance", apart, contents)
        apart = torch.stack(
            [multi_resolution_stft(x, t.expand_as(x)) for x, t in zip(mixes, targets, strict=True)]
        )
        result[row.name] = found | nearness("STFT", apart, contents)
    return result


def nearness(name: str, apart: Tensor, contents: Sequence[str]) -> dict[str, Any]:
    """Mean distance `(trials, samples)` of one mix and of the best of 2, 4, 8, with intervals."""
    found: dict[str, Any] = {name: interval(apart[:, 0].double().numpy(), contents)}
    for best in (2, 4, 8):
        if apart.shape[1] >= best:
            values = apart[:, :best].amin(1).double().numpy()
            found[f"{name}, best of {best}"] = interval(values, contents)
    return found


def calibration(heard: Sequence[Heard], rows: Sequence[Row], seed: int) -> dict[str, Any]:
    """Row → how often the middle 80 % of its samples of a knob hold the true value.

    Knobs without a spike count; of effects that the truth has off, too. Switches: the mean chance that is
    given to how they are.
    """
    names = {"tracks": list(standard_console().track_params), "mix": list(standard_console().shared_params)}
    result: dict[str, Any] = {}
    for row in rows:
        if row.answers == 1:
            continue
        inside: dict[str, list[Tensor]] = {"tracks": [], "mix": []}
        chance = []
        for h in track(heard, f"intervals: {row.name}"):
            k, truth = row.draw(h, INTERVAL_SAMPLES, seed), h.trial.knobs
            assert truth is not None and k.tracks_on is not None and truth.tracks_on is not None
            for part, values, true in (("tracks", k.tracks, truth.tracks), ("mix", k.shared, truth.shared)):
                low, high = torch.quantile(values, torch.tensor([0.5 - LEVEL / 2, 0.5 + LEVEL / 2]), dim=0)
                inside[part].append(
                    ((true[0] >= low) & (true[0] <= high)).float().reshape(-1, len(names[part]))
                )
            given = k.tracks_on.float().mean(0)
            chance.append(torch.where(truth.tracks_on[0], given, 1 - given).mean())
        result[row.name] = _covered(heard, names, inside) | {
            "chance of the true switch": round(float(torch.stack(chance).mean()), 4)
        }
    return result


def _covered(
    heard: Sequence[Heard], names: dict[str, list[str]], inside: dict[str, list[Tensor]]
) -> dict[str, Any]:
    """Coverage of the knobs of tracks and of the mix, those with a spike apart; and the worst single knob."""
    found: dict[str, Any] = {}
    truths = {
        "tracks": torch.cat([h.trial.knobs.tracks[0] for h in heard if h.trial.knobs is not None]),
        "mix": torch.cat([h.trial.knobs.shared for h in heard if h.trial.knobs is not None]),
    }
    smooth, every = [], []
    for part, values in inside.items():
        each = torch.cat(values).mean(0)
        plain = torch.tensor([_spike(column) < SPIKE for column in truths[part].T])
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


def curve(
    generator: Any, heard: Sequence[Heard], ears: Sequence[Ears], samples: int, seed: int
) -> dict[str, Any]:
    """Guidance and temperature → validity (Fréchet, MMD), diversity within a song, distance to the target."""
    targets = levelled(torch.stack([h.trial.target for h in heard if h.trial.target is not None]))
    result = {}
    for guidance, temperature in ((1, 0.4), (1, 0.7), (1, 1), (1.5, 1), (2, 1), (2, 0.7), (3, 1)):
        mixes = [
            rendered(
                h,
                generator.sample(h.song, h.style, samples, seed, guidance=guidance, temperature=temperature),
            )
            for h in track(heard, f"guidance {guidance:g}, temperature {temperature:g}")
        ]
        found: dict[str, Any] = {}
        for judge in ears:
            e, target = torch.stack([judge(x) for x in mixes]), judge(targets)
            sets = set_figures(e[:, 0].double().numpy(), target.double().numpy())
            found |= {f"{n}, {judge.name}": v for n, v in sets.items() if n in ("Fréchet", "MMD", "coverage")}
            pairs = judge.distance(e[:, 0], e[:, 1]).mean()
            found[f"diversity, {judge.name}"] = round(float(pairs), 4)
            found[f"distance, {judge.name}"] = round(float(judge.distance(e[:, 0], target).mean()), 4)
        result[f"guidance {guidance:g}, temperature {temperature:g}"] = found
    return result


def words(generator: Any, heard: Sequence[Heard], timbre: Any, seed: int) -> dict[str, Any]:
    """Prompt → how much nearer mixes are to it than mixes without a style (cosine by `timbre`), and its rank.

    The rank is that of the prompt among all prompts by how much a mix made for it gains.
    """
    wanted = timbre.embed_text(list(PROMPTS))
    gains = {1.0: torch.zeros(len(PROMPTS), len(PROMPTS)), 2.0: torch.zeros(len(PROMPTS), len(PROMPTS))}
    plain = torch.stack([_told(h, generator, timbre, None, seed, 1.0) for h in track(heard, "no words")])
    for guidance, table in gains.items():
        for i, prompt in enumerate(track(PROMPTS, f"words, guidance {guidance:g}")):
            e = torch.stack([_told(h, generator, timbre, prompt, seed, guidance) for h in heard])
            table[i] = ((e - plain) @ wanted.T).mean(0)
    result: dict[str, Any] = {}
    for i, prompt in enumerate(PROMPTS):
        result[prompt] = {
            f"{what}, guidance {g:g}": value
            for g, table in gains.items()
            for what, value in (
                ("gain", round(float(table[i, i]), 4)),
                ("rank", 1 + int((table[:, i] > table[i, i]).sum())),
            )
        }
    return result


def _told(h: Heard, generator: Any, timbre: Any, prompt: str | None, seed: int, guidance: float) -> Tensor:
    from eval.music import SAMPLE_RATE

    style = generator.condition(None, prompt)
    knobs = generator.sample(h.song, style, 1, seed, guidance=guidance)
    e: Tensor = timbre.embed(rendered(h, knobs), SAMPLE_RATE)[0]
    return e
