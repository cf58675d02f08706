"""Trim: all faders by one amount, so that the mix is as loud as the reference."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from reprs.audio import loudness
from reprs.console.console import Console
from reprs.console.knobs import Knobs

EXCERPT_S = 6.0
MOST_DB = 6.0  # a part that is silent in the reference shall not silence the mix
ROUNDS = 2  # a master's compressor takes back a part of the first
CLOSED = 0.02


@torch.no_grad()
def trimmed(
    console: Console,
    tracks: Tensor,
    sample_rate: int,
    knobs: Knobs,
    references: list[Tensor],
    reference_rate: int,
    there: Tensor,
) -> Knobs:
    """Knobs whose mixes of `tracks` `(B, N, C, T)` are as loud as `references`, a `(C, T)` each.

    The loudest 6 s of both are compared (K-weighted, ITU-R BS.1770). A closed fader stays closed.
    """
    wanted = torch.cat([_loudness(x, reference_rate) for x in references])
    length = min(round(EXCERPT_S * sample_rate), tracks.shape[-1])
    clips = torch.stack([mix[..., (start := loudest(mix.sum(0), length)) : start + length] for mix in tracks])
    place = list(console.track_params).index("fader_db")
    param = console.track_params["fader_db"]
    active = there.any(1)
    for _ in range(ROUNDS if console.master is not None else 1):
        found = loudness.power(console(clips, sample_rate, knobs, there), sample_rate)
        gain_db = torch.where(active, wanted - found, 0).clamp(-MOST_DB, MOST_DB)
        fader = knobs.tracks[:, :, place]
        moved = param.to_unit(param.from_unit(fader) + gain_db[:, None])
        turned = knobs.tracks.clone()
        turned[:, :, place] = torch.where((fader > CLOSED) & there, moved, fader)
        knobs = replace(knobs, tracks=turned)
    return knobs


def loudest(x: Tensor, length: int) -> int:
    """Where the loudest stretch of `length` samples of `(C, T)` begins."""
    hop = max(1, length // 4)
    return int(x.unfold(-1, length, hop).square().sum((0, 2)).argmax()) * hop


def _loudness(x: Tensor, sample_rate: int) -> Tensor:
    x = x.float() if x.shape[0] <= 2 else x.float().mean(0, keepdim=True)
    length = min(round(EXCERPT_S * sample_rate), x.shape[1])
    start = loudest(x, length)
    return loudness.power(x[None, :, start : start + length].expand(1, 2, -1), sample_rate)
