"""Refinement: knobs moved by gradient through the exact console until the mix measures like the reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from reprs.audio.measures import BANDS, NAMES, measure
from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.console.listening import SAMPLE_RATE, WINDOW_S, excerpts, sounding
from reprs.console.opened import opened
from reprs.console.parts import switches
from reprs.console.recovery.recovered import recovered
from reprs.console.trim import loudest, trimmed
from reprs.objectives.stft import SIZES, StftDistance

STEPS = 40
# Step size on logits for a mix of the very tracks. Where the reference is other music, all steps together go
# no further than `TRAVEL`: at the end of that way lies a copy of its content.
RATE, TRAVEL = 0.1, 0.24
EXCERPT_S = 3.0
EDGE = 0.01  # of the range: at its very end a logit has no gradient
# Only where `ears` are given: it made mixes less like the truth by every measure (docs/experiments.md).
EMBEDDING_WEIGHT = 4.0
REGIONS, REGION_WEIGHT = 8, 2.5
PRIOR_WEIGHT = 0.3
# Above this correlation of levels, in a quarter of the bands of so many bins, the reference is taken for a
# mix of these very tracks. It is .84 and more for 40 recordings and their own mixes, .49 and less for 80
# other pairs.
ALIGNED, BAND = 0.65, 24
TOGETHER = 8  # tracks that least squares take at once


def refine(
    console: Console,
    tracks: Tensor,
    sample_rate: int,
    knobs: Knobs,
    reference: Tensor,
    steps: int = STEPS,
    mask: Tensor | None = None,
    aligned: bool | None = None,
    ears: Any = None,
    on_step: Callable[[int, float], None] | None = None,
) -> Knobs:
    """Better knobs for `tracks` `(1, N, C, T)` and a `reference` `(C, T)` at the same rate.

    Where the reference is a mix of the very tracks (`aligned`, found out if None), its setting is found by
    least squares, switches too (`steps` is then the most of each descent of a single recording); of more than
    `TOGETHER` tracks, and through groups and side-chains, the loss is the multi-resolution STFT of mid and
    side. Else it is what `reprs.audio.measures` says of spectrum, stereo and dynamics, with the distance of
    embeddings by `ears` where these are given, and at last the faders are trimmed to its loudness. A prior
    holds knobs near where they begin, which is also what is returned where nothing is better. `on_step` hears
    of every step and its loss.
    """
    there = sounding(tracks, mask)
    if not bool(there.any()) or steps < 1:
        return knobs
    reference = reference.float().expand(2, -1) if reference.shape[0] == 1 else reference.float()
    if aligned is None:
        aligned = is_aligned(tracks, reference)
    heard = there[0].nonzero()[:, 0]
    if aligned and len(heard) <= TOGETHER and recoverable(console, knobs):
        found = recovered(console, tracks[:, heard], sample_rate, knobs.of(heard), reference, steps, on_step)
        return _put_back(console, knobs, heard, found)
    if aligned:
        judge = _aligned(tracks, reference, sample_rate)
        return _descend(console, judge, opened(console, knobs), there, sample_rate, steps, RATE, on_step)
    judge = _alike(tracks, reference, sample_rate, ears)
    found = _descend(console, judge, knobs, there, sample_rate, steps, TRAVEL / steps, on_step)
    return trimmed(console, tracks, sample_rate, found, [reference], sample_rate, there)


def is_aligned(tracks: Tensor, reference: Tensor) -> bool:
    """Whether the reference is made of the tracks and in time: in a quarter of the spectrum or more, levels
    rise and fall alike. Elsewhere filters, saturation and reverb may have left little of them.
    """
    if reference.shape[-1] != tracks.shape[-1]:
        return False
    mono = torch.stack([tracks.expand(-1, -1, 2, -1).sum((0, 1)).mean(0), reference.mean(0)])
    window = torch.hann_window(2048)
    power = torch.stft(mono, 2048, 1024, window=window, return_complex=True).abs().square()
    level = torch.log(power + 1e-6 * power.mean((1, 2), keepdim=True))
    level = level - level.mean(2, keepdim=True)
    ours, theirs = level[:, : level.shape[1] // BAND * BAND].unflatten(1, (-1, BAND))
    norms = (ours.square().sum((1, 2)) * theirs.square().sum((1, 2))).sqrt()
    alike = (ours * theirs).sum((1, 2)) / norms.clamp_min(1e-9)
    return bool(torch.quantile(alike, 0.75) > ALIGNED)


def recoverable(console: Console, knobs: Knobs) -> bool:
    """Whether least squares know their way: no groups, nothing plugged, and knobs that rest."""
    plugged = any(value is not None for value in vars(knobs.patch).values())
    return not console.groups and not plugged and knobs.tracks.ndim == 3 and knobs.shared.ndim == 2


def _put_back(console: Console, knobs: Knobs, heard: Tensor, found: Knobs) -> Knobs:
    """The knobs with those found of some tracks `(M,)` in their places."""
    tracks_on, _ = switches(console, knobs)
    found_on, shared_on = switches(console, found)
    tracks = knobs.tracks.clone()
    tracks[:, heard], tracks_on[:, heard] = found.tracks, found_on
    return replace(knobs, tracks=tracks, shared=found.shared, tracks_on=tracks_on, shared_on=shared_on)


# Clips `(W, N, C, T)`, and the loss of their mixes `(W, 2, T)` at a step; at None, all of it.
Judge = tuple[Tensor, Callable[[Tensor, int | None], Tensor]]


def _aligned(tracks: Tensor, reference: Tensor, sample_rate: int) -> Judge:
    """The loudest stretch of tracks and reference; one resolution a step costs a third of all three."""
    length = min(round(EXCERPT_S * sample_rate), tracks.shape[-1])
    start = loudest(reference, length)
    target = reference[None, :, start : start + length]

    distances = [StftDistance(target, (size,)) for size in SIZES]

    def judge(y: Tensor, step: int | None) -> Tensor:
        now = distances if step is None else distances[step % len(SIZES) :][:1]
        return torch.stack([distance(y).mean() for distance in now]).mean()

    return tracks[..., start : start + length], judge


def _alike(tracks: Tensor, reference: Tensor, sample_rate: int, ears: Any) -> Judge:
    """Loud stretches of the tracks, and how unlike the reference a mix of them is."""
    clips = excerpts(reference, sample_rate)
    with torch.no_grad():
        wanted = _shape(measure(clips, SAMPLE_RATE)).mean(0)
        heard = F.normalize(ears(clips).mean(0), dim=0) if ears is not None else None

    def judge(y: Tensor, step: int | None) -> Tensor:
        apart = F.smooth_l1_loss(_shape(measure(y, sample_rate)).mean(0), wanted, beta=0.3, reduction="sum")
        if heard is None:
            return apart / 10
        return apart / 10 + EMBEDDING_WEIGHT * (1 - F.cosine_similarity(ears(y).mean(0), heard, dim=0))

    return _stretches(tracks, sample_rate), judge


def _stretches(tracks: Tensor, sample_rate: int) -> Tensor:
    """The loudest 4 s of each half of `(1, N, C, T)`, `(W, N, C, T')`; one where they are short."""
    length = min(round(WINDOW_S * sample_rate), tracks.shape[-1])
    parts = tracks.tensor_split(2, dim=-1) if tracks.shape[-1] >= 2 * length else (tracks,)
    starts = [loudest(part[0].sum(0), length) for part in parts]
    return torch.cat([p[..., s : s + length] for p, s in zip(parts, starts, strict=True)])


def _shape(measures: Tensor) -> Tensor:
    """What other music may say: spectrum by regions, stereo and dynamics; a trim sets the loudness."""
    first, end = NAMES.index("mid_0"), NAMES.index(f"mid_{BANDS - 1}") + 1
    regions = measures[..., first:end].unflatten(-1, (REGIONS, -1)).mean(-1)
    return torch.cat([REGION_WEIGHT * regions, measures[..., end:]], dim=-1)


def _descend(
    console: Console,
    judge: Judge,
    knobs: Knobs,
    there: Tensor,
    sample_rate: int,
    steps: int,
    rate: float,
    on_step: Callable[[int, float], None] | None,
) -> Knobs:
    """Adam (Kingma 2015) on the logits of the knobs, along half a cosine; the start where that is better."""
    clips, loss_of = judge
    starts = [z.detach().clamp(EDGE, 1 - EDGE) for z in (knobs.tracks, knobs.shared)]
    logits = [torch.logit(z).requires_grad_() for z in starts]
    adam = torch.optim.Adam(logits, lr=rate)

    def loss(step: int | None) -> Tensor:
        moved = [torch.sigmoid(v) for v in logits]
        # A console may have nothing that is shared: the mean of no knobs is no number.
        strayed = sum((a - b).square().sum() / max(1, a.numel()) for a, b in zip(moved, starts, strict=True))
        y = console(
            clips, sample_rate, _repeated(_held(knobs, moved), len(clips)), there.expand(len(clips), -1)
        )
        return loss_of(y, step) + PRIOR_WEIGHT * strayed

    with torch.no_grad():
        first = float(loss(None))
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = rate * (0.05 + 0.95 * (1 + math.cos(math.pi * step / steps)) / 2)
        now = loss(step)
        if on_step is not None:
            on_step(step, float(now))
        adam.zero_grad()
        now.backward()
        adam.step()
    with torch.no_grad():
        better = float(loss(None)) < first
    return _held(knobs, [torch.sigmoid(v).detach() for v in logits]) if better else knobs


def _held(knobs: Knobs, moved: list[Tensor]) -> Knobs:
    """Knobs moved, but those at the ends of their range: a closed send is closed."""
    kept = [
        torch.where((start <= EDGE) | (start >= 1 - EDGE), start, z)
        for start, z in zip((knobs.tracks, knobs.shared), moved, strict=True)
    ]
    return replace(knobs, tracks=kept[0], shared=kept[1])


def _repeated(knobs: Knobs, count: int) -> Knobs:
    """The knobs of one mix for `count` clips of it."""
    on = [None if v is None else v.expand(count, *v.shape[1:]) for v in (knobs.tracks_on, knobs.shared_on)]
    return Knobs(knobs.tracks.expand(count, -1, -1), knobs.shared.expand(count, -1), on[0], on[1])
