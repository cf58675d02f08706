"""Reverb of a feedback delay network."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.by_item import by_item
from reprs.effects.delay_line import shifted
from reprs.effects.feedback_network import fits_lanes, network, reverb_in_lanes
from reprs.effects.spec import Param, effect

# Spread evenly on a logarithmic axis, then moved a little apart so that few echoes coincide.
DELAYS_MS = (
    (31.71, 39.73, 51.97, 67.39),
    (29.63, 34.13, 38.57, 43.49, 49.81, 55.37, 62.83, 70.61),
    (
        27.83,
        29.47,
        31.69,
        33.73,
        36.19,
        38.39,
        41.03,
        43.79,
        46.61,
        49.87,
        53.09,
        56.81,
        60.47,
        64.33,
        68.71,
        73.27,
    ),
)
NEPERS_60_DB = math.log(1000)
# A filter of first order cannot lose more than this in one pass without losing lows, too.
DEEPEST_DB = 40


@effect(linear=True)
def fdn(
    x: Tensor,
    sample_rate: int,
    size: Annotated[Tensor, Param(0.2, 1.5, default=0.7)],
    decay_s: Annotated[Tensor, Param(0.2, 10, default=1.5, scale="log")],
    high_decay: Annotated[Tensor, Param(0.1, 1, default=0.4)],
    crossover_hz: Annotated[Tensor, Param(500, 10_000, default=3_000, scale="log")],
    pre_delay_ms: Annotated[Tensor, Param(1, 100, default=10, scale="log")],
    width: Annotated[Tensor, Param(0, 1, default=1)],
    mix: Annotated[Tensor, Param(0, 1, default=0.25)],
    *,
    lines: int = 8,
) -> Tensor:
    """Delay lines that feed each other through a lossless matrix (Jot and Chaigne 1991).

    `decay_s` is the time to -60 dB of the lows, `high_decay` times it that of the highs; a shelf in every
    line, as deep as the line is long, changes over at `crossover_hz`. `size` scales the delays (30-71 ms).
    Run as the exact recursion, with no cut-off. Unit energy for white input at `high_decay` 1, whatever the
    other knobs. `width` keeps the channels apart (1) or takes their mean (0). `lines`: 4, 8 or 16.
    """
    if lines not in (4, 8, 16) or x.shape[1] > lines:
        raise ValueError(f"fdn: lines is 4, 8 or 16 and at least the {x.shape[1]} channels, got {lines}")
    delays, shelves, level = _design(sample_rate, lines, x.shape[1], size, decay_s, high_decay, crossover_hz)
    early = pre_delay_ms.double() * (sample_rate / 1000)
    # Of the dry signal, of each channel's echo and of the mean of all channels' echoes.
    shares = torch.stack([1 - mix.double(), level * mix * width, level * mix * (1 - width)], dim=1)
    shares = shares.to(x.dtype)
    if fits_lanes(x, delays, shelves, early, shares):
        return reverb_in_lanes(x, early, delays, shelves, shares)
    return by_item(_render, x, early, delays, shelves, shares)


def _render(x: Tensor, early: Tensor, delays: Tensor, shelves: Tensor, shares: Tensor) -> Tensor:
    late = shifted(x.flatten(0, 1), early.repeat_interleave(x.shape[1])).view_as(x)
    wet = network(late, delays, shelves)
    dry, own, mean = shares[:, :, None, None].unbind(1)
    # In place: fresh memory for a clip costs as much time as the arithmetic.
    return (x * dry).addcmul_(wet, own).addcmul_(wet.mean(1, keepdim=True), mean)


def _design(sample_rate: int, lines: int, channels: int, *knobs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Delays in samples and filters of the lines, and the gain that gives them unit energy: float64."""
    size, decay_s, high_decay, crossover_hz = (knob.double() for knob in knobs)
    delays = size[:, None] * size.new_tensor(DELAYS_MS[lines // 8]) * (sample_rate / 1000)
    rate = NEPERS_60_DB / (sample_rate * decay_s[:, None])
    shelves = _shelves(-rate * delays, 1 / high_decay[:, None], sample_rate, crossover_hz[:, None])
    # In a lossless matrix every line holds the mean power of all.
    kept = torch.exp(-2 * rate * delays).mean(1)
    return delays, shelves, torch.sqrt(channels / lines * (1 - kept) / kept)


def _shelves(low: Tensor, steeper: Tensor, sample_rate: int, crossover_hz: Tensor) -> Tensor:
    """exp(`low`) below the crossover and exp(`steeper` · `low`) above it, by the bilinear transform.

    (1 + r s) / (1 + s / r) falls by r² from low to high, half of it (in dB) at s = 1.
    """
    deepest = -DEEPEST_DB / 20 * math.log(10)
    r = torch.exp(((steeper - 1) * low).clamp(min=deepest) / 2)
    # Above a quarter of the rate the pole would turn negative, where float32 loses digits.
    tangent = torch.tan(math.pi / sample_rate * crossover_hz.clamp(max=sample_rate / 4))
    scale = 1 / (tangent + 1 / r)
    level = torch.exp(low) * scale
    return torch.stack([level * (tangent + r), level * (tangent - r), (1 / r - tangent) * scale], dim=-1)
