"""Linear convolution by FFT, never a sample off."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def convolve(x: Tensor, response: Tensor) -> Tensor:
    """`x` `(..., T)` through `response` `(..., L)`, the first T samples of the linear convolution."""
    length = x.shape[-1]
    n = good_size(length + response.shape[-1] - 1)
    product = torch.fft.rfft(x, n=n) * torch.fft.rfft(response, n=n)
    return torch.fft.irfft(product, n=n)[..., :length]


def good_size(n: int) -> int:
    """The smallest even 2^a 3^b 5^c 7^d that is at least `n`: an FFT's fast lengths."""
    odd = [1]
    for prime in (3, 5, 7):
        odd = [q * prime**k for q in odd for k in range(1 + int(math.log(max(n / q, 1), prime)))]
    return min(q * max(2, 1 << (-(-n // q) - 1).bit_length()) for q in odd)
