"""Attack and release: a smoother with one time constant up and another down.

The branching smoother of Giannoulis, Massberg and Reiss (2012) is sequential. On a CPU it is a compiled
loop; on a GPU the branches are guessed, the recursion they make is linear and solved by a parallel scan,
and the guess is corrected until it holds. The gradient is a linear recursion with the branches taken, run
backwards in time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.effects import moving

SCANS = 40
SETTLED_DB = 1e-9


def step_size(time_ms: Tensor, sample_rate: int) -> Tensor:
    """The part of a jump that one sample makes up for, float64, where `time_ms` is the time to 63 % of
    the jump."""
    return -torch.expm1(-1000 / (time_ms.double() * sample_rate))


def smooth_channels(r: Tensor, rise: Tensor, fall: Tensor) -> Tensor:
    """`smooth` for `(B, C, T)`, with steps `(B,)`."""
    channels = r.shape[1]
    if timeline.in_pieces():
        return _smooth_in_pieces(r, rise, fall)
    rows: Tensor = smooth(
        r.flatten(0, 1).contiguous(), rise.repeat_interleave(channels), fall.repeat_interleave(channels)
    )
    return rows.view_as(r)


def _smooth_in_pieces(r: Tensor, rise: Tensor, fall: Tensor) -> Tensor:
    """A block of a stream, or steps that move."""
    fold, slot = timeline.folded(), timeline.carried()
    rows = r.flatten(0, 1)
    steps = [step.repeat_interleave(r.shape[1]) for step in (rise, fall)]
    if fold is not None:
        joined = [fold.join_rows(tensor) for tensor in (rows, *steps)]
        return fold.split_rows(moving.smooth(*joined)).view_as(r)
    return moving.smooth(rows, *(step[:, None].expand_as(rows) for step in steps), slot=slot).view_as(r)


@torch.library.custom_op("reprs::smooth", mutates_args=(), device_types="cpu")
def smooth(r: Tensor, rise: Tensor, fall: Tensor) -> Tensor:
    """`y[t] = y[t-1] + b (r[t] - y[t-1])` from rest, `b = rise` where `r[t] > y[t-1]`, else `b = fall`.

    `r` `(R, T)`; `rise`, `fall` `(R,)` float64, see `step_size`. Differentiable in all three.
    """
    from reprs.effects.compiled import smoother

    y = torch.empty_like(r, memory_format=torch.contiguous_format)
    _over_rows(smoother.smooth, r, rise, fall, y)
    return y


@smooth.register_kernel("cuda")
def smooth_by_scans(r: Tensor, rise: Tensor, fall: Tensor) -> Tensor:
    """`smooth` without a sequential loop: scan, correct the branches, repeat until they hold."""
    exact, rise_, fall_ = r.double(), rise[:, None], fall[:, None]
    rising = exact > _delayed(exact)
    y = torch.full_like(exact, torch.inf)
    for _ in range(SCANS):
        before = y
        b = torch.where(rising, rise_, fall_)
        y = linear_scan(1 - b, b * exact)
        corrected = exact > _delayed(y)
        # Where r and y meet, rounding alone may flip the branch: it no longer moves y.
        if torch.equal(rising, corrected) or bool((y - before).abs().max() <= SETTLED_DB):
            return y.to(r.dtype)
        rising = corrected
    return torch.ops.reprs.smooth(r.cpu(), rise.cpu(), fall.cpu()).to(r.device)


@smooth.register_fake
def _(r: Tensor, rise: Tensor, fall: Tensor) -> Tensor:
    return torch.empty_like(r, memory_format=torch.contiguous_format)


@torch.library.custom_op("reprs::smooth_backward", mutates_args=(), device_types="cpu")
def smooth_backward(
    g: Tensor, r: Tensor, y: Tensor, rise: Tensor, fall: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `smooth` with respect to `r`, `rise` and `fall`, from that of its output `y`."""
    from reprs.effects.compiled import smoother

    g_r = torch.empty_like(r, memory_format=torch.contiguous_format)
    g_rise, g_fall = torch.empty_like(rise), torch.empty_like(fall)
    _over_rows(smoother.smooth_backward, g, r, y, rise, fall, g_r, g_rise, g_fall)
    return g_r, g_rise, g_fall


def _over_rows(kernel: Callable[..., None], first: Tensor, *rest: Tensor) -> None:
    from reprs.audio.lanes import over_groups

    arrays = [tensor.detach().numpy() for tensor in (first, *rest)]
    over_groups(functools.partial(kernel, *arrays), len(first), torch.get_num_threads())


@smooth_backward.register_kernel("cuda")
def smooth_backward_by_scan(
    g: Tensor, r: Tensor, y: Tensor, rise: Tensor, fall: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """`smooth_backward` without a sequential loop."""
    step = r.double() - _delayed(y.double())
    rising = step > 0
    b = torch.where(rising, rise[:, None], fall[:, None])
    keep = torch.cat([1 - b[:, 1:], torch.zeros_like(b[:, :1])], dim=1)
    arriving = linear_scan(keep.flip(1), g.double().flip(1)).flip(1)
    moved = arriving * step
    falling = torch.where(rising, 0, moved)
    return (b * arriving).to(r.dtype), (moved - falling).sum(dim=1), falling.sum(dim=1)


@smooth_backward.register_fake
def _(g: Tensor, r: Tensor, y: Tensor, rise: Tensor, fall: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(r), torch.empty_like(rise), torch.empty_like(fall)


def _save(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs, output)


def _backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r, rise, fall, y = ctx.saved_tensors
    gradients: tuple[Tensor, Tensor, Tensor] = smooth_backward(g.contiguous(), r, y, rise, fall)
    return gradients


smooth.register_autograd(_backward, setup_context=_save)


def linear_scan(keep: Tensor, add: Tensor) -> Tensor:
    """`s[t] = keep[t] s[t-1] + add[t]` from rest, `(R, T)`, in log₂ T parallel steps (Blelloch 1990)."""
    length = add.shape[1]
    if length == 1:
        return add
    if length % 2:
        keep, add = (torch.nn.functional.pad(tensor, (0, 1)) for tensor in (keep, add))
    keep0, keep1, add0, add1 = keep[:, ::2], keep[:, 1::2], add[:, ::2], add[:, 1::2]
    odd = linear_scan(keep0 * keep1, keep1 * add0 + add1)
    even = keep0 * _delayed(odd) + add0
    return torch.stack([even, odd], dim=2).flatten(1)[:, :length]


def _delayed(x: Tensor) -> Tensor:
    return torch.nn.functional.pad(x, (1, -1))
