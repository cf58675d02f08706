"""More or less of a setting: every knob nearer to where it does nothing, or farther from there."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.effects import Param

# How a knob's name ends → where it does nothing; others stay as they are.
AT_REST = {
    "gain_db": 0.0,
    "makeup_db": 0.0,
    "ratio": 1.0,
    "ceiling_db": 0.0,
    ".mix": 0.0,
    "stereo_width.width": 1.0,
    "highpass.cutoff_hz": 20.0,
    "fader_db": 0.0,
    "pan": 0.0,
}


def scaled(console: Console, knobs: Knobs, amount: float) -> Knobs:
    """`amount` times as much of gains in dB, slopes, widths, pans, mixes and sends; 0 is nothing."""
    if amount == 1:
        return knobs
    if amount == 0:
        neutral = console.neutral(*knobs.tracks.shape[:2])
        return replace(neutral, patch=knobs.patch)
    tracks = [
        _scaled(*each, amount)
        for each in zip(console.track_params.items(), knobs.tracks.unbind(2), strict=True)
    ]
    shared = [
        _scaled(*each, amount)
        for each in zip(console.shared_params.items(), knobs.shared.unbind(1), strict=True)
    ]
    return replace(
        knobs, tracks=torch.stack(tracks, 2), shared=torch.stack(shared, 1) if shared else knobs.shared
    )


def _scaled(knob: tuple[str, Param], z: Tensor, amount: float) -> Tensor:
    name, param = knob
    if name.endswith("send_db"):  # a send is as much as its amplitude says, and nothing at its end
        return param.to_unit(param.from_unit(z) + 20 * math.log10(amount)) * (z > 0)
    rest = next((value for end, value in AT_REST.items() if name.endswith(end)), None)
    if rest is None:
        return z
    origin = param.to_unit(torch.tensor(rest))
    return (origin + amount * (z - origin)).clamp(0, 1)
