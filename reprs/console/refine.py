"""Refinement: knobs moved by gradient through the exact console until the mix measures like the reference."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from reprs.audio.measures import NAMES, measure
from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.console.listening import SAMPLE_RATE, excerpts, sounding
from reprs.models import hub
from reprs.objectives.stft import multi_resolution_stft

STEPS = 60
RATE = 0.08
EXCERPT_S = 3.0
EDGE = 0.01  # of the range: at its very end a logit has no gradient
# What counts as one unit of error: content differs from part to part, most of all where music is dynamic.
EMBEDDING_WEIGHT = 2.0
PRIOR_WEIGHT = 0.3
# Above this correlation of spectrograms the reference is taken for a mix of these very tracks.
ALIGNED = 0.85


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

    Where the reference is a mix of the very tracks (`aligned`, found out if None) the loss is the
    multi-resolution STFT of mid and side; else the measures of `reprs.audio.measures` and the distance of
    embeddings by `ears` (those of `effect`, if None). A prior holds knobs near where they begin. The best
    knobs seen are returned; switches stay as they are.
    """
    there = sounding(tracks, mask)
    if not bool(there.any()) or steps < 1:
        return knobs
    reference = reference.float().expand(2, -1) if reference.shape[0] == 1 else reference.float()
    if aligned is None:
        aligned = is_aligned(tracks, reference)
    judge = (
        _aligned(tracks, reference, sample_rate) if aligned else _alike(tracks, reference, sample_rate, ears)
    )
    return _descend(console, judge, knobs, there, sample_rate, steps, on_step)


def is_aligned(tracks: Tensor, reference: Tensor) -> bool:
    """Whether the reference is made of the tracks and in time: their spectrograms rise and fall alike."""
    if reference.shape[-1] != tracks.shape[-1]:
        return False
    mono = torch.stack([tracks.expand(-1, -1, 2, -1).sum((0, 1)).mean(0), reference.mean(0)])
    window = torch.hann_window(2048)
    power = torch.stft(mono, 2048, 1024, window=window, return_complex=True).abs().square()
    level = torch.log(power + 1e-6 * power.mean((1, 2), keepdim=True))
    level = level - level.mean(2, keepdim=True)
    return bool((level[0] * level[1]).sum() > ALIGNED * level.square().sum((1, 2)).prod().sqrt())


Judge = tuple[Tensor, Callable[[Tensor], Tensor]]


def _aligned(tracks: Tensor, reference: Tensor, sample_rate: int) -> Judge:
    """The loudest stretch of tracks and reference, and the loss of a mix of it."""
    length = min(round(EXCERPT_S * sample_rate), tracks.shape[-1])
    start = _loudest(reference, length)
    target = reference[None, :, start : start + length]
    return tracks[..., start : start + length], lambda y: multi_resolution_stft(y, target).mean()


def _alike(tracks: Tensor, reference: Tensor, sample_rate: int, ears: Any) -> Judge:
    """The loudest stretch of the tracks, and how unlike the whole reference a mix of it is."""
    length = min(round(EXCERPT_S * sample_rate), tracks.shape[-1])
    start = _loudest(tracks.expand(-1, -1, 2, -1).sum((0, 1)), length)
    ears = ears or _ears()
    with torch.no_grad():
        clips = excerpts(reference, sample_rate)
        wanted = measure(clips, SAMPLE_RATE).mean(0, keepdim=True)
        heard = F.normalize(ears(clips).mean(0, keepdim=True), dim=1)

    def judge(y: Tensor) -> Tensor:
        apart = F.smooth_l1_loss(
            measure(y, sample_rate) * WEIGHTS, wanted * WEIGHTS, reduction="none", beta=0.2
        )
        embedding = 1 - F.cosine_similarity(ears(y), heard).mean()
        return apart.sum() + EMBEDDING_WEIGHT * embedding

    return tracks[..., start : start + length], judge


def _weights() -> Tensor:
    """What each measure counts: all bands of the mid together as much as loudness, and so on."""
    weights = torch.full((len(NAMES),), 0.1)
    for i, name in enumerate(NAMES):
        group = name.partition("_")[0]
        weights[i] = {"loudness": 1.0, "mid": 0.2, "side": 0.15, "balance": 0.5, "crest": 0.3}.get(group, 0.1)
    return weights


WEIGHTS = _weights()


@functools.lru_cache(maxsize=1)
def _ears() -> Any:
    return hub.load("effect")


def _descend(
    console: Console,
    judge: Judge,
    knobs: Knobs,
    there: Tensor,
    sample_rate: int,
    steps: int,
    on_step: Callable[[int, float], None] | None,
) -> Knobs:
    """Adam (Kingma 2015) on the logits of the knobs, along half a cosine; the best setting seen."""
    clip, loss_of = judge
    starts = [z.detach().clamp(EDGE, 1 - EDGE) for z in (knobs.tracks, knobs.shared)]
    logits = [torch.logit(z).requires_grad_() for z in starts]
    adam = torch.optim.Adam(logits, lr=RATE)
    best, least = knobs, math.inf
    for step in range(steps + 1):
        moved = [torch.sigmoid(v) for v in logits]
        now = replace(knobs, tracks=_held(moved[0], knobs.tracks), shared=_held(moved[1], knobs.shared))
        strayed = sum((a - b).square().mean() for a, b in zip(moved, starts, strict=True))
        loss = loss_of(console(clip, sample_rate, now, there)) + PRIOR_WEIGHT * strayed
        value = float(loss.detach())
        if value < least:
            best = replace(now, tracks=now.tracks.detach(), shared=now.shared.detach())
            least = value
        if on_step is not None:
            on_step(step, value)
        if step < steps:
            for group in adam.param_groups:
                group["lr"] = RATE * (0.05 + 0.95 * (1 + math.cos(math.pi * step / steps)) / 2)
            adam.zero_grad()
            loss.backward()
            adam.step()
    return best


def _held(z: Tensor, start: Tensor) -> Tensor:
    """Knobs at the ends of their range stay there: a closed send is closed."""
    return torch.where((start <= EDGE) | (start >= 1 - EDGE), start, z)


def _loudest(x: Tensor, length: int) -> int:
    """Where the loudest stretch of `length` samples of `(C, T)` begins."""
    hop = max(1, length // 4)
    energy = x.unfold(-1, length, hop).square().sum((0, 2))
    return int(energy.argmax()) * hop
