"""Peak hold and hysteresis: recursions whose every output is one of their inputs.

So the compiled loop only says which one, and gathering it is differentiable. On other devices both are
compositions of maxima and minima, run in log₂ T parallel steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reprs.audio import timeline


def hold_channels(x: Tensor, samples: Tensor) -> Tensor:
    """`hold` for `(B, C, T)`, with `samples` `(B,)`."""
    rows, samples = x.flatten(0, 1), samples.double().repeat_interleave(x.shape[1])
    fold, slot = timeline.folded(), timeline.carried()
    if fold is not None:
        return fold.split_rows(hold(fold.join_rows(rows), fold.join_rows(samples))).view_as(x)
    if slot is None:
        return hold(rows, samples[:, None]).view_as(x)
    heard = rows if slot.state is None else torch.cat([slot.state, rows], dim=1)
    slot.state = heard[:, -int(samples.max()) - 1 :].clone()
    return hold(heard, samples[:, None])[:, -rows.shape[1] :].view_as(x)


def play_channels(low: Tensor, high: Tensor) -> Tensor:
    """`play` for `(B, C, T)`."""
    rows = [bound.flatten(0, 1) for bound in (low, high)]
    fold, slot = timeline.folded(), timeline.carried()
    if fold is not None:
        return fold.split_rows(play(*map(fold.join_rows, rows))).view_as(low)
    if slot is None:
        return play(*rows).view_as(low)
    if slot.state is not None:
        rows = [torch.cat([slot.state, bound], dim=1) for bound in rows]
    w = play(*rows)
    slot.state = w[:, -1:].clone()
    return w[:, -low.shape[2] :].view_as(low)


def hold(x: Tensor, samples: Tensor) -> Tensor:
    """The largest of `x` `(R, T)` now and up to `samples` `(R, T)` or `(R, 1)` ago, differentiable in both.

    Between two whole numbers of samples it is interpolated. What has been let go stays so when the time
    grows.
    """
    now = torch.arange(x.shape[1], device=x.device)
    before = samples.detach().floor().long()
    if samples.shape[1] > 1:
        before = now - (now - before).cummax(dim=1).values
    largest = _largest if x.device.type == "cpu" else largest_by_doubling
    held = largest(x, before)
    part = (samples - samples.detach().floor()).to(x.dtype)
    if not samples.requires_grad and not part.any():
        return held
    earlier = now - before - 1
    leaving = torch.where(earlier >= 0, x.gather(1, earlier.clamp(min=0)), held)
    return held + part * torch.relu(leaving - held)


def play(low: Tensor, high: Tensor) -> Tensor:
    """`w[t] = min(max(w[t-1], low[t]), high[t])` from 0, all `(R, T)`: the play operator with two curves.

    The output stays where it is until `low` pushes it up or `high` down (Visintin 1994, "Differential models
    of hysteresis").
    """
    if low.device.type != "cpu":
        return play_by_scan(low, high)
    index = torch.empty(low.shape, dtype=torch.int64)
    _run("play", low, high, index)
    return torch.cat([low, high, low.new_zeros(len(low), 1)], dim=1).gather(1, index)


def _largest(x: Tensor, before: Tensor) -> Tensor:
    index = torch.empty(x.shape, dtype=torch.int64)
    _run("running_argmax", x, before, index)
    return x.gather(1, index)


def _run(kernel: str, *tensors: Tensor) -> None:
    from reprs.effects.compiled import selections

    loop: Callable[..., Any] = getattr(selections, kernel)
    loop(*(tensor.detach().contiguous().numpy() for tensor in tensors))


def largest_by_doubling(x: Tensor, before: Tensor) -> Tensor:
    """The largest of `x[t - before … t]`: two windows of a power of two cover any window."""
    count = before.clamp(max=x.shape[1] - 1) + 1
    result, size, window = x, 1, x
    while size <= int(count.max()):
        shift = (count - size).clamp(min=0)
        here = (count >= size) & (count < 2 * size)
        result = torch.where(here, torch.maximum(window, _shifted(window, shift)), result)
        window = torch.maximum(window, _shifted(window, torch.full_like(count, size)))
        size *= 2
    return result


def _shifted(x: Tensor, by: Tensor) -> Tensor:
    """`x[t - by]`, the first sample before the start."""
    return x.gather(1, (torch.arange(x.shape[1], device=x.device) - by).clamp(min=0))


def play_by_scan(low: Tensor, high: Tensor) -> Tensor:
    """`play` without a sequential loop: a clamp after a clamp is a clamp (Blelloch 1990 for the scan)."""
    low, high = _clamps(low, torch.maximum(low, high))
    return torch.minimum(torch.relu(low), high)


def _clamps(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds of all clamps up to each time, composed."""
    length = low.shape[1]
    if length == 1:
        return low, high
    if length % 2:
        low, high = (torch.nn.functional.pad(bound, (0, 1)) for bound in (low, high))
    first, second = (low[:, ::2], high[:, ::2]), (low[:, 1::2], high[:, 1::2])
    odd = _clamps(*_then(*first, *second))
    earlier = [torch.cat([mine[:, :1], past[:, :-1]], 1) for mine, past in zip(first, odd, strict=True)]
    even = _then(earlier[0], earlier[1], *first)
    joined = [torch.stack(pair, dim=2).flatten(1)[:, :length] for pair in zip(even, odd, strict=True)]
    return joined[0], joined[1]


def _then(low: Tensor, high: Tensor, next_low: Tensor, next_high: Tensor) -> tuple[Tensor, Tensor]:
    # Not `clamp`, which has no gradient where both bounds are one value.
    within = (torch.minimum(torch.maximum(bound, next_low), next_high) for bound in (low, high))
    return next(within), next(within)
