"""A delay line read between its samples, differentiable in the audio and in the delay.

Samples are joined by Catmull and Rom's (1974) cubic: four taps, passive at every frequency, and a slope that
has no jump when the delay passes a whole sample. The compiled loop serves the CPU, plain torch the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from reprs.audio import timeline

# What a stream remembers: 3 s at 44.1 kHz.
LONGEST_SAMPLES = 2**17


def catmull_rom(t: Tensor) -> Tensor:
    """Taps `(..., 4)` for the delays -1, 0, 1, 2 samples around the fraction `t` in [0, 1) of any shape."""
    taps = (
        t * (-0.5 + t * (1.0 - 0.5 * t)),
        1.0 + t * t * (-2.5 + 1.5 * t),
        t * (0.5 + t * (2.0 - 1.5 * t)),
        t * t * (-0.5 + 0.5 * t),
    )
    return torch.stack(taps, dim=-1)


def read(x: Tensor, delay_samples: Tensor) -> Tensor:
    """`x[n - delay[n]]` with silence before the start.

    `x` `(R, T)`; `delay_samples` float64 `(R, T)`, each at least 1.
    """
    fold, slot = timeline.folded(), timeline.carried()
    if fold is not None:
        return fold.split_rows(_read_all(fold.join_rows(x), fold.join_rows(delay_samples)))
    return _read_all(x, delay_samples) if slot is None else _read_on(x, delay_samples, slot)


def _read_all(x: Tensor, delay: Tensor) -> Tensor:
    return _read(x, delay) if x.device.type == "cpu" else read_in_torch(x, delay)


def _read_on(x: Tensor, delay: Tensor, slot: timeline.Slot) -> Tensor:
    """A block of a stream; the slot holds the newest samples before it."""
    reach = int(delay.max()) + 3
    if reach > LONGEST_SAMPLES:
        raise ValueError(f"a stream reaches {LONGEST_SAMPLES} samples back, not {reach}")
    earlier = x.new_zeros(len(x), LONGEST_SAMPLES) if slot.state is None else slot.state
    slot.state = torch.cat([earlier, x], dim=1)[:, -LONGEST_SAMPLES:]
    here = torch.nn.functional.pad(delay, (reach, 0), value=1.0)
    return _read_all(torch.cat([earlier[:, -reach:], x], dim=1), here)[:, reach:]


def read_in_torch(x: Tensor, delay: Tensor) -> Tensor:
    """The same in plain torch operations, on any device."""
    whole = delay.detach().floor()
    taps = catmull_rom(delay - whole)
    now = torch.arange(x.shape[1], device=x.device)
    index = now[None, :, None] - whole.long()[..., None] + torch.tensor([1, 0, -1, -2], device=x.device)
    rows = torch.arange(len(x), device=x.device)[:, None, None]
    values = x[rows, index.clamp(min=0)] * (index >= 0)
    return (taps * values).sum(-1).to(x.dtype)


@torch.library.custom_op("reprs::read_delay_line", mutates_args=())
def _read(x: Tensor, delay: Tensor) -> Tensor:
    from reprs.effects.compiled import delay_line

    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    delay_line.read(x.contiguous().numpy(), delay.contiguous().numpy(), y.numpy())
    return y


@torch.library.custom_op("reprs::read_delay_line_backward", mutates_args=())
def _read_backward(g: Tensor, x: Tensor, delay: Tensor) -> tuple[Tensor, Tensor]:
    from reprs.effects.compiled import delay_line

    gx, gdelay = torch.zeros(x.shape, dtype=torch.float64), torch.empty(x.shape, dtype=torch.float64)
    delay_line.read_backward(*[t.contiguous().numpy() for t in (g, x, delay, gx, gdelay)])
    return gx.to(x.dtype), gdelay


@_read.register_fake
def _(x: Tensor, delay: Tensor) -> Tensor:
    return x.new_empty(x.shape)


@_read_backward.register_fake
def _(g: Tensor, x: Tensor, delay: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), delay.new_empty(x.shape)


_read.register_autograd(
    lambda ctx, g: _read_backward(g, *ctx.saved_tensors),
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
)


def shifted(x: Tensor, delay_samples: Tensor) -> Tensor:
    """`x` `(R, T)` later by `delay_samples` float64 `(R,)`, each at least 1."""
    if timeline.in_pieces():
        return read(x, delay_samples[:, None].expand(x.shape))
    if x.device.type != "cpu":
        return read_in_torch(x, delay_samples[:, None].expand(x.shape))
    whole = delay_samples.detach().floor()
    return _shift(x, whole.long(), catmull_rom(delay_samples - whole))


@torch.library.custom_op("reprs::shift", mutates_args=())
def _shift(x: Tensor, whole: Tensor, taps: Tensor) -> Tensor:
    from reprs.effects.compiled import delay_line

    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    delay_line.shift(*[t.contiguous().numpy() for t in (x, whole, taps, y)])
    return y


@torch.library.custom_op("reprs::shift_backward", mutates_args=())
def _shift_backward(g: Tensor, x: Tensor, whole: Tensor, taps: Tensor) -> tuple[Tensor, Tensor]:
    from reprs.effects.compiled import delay_line

    gtaps = torch.empty_like(taps)
    delay_line.shift_backward(*[t.contiguous().numpy() for t in (g, x, whole, gtaps)])
    return _shift(g.flip(1), whole, taps).flip(1), gtaps


@_shift.register_fake
def _(x: Tensor, whole: Tensor, taps: Tensor) -> Tensor:
    return x.new_empty(x.shape)


@_shift_backward.register_fake
def _(g: Tensor, x: Tensor, whole: Tensor, taps: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), taps.new_empty(taps.shape)


def _shift_gradients(ctx, g: Tensor):
    gx, gtaps = _shift_backward(g, *ctx.saved_tensors)
    return gx, None, gtaps


_shift.register_autograd(
    _shift_gradients, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs)
)
