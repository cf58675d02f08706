"""A recirculating delay line with a low-pass in its loop: the core of the delay and of the room.

`q = G(v + feedback · q)` with `G` a fractional delay (Catmull and Rom 1974) followed by a one-pole low-pass.
On the CPU the recursion runs as written. Elsewhere it is the finite geometric series of its echoes, summed in
closed form on an FFT grid long enough that no echo wraps around.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.effects import moving
from reprs.effects.delay_line import catmull_rom
from reprs.effects.fft import good_size


def echoes(v: Tensor, delay_samples: Tensor, feedback: Tensor, pole: Tensor) -> Tensor:
    """All echoes of `v` `(R, T)` without the direct sound.

    `delay_samples` float64 `(R,)` at least 3; `feedback` `(R,)` of magnitude below 1; `pole` `(R,)` in
    [0, 1), 0 for no low-pass.
    """
    if timeline.in_pieces():
        return _echoes_in_pieces(v, delay_samples, feedback, pole)
    whole = delay_samples.detach().floor()
    taps = catmull_rom(delay_samples - whole)
    run = _echoes if v.device.type == "cpu" else echoes_by_fft
    return run(v, whole.long(), taps, feedback.double(), pole.double())


def _echoes_in_pieces(v: Tensor, delay_samples: Tensor, feedback: Tensor, pole: Tensor) -> Tensor:
    """A block of a stream, or knobs that move: a delay then glides as the head of a tape machine does."""
    fold, slot = timeline.folded(), timeline.carried()
    knobs = (delay_samples, feedback.double(), pole.double())
    if fold is not None:
        joined = [fold.join_rows(tensor) for tensor in (v, *knobs)]
        return fold.split_rows(moving.echoes(*joined))
    return moving.echoes(v, *(knob[:, None].expand_as(v) for knob in knobs), slot=slot)


def delayed(v: Tensor, delay_samples: Tensor) -> Tensor:
    """`v` `(R, T)` once, `delay_samples` float64 `(R,)` (at least 3) later, and nothing more."""
    nothing = torch.zeros_like(delay_samples)
    return echoes(v, delay_samples, nothing, nothing)


def echoes_by_fft(v: Tensor, whole: Tensor, taps: Tensor, feedback: Tensor, pole: Tensor) -> Tensor:
    """Plain torch: `Σ_k G (feedback G)^k` over the `count` echoes that can fall inside the clip."""
    length = v.shape[1]
    count = torch.div(length, whole - 1, rounding_mode="floor") + 1
    n = good_size(length + _tail(count, whole, pole))
    bins = torch.arange(n // 2 + 1, device=v.device, dtype=torch.float64)
    z = torch.polar(torch.ones_like(bins), bins * (-2 * math.pi / n))[None]
    # Reduced in integers: the phase of a late echo would lose its digits in floating point.
    angle = ((whole - 1)[:, None] * bins.long() % n).double() * (-2 * math.pi / n)
    c = taps[:, :, None]
    loop = (c[:, 0] + z * (c[:, 1] + z * (c[:, 2] + z * c[:, 3]))) * torch.polar(
        torch.ones_like(angle), angle
    )
    loop = loop * (1 - pole)[:, None] / (1 - pole[:, None] * z)
    again = feedback[:, None] * loop
    response = loop * (1 - _power(again, count)) / (1 - again)
    spectrum = torch.fft.rfft(v, n=n)
    return torch.fft.irfft(spectrum * response.to(spectrum.dtype), n=n)[:, :length]


def _tail(count: Tensor, whole: Tensor, pole: Tensor) -> int:
    """Samples after which the last echo of every row has died, its repeated low-pass included."""
    smear = 1 / (1 - pole.detach())
    rest = smear * (count + 16 * count.sqrt() + 32)
    return int((count * (whole + 3) + rest).max().item()) + 1


def _power(base: Tensor, exponent: Tensor) -> Tensor:
    """`base ** exponent` by squaring, an integer exponent a row: no logarithm, no NaN where base is 0."""
    result = torch.ones_like(base)
    exponent = exponent.clone()
    while bool((exponent > 0).any()):
        result = torch.where((exponent % 2 == 1)[:, None], result * base, result)
        exponent = exponent // 2
        base = base * base
    return result


@torch.library.custom_op("reprs::echoes", mutates_args=())
def _echoes(v: Tensor, whole: Tensor, taps: Tensor, feedback: Tensor, pole: Tensor) -> Tensor:
    from reprs.effects.compiled import delay_line

    q = torch.empty_like(v, memory_format=torch.contiguous_format)
    delay_line.echoes(*_arrays(v, whole, taps, feedback, pole, q))
    return q


@torch.library.custom_op("reprs::echoes_backward", mutates_args=())
def _echoes_backward(
    g: Tensor, v: Tensor, whole: Tensor, taps: Tensor, feedback: Tensor, pole: Tensor, q: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    from reprs.effects.compiled import delay_line

    gv = _echoes(g.flip(1), whole, taps, feedback, pole).flip(1).contiguous()
    grads = torch.empty_like(taps), torch.empty_like(feedback), torch.empty_like(pole)
    delay_line.echoes_backward(*_arrays(g, v, whole, taps, feedback, pole, q, gv, *grads))
    return gv, *grads


@_echoes.register_fake
def _(v: Tensor, whole: Tensor, taps: Tensor, feedback: Tensor, pole: Tensor) -> Tensor:
    return v.new_empty(v.shape)


@_echoes_backward.register_fake
def _(
    g: Tensor, v: Tensor, whole: Tensor, taps: Tensor, feedback: Tensor, pole: Tensor, q: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return tuple(t.new_empty(t.shape) for t in (v, taps, feedback, pole))  # type: ignore[return-value]


def _arrays(*tensors: Tensor) -> list:
    return [t.contiguous().numpy() for t in tensors]


def _save(ctx, inputs, output) -> None:
    ctx.save_for_backward(*inputs, output)


def _backward(ctx, g: Tensor):
    gv, gtaps, gfeedback, gpole = _echoes_backward(g, *ctx.saved_tensors)
    return gv, None, gtaps, gfeedback, gpole


_echoes.register_autograd(_backward, setup_context=_save)
