"""Linear convolution by FFT, never a sample off."""

from __future__ import annotations

import torch
from torch import Tensor


def convolve(x: Tensor, response: Tensor) -> Tensor:
    """`x` `(..., T)` through `response` `(..., L)`, the first T samples of the linear convolution."""
    length = x.shape[-1]
    n = good_size(length + response.shape[-1] - 1)
    product = torch.fft.rfft(x, n=n) * torch.fft.rfft(response, n=n)
    return torch.fft.irfft(product, n=n)[..., :length]


def good_size(n: int) -> int:
    """The smallest even 2^a 3^b 5^c that is at least `n`: an FFT's fast lengths."""
    best = 1 << max(n - 1, 1).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            size = three * max(2, 1 << (-(-n // three) - 1).bit_length())
            if n <= size < best:
                best = size
            three *= 3
        five *= 5
    return best
