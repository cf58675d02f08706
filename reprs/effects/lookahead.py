"""Gain reduction that begins before the peak it is for, so that a limiter need not jump."""

from __future__ import annotations

import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.effects.ballistics import smooth_channels
from reprs.effects.by_item import by_item
from reprs.effects.selections import hold_channels


def ahead(wanted_db: Tensor, samples: int, fall: Tensor) -> Tensor:
    """A smooth reduction, nowhere less than `wanted_db` `(B, C, T)`, that starts `samples` early.

    The largest of the samples to come, released by the step `fall` `(B,)`, then averaged over as many samples
    gone by: at a peak all that is averaged is at least as large (Hämäläinen 2002, "Smoothing of the control
    signal without clipped output in digital peak limiters"). The output lies in time where `wanted_db` does.
    """
    if samples == 0:
        return smooth_channels(wanted_db, torch.ones_like(fall), fall)
    timeline.whole_clip_only("its lookahead hears audio that is still to come (lookahead_ms=0 does not)")
    padded = torch.nn.functional.pad(wanted_db, (samples, samples))
    held = hold_channels(padded, torch.full_like(fall, samples))[..., samples:]
    released = smooth_channels(held, torch.ones_like(fall), fall)
    return by_item(lambda each: _ramp(each, samples), released)


def _ramp(x: Tensor, samples: int) -> Tensor:
    """The mean over the last `samples` and now; two boxes, so that it has no corners."""
    first = samples // 2
    return _mean(_mean(x.double(), first + 1), samples - first + 1).to(x.dtype)


def _mean(x: Tensor, count: int) -> Tensor:
    """Of `count` neighbours, as many samples shorter less one."""
    total = torch.nn.functional.pad(x.cumsum(dim=-1), (1, 0))
    return (total[..., count:] - total[..., :-count]) / count
