"""Figures of mix generators on songs: validity as sets, distance to the targets, curves, words."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from eval.mixgen_calibration import calibration
from eval.mixgen_judges import Judge
from eval.mixgen_rows import Heard, Row, flow, rendered
from eval.music import SAMPLE_RATE
from eval.scoring import interval
from reprs.corpora.progress import track
from reprs.objectives.stft import multi_resolution_stft

# Rows that are asked for several mixes after one reference, and after how many references of a song.
SEVERAL, REFERENCES = ("flow",), 2
LEADS, RIVALS = "flow", ("controller", "Gaussian prior")
SETTINGS = ((1, 0.85), (1, 0.9), (1, 0.95), (1, 1), (2, 0.9))
PROMPTS = (
    "bright and crisp", "dark and muffled", "warm", "heavily compressed and dense", "drenched in reverb",
    "dry and close", "wide stereo", "boomy with a lot of bass",
)  # fmt: skip

Songs = Sequence[Sequence[Heard]]


def score(
    heard: Songs, rows: Sequence[Row], judges: Sequence[Judge], samples: int, seed: int
) -> dict[str, Any]:
    """Row → figures of its sets of mixes, one after each reference, and of the distances to the targets.

    Of `SEVERAL` also how near the best of `samples` comes, and by how much nearer than the `RIVALS`.
    """
    result: dict[str, Any] = {}
    made: dict[str, list[Tensor]] = {}
    apart: dict[str, dict[str, Tensor]] = {}
    best: dict[str, dict[str, Tensor]] = {}
    for row in rows:
        begin = time.perf_counter()
        mixes = sampled(heard, row, seed)
        found: dict[str, Any] = {"seconds a mix": (time.perf_counter() - begin) / sum(map(len, mixes))}
        made[row.name] = [judge.embed(mixes) for judge in judges]
        apart[row.name] = {"STFT": stft(heard, mixes)}
        for judge, e in zip(judges, made[row.name], strict=True):
            found |= judge.figures(e)
            apart[row.name][f"{judge.name} distance"] = judge.apart(e)
        result[row.name] = found | {"STFT": _interval(apart[row.name]["STFT"], heard)}
        if row.name in SEVERAL:
            best[row.name] = best_of(heard, row, judges, samples, seed)
            result[row.name] |= nearness(best[row.name], heard)
    for name in (n for n in made if n.startswith(LEADS)):
        for rival in (r for r in RIVALS if r in made):
            for judge, e, other in zip(judges, made[name], made[rival], strict=True):
                result[name] |= judge.leads(e, other, rival)
            for measure, away in best.get(name, {}).items():
                gain = apart[rival][measure][:, :REFERENCES] - away.amin(2)
                result[name][f"{measure}, best of {samples} nearer than {rival}"] = _interval(gain, heard)
    return result


def sampled(heard: Songs, row: Row, seed: int) -> list[Tensor]:
    """Every song's mixes `(mixes, 2, T)`, one after each reference: its first mix after one of them, its
    second after the next and so on, so that a set is of what a call for that many gives.
    """
    found = []
    for number, song in enumerate(track(heard, row.name)):
        firsts = [(number + place) % len(song) for place in range(len(song))]
        settings = [row.draw(h, 1, seed, first) for h, first in zip(song, firsts, strict=True)]
        found.append(torch.cat([rendered(h, k) for h, k in zip(song, settings, strict=True)]))
    return found


def stft(heard: Songs, mixes: Sequence[Tensor]) -> Tensor:
    """Multi-resolution STFT distance to its target, of a song's mixes after its first `REFERENCES`
    references, `(songs, REFERENCES)`.
    """
    targets = [torch.stack([_target(h) for h in song[:REFERENCES]]) for song in heard]
    firsts = [x[:REFERENCES] for x in mixes]
    return torch.stack([multi_resolution_stft(x, y) for x, y in zip(firsts, targets, strict=True)])


def best_of(heard: Songs, row: Row, judges: Sequence[Judge], samples: int, seed: int) -> dict[str, Tensor]:
    """Measure → how far several mixes after one reference are from its target.

    `(songs, REFERENCES, samples)`.
    """
    apart: dict[str, list[Tensor]] = {}
    for h in track([h for song in heard for h in song[:REFERENCES]], f"{row.name}: best of {samples}"):
        mixes, target = rendered(h, row.draw(h, samples, seed, 0)), _target(h)[None]
        for ears in (judge.ears for judge in judges):
            away = ears.distance(ears(mixes), ears(target).expand(samples, -1))
            apart.setdefault(f"{ears.name} distance", []).append(away)
        apart.setdefault("STFT", []).append(multi_resolution_stft(mixes, target.expand_as(mixes)))
    return {name: torch.stack(found).unflatten(0, (len(heard), -1)) for name, found in apart.items()}


def nearness(apart: Mapping[str, Tensor], heard: Songs) -> dict[str, Any]:
    """Mean distance of the best of 2, 4, 8 mixes by each measure, with intervals."""
    return {
        f"{name}, best of {best}": _interval(away[..., :best].amin(2), heard)
        for name, away in apart.items()
        for best in (2, 4, 8)
        if away.shape[2] >= best
    }


def curve(generator: Any, heard: Songs, judges: Sequence[Judge], samples: int, seed: int) -> dict[str, Any]:
    """Guidance and temperature → validity, distances of one and of the best of `samples` mixes to the target,
    how often 80 % intervals hold the truth, and diversity.

    Diversity is how far two mixes after the same reference are apart; the best and the intervals are of one
    reference a song.
    """
    first = [song[:1] for song in heard]
    result = {}
    for guidance, temperature in SETTINGS:
        name = f"guidance {guidance:g}, temperature {temperature:g}"
        row = flow(generator, name, guidance=guidance, temperature=temperature)
        mixes = sampled(heard, row, seed)
        pairs = [rendered(song[0], row.draw(song[0], 2, seed, 1)) for song in heard]
        found: dict[str, Any] = {}
        for judge in judges:
            e = judge.embed(mixes)
            apart = judge.ears.distance(*judge.embed(pairs).unbind(1))
            found |= judge.figures(e) | {f"diversity, {judge.name}": float(apart.mean())}
        best = best_of(first, row, (), samples, seed)["STFT"].amin(2)
        covered = calibration([h for (h,) in first], [row], seed)[name]["80 % intervals cover"]
        result[name] = found | {
            "80 % intervals cover": covered,
            "STFT": _interval(stft(heard, mixes), heard),
            f"STFT, best of {samples}": _interval(best, heard),
        }
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


def _interval(values: Tensor, heard: Songs) -> tuple[float, float, float]:
    """The mean of `values` `(songs, …)` and its interval over songs."""
    each = values.flatten(1).mean(1).double().numpy()
    return interval(each, [song[0].trial.content for song in heard])


def _target(h: Heard) -> Tensor:
    assert h.trial.target is not None
    return h.trial.target


def _told(h: Heard, generator: Any, timbre: Any, prompt: str | None, seed: int, guidance: float) -> Tensor:
    style = generator.condition(None, prompt)
    knobs = generator.sample(h.song, style, 1, h.noise(seed), guidance=guidance)
    e: Tensor = timbre.embed(rendered(h, knobs), SAMPLE_RATE)[0]
    return e
