"""Linear convolution by FFT, never a sample off."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reprs.audio import timeline


def convolve(x: Tensor, response: Tensor) -> Tensor:
    """`x` `(..., T)` through `response` `(..., L)`, the first T samples of the linear convolution."""
    if timeline.folded() is not None:
        timeline.whole_clip_only("a response of many samples belongs to one setting of the knobs")
    length, slot = x.shape[-1], timeline.carried()
    n = good_size(length + response.shape[-1] - 1)
    product = torch.fft.rfft(x, n=n) * torch.fft.rfft(response, n=n)
    y = torch.fft.irfft(product, n=n)
    return y[..., :length] if slot is None else _with_earlier_tails(y, length, slot)


def _with_earlier_tails(y: Tensor, length: int, slot: timeline.Slot) -> Tensor:
    """A block of a stream and what rings on from those before (overlap-add)."""
    if slot.state is not None:
        tail = slot.state[..., : y.shape[-1]]
        y = torch.cat([y[..., : tail.shape[-1]] + tail, y[..., tail.shape[-1] :]], dim=-1)
    rest = y[..., length:]
    if slot.state is not None and slot.state.shape[-1] > y.shape[-1]:
        rest = torch.cat([rest, slot.state[..., y.shape[-1] :]], dim=-1)
    slot.state = rest.clone()
    return y[..., :length]


def good_size(n: int) -> int:
    """The smallest even 2^a 3^b 5^c 7^d that is at least `n`: an FFT's fast lengths."""
    odd = [1]
    for prime in (3, 5, 7):
        odd = [q * prime**k for q in odd for k in range(1 + int(math.log(max(n / q, 1), prime)))]
    return min(q * max(2, 1 << (-(-n // q) - 1).bit_length()) for q in odd)
