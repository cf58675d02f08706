"""Transient shaper."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from reprs.effects.ballistics import smooth_channels, step_size
from reprs.effects.by_item import by_item
from reprs.effects.level import amplify, peak_db
from reprs.effects.selections import hold_channels
from reprs.effects.spec import Param, effect

# Quieter than this counts as silence, so that noise before an onset does not make it a larger one.
SILENCE_DB = -80.0
FAST_ATTACK_MS, FAST_RELEASE_MS = 0.5, 15.0
# Bridges the zero crossings of all but the lowest notes, so that a steady tone has a steady level.
HOLD_MS = 10.0
# Envelopes this far apart get three quarters of the knob.
FULL_DB = 12.0


@effect
def transient_shaper(
    x: Tensor,
    sample_rate: int,
    attack_gain_db: Annotated[Tensor, Param(-24, 24, default=0)],
    sustain_gain_db: Annotated[Tensor, Param(-24, 24, default=0)],
    attack_ms: Annotated[Tensor, Param(2, 200, default=20, scale="log")],
    sustain_ms: Annotated[Tensor, Param(30, 2_000, default=300, scale="log")],
    *,
    stereo_link: bool = True,
    sidechain: Tensor | None = None,
) -> Tensor:
    """Raise or lower onsets and tails, at any level: there is no threshold.

    An onset is where a fast envelope is above one that takes `attack_ms` to rise; a tail, where it is below
    one that takes `sustain_ms` to fall (Gier and White 1998, the "differential envelope technology" of SPL).
    The gain follows tanh of each difference in dB. All listen to the largest sample of the last 10 ms. Attack
    and sustain are times to 63 %, of the branching smoother of Giannoulis, Massberg and Reiss (2012).
    """

    def gain(
        attack_gain_db: Tensor, sustain_gain_db: Tensor, fast: Tensor, late: Tensor, long: Tensor
    ) -> Tensor:
        onset, tail = torch.tanh((fast - late) / FULL_DB), torch.tanh((long - fast) / FULL_DB)
        return attack_gain_db * onset + sustain_gain_db * tail

    def envelope(rise_ms: Tensor, fall_ms: Tensor) -> Tensor:
        return smooth_channels(level_db, step_size(rise_ms, sample_rate), step_size(fall_ms, sample_rate))

    key = x if sidechain is None else sidechain
    level_db = by_item(lambda key: (peak_db(key, stereo_link) - SILENCE_DB).clamp(min=0), key)
    level_db = hold_channels(level_db, torch.full_like(attack_ms, HOLD_MS) * (sample_rate / 1000))
    rise_ms, fall_ms = (torch.full_like(attack_ms, ms) for ms in (FAST_ATTACK_MS, FAST_RELEASE_MS))
    pairs = (rise_ms, fall_ms), (attack_ms, fall_ms), (rise_ms, sustain_ms)
    knobs = (knob[:, None, None] for knob in (attack_gain_db, sustain_gain_db))
    gain_db = by_item(gain, *knobs, *(envelope(*pair) for pair in pairs))
    return by_item(amplify, x, gain_db)
