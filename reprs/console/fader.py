"""Faders, pan pots and sends: gains from knobs that may move."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from reprs.effects import Param, registry
from reprs.effects.automation import at_every_sample
from reprs.effects.processors.pan import balance

FADER = Param(-48, 12, default=0)
SEND = Param(-48, 6, default=-48)
PAN: Param = registry["pan"].params["position"]
# The lowest decibels fade to nothing, so that a knob at its end is off.
FADE_DB = 6.0


def gain(param: Param, db: Tensor) -> Tensor:
    """The amplitude of a fader or a send at `db`: exact above its lowest 6 dB, nothing at its lower end."""
    open_by = ((db - param.min) / FADE_DB).clamp(0, 1)
    return 10 ** (db / 20) * open_by * (2 - open_by)


def values(params: Mapping[str, Param], z: Tensor, samples: int) -> dict[str, Tensor]:
    """Natural values `(R, 1)`, or `(R, T)` where knobs move, from `z` `(R, P)` or `(R, P, frames)`."""
    if z.ndim == 2:
        z = z[..., None]
    path = z[..., :1] if at_rest(z) else at_every_sample(z, samples)
    return {name: param.from_unit(path[:, i]) for i, (name, param) in enumerate(params.items())}


def panned(x: Tensor, position: Tensor) -> Tensor:
    """Mono or stereo `(R, C, T)` → `(R, 2, T)` by the law of the effect `pan`; `position` `(R, T or 1)`.

    √2 cos and √2 sin: the power stays, a sound in the middle keeps its level, one at an end gains 3 dB.
    """
    return x.expand(-1, 2, -1) * balance(x.expand(-1, 2, -1), position)


def at_rest(z: Tensor) -> bool:
    """Whether knobs `(…, frames)` stand still; with a gradient every frame counts for itself."""
    return z.shape[-1] == 1 or (not z.requires_grad and bool(torch.eq(z, z[..., :1]).all()))
