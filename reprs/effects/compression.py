"""Downward compression with a soft knee: what compressor and limiter, single and multiband, have in common.

Level, static curve, smoother and gain are plain torch operations around `ballistics.smooth`; float32 clips on
a CPU take one compiled pass over the audio instead, which has an adjoint of its own.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.effects.ballistics import smooth_channels
from reprs.effects.by_item import by_item
from reprs.effects.level import amplify, peak_db

# The floor is inaudible and keeps 0 / 0 out of the gradient of a hard knee.
HARD_KNEE_DB = 1e-4


def compress(
    x: Tensor,
    key: Tensor | None,
    threshold_db: Tensor,
    slope: Tensor,
    knee_db: Tensor,
    makeup_db: Tensor,
    rise: Tensor,
    fall: Tensor,
    stereo_link: bool,
) -> Tensor:
    """`x` `(B, C, T)` with `slope` dB taken off for each dB of `key` above the threshold, and make-up added.

    Knobs are `(B,)`; `slope` is 1 - 1 / ratio; `rise` and `fall` are `ballistics.step_size`s of attack and
    release. Without a `key` `x` is its own. Linked channels get one gain, from the loudest of them: a sum
    would move with their correlation. (Giannoulis, Massberg and Reiss 2012.)
    """
    channels = x.shape[1]
    knobs = [threshold_db, slope, knee_db, makeup_db, rise, fall]
    if not stereo_link and channels > 1:
        knobs = [knob.repeat_interleave(channels) for knob in knobs]
        x, key = x.reshape(-1, 1, x.shape[-1]), key if key is None else key.reshape(-1, 1, x.shape[-1])
    run = _in_one_pass if _fits_one_pass(x) else _step_by_step
    return run(x, key, *knobs).view(-1, channels, x.shape[-1])


def _fits_one_pass(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32 and not timeline.in_pieces()


def _step_by_step(x: Tensor, key: Tensor | None, *knobs: Tensor) -> Tensor:
    threshold_db, slope, knee_db, makeup_db = (knob[:, None, None] for knob in knobs[:4])

    def wanted(key: Tensor, threshold_db: Tensor, slope: Tensor, knee_db: Tensor) -> Tensor:
        return slope * above(peak_db(key, True) - threshold_db, knee_db)

    def applied(x: Tensor, makeup_db: Tensor, reduction_db: Tensor) -> Tensor:
        return amplify(x, makeup_db - reduction_db)

    wanted_db = by_item(wanted, x if key is None else key, threshold_db, slope, knee_db)
    return by_item(applied, x, makeup_db, smooth_channels(wanted_db, *knobs[4:]))


def above(over_db: Tensor, knee_db: Tensor) -> Tensor:
    """`max(over_db, 0)` with its corner rounded over `knee_db`."""
    knee_db = knee_db.clamp(min=HARD_KNEE_DB)
    inside_db = torch.clamp(over_db + knee_db / 2, min=torch.zeros_like(knee_db), max=knee_db)
    return inside_db.square() / (2 * knee_db) + torch.relu(over_db - knee_db / 2)


def _in_one_pass(x: Tensor, key: Tensor | None, *knobs: Tensor) -> Tensor:
    x, key = x.contiguous(), key if key is None else key.contiguous()
    levels = [knob.float() for knob in (*knobs[:2], knobs[2].clamp(min=HARD_KNEE_DB), knobs[3])]
    steps = [knob.double() for knob in knobs[4:]]
    tensors = [x, *([] if key is None else [key]), *levels, *steps]
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        return _ride(x, key, *levels, *steps)[0]
    return _forward(x, key, *levels, *steps, keep=False)[0]


def _forward(x: Tensor, key: Tensor | None, *knobs: Tensor, keep: bool) -> tuple[Tensor, Tensor]:
    from reprs.effects.compiled import gain_ride

    y = torch.empty_like(x)
    smoothed_db = x.new_empty(len(x), x.shape[-1] if keep else 0)
    _over_items(gain_ride.ride, x, x if key is None else key, *knobs, smoothed_db, y)
    return y, smoothed_db


@torch.library.custom_op("reprs::ride", mutates_args=(), device_types="cpu")
def _ride(
    x: Tensor,
    key: Tensor | None,
    threshold_db: Tensor,
    slope: Tensor,
    knee_db: Tensor,
    makeup_db: Tensor,
    rise: Tensor,
    fall: Tensor,
) -> tuple[Tensor, Tensor]:
    return _forward(x, key, threshold_db, slope, knee_db, makeup_db, rise, fall, keep=True)


@_ride.register_fake
def _(x: Tensor, key: Tensor | None, *knobs: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), x.new_empty(len(x), x.shape[-1])


@torch.library.custom_op("reprs::ride_backward", mutates_args=(), device_types="cpu")
def _ride_backward(
    g: Tensor,
    x: Tensor,
    key: Tensor | None,
    threshold_db: Tensor,
    slope: Tensor,
    knee_db: Tensor,
    makeup_db: Tensor,
    rise: Tensor,
    fall: Tensor,
    smoothed_db: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    from reprs.effects.compiled import gain_ride_backward

    g_x = torch.empty_like(x)
    g_key = x.new_empty(0) if key is None else torch.zeros_like(key)
    g_knobs = torch.zeros(6, len(x), dtype=torch.float64)
    audio = [g, x, x if key is None else key]
    knobs = [threshold_db, slope, knee_db, makeup_db, rise, fall]
    gradients = [g_x, g_x if key is None else g_key, g_knobs]
    _over_items(gain_ride_backward.ride_backward, *audio, *knobs, smoothed_db, *gradients)
    return g_x, g_key, g_knobs


@_ride_backward.register_fake
def _(g: Tensor, x: Tensor, key: Tensor | None, *rest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    g_key = x.new_empty(0) if key is None else torch.empty_like(key)
    return torch.empty_like(x), g_key, x.new_empty(6, len(x), dtype=torch.float64)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.has_key = inputs[1] is not None
    ctx.save_for_backward(*(a for a in inputs if a is not None), output[1])


def _backward(ctx: Any, g: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    saved = list(ctx.saved_tensors)
    if not ctx.has_key:
        saved.insert(1, None)
    g_x, g_key, g_knobs = _ride_backward(g.contiguous(), *saved)
    knobs = (row.to(knob.dtype) for row, knob in zip(g_knobs, saved[2:8], strict=True))
    return g_x, g_key if ctx.has_key else None, *knobs


_ride.register_autograd(_backward, setup_context=_save)


def _over_items(kernel: Any, *tensors: Tensor) -> None:
    from reprs.audio.lanes import over_groups
    from reprs.effects.compiled.gain_ride import LANES

    arrays = [tensor.detach().numpy() for tensor in tensors]
    over_groups(functools.partial(kernel, *arrays), len(tensors[0]), torch.get_num_threads(), LANES)
