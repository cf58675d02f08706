"""Second-order sections of audio filters, one `(B, 6)` row `[b0, b1, b2, a0, a1, a2]` for every batch item.

Designs of the Audio EQ Cookbook (Bristow-Johnson 2005) in float64, because a low cutoff rounded to float32 is
another filter. Knobs are `(B,)`; a frequency above `HIGHEST` of the sample rate stays there, so that
every knob setting is a stable filter at every sample rate.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

HIGHEST = 0.49


def peak(sample_rate: int, gain_db: Tensor, hz: Tensor, q: Tensor) -> Tensor:
    """Bell of `gain_db` at `hz`."""
    cos, sin = _angle(sample_rate, hz)
    alpha = sin / (2 * q.double())
    root = 10 ** (gain_db.double() / 40)
    return _row(1 + alpha * root, -2 * cos, 1 - alpha * root, 1 + alpha / root, -2 * cos, 1 - alpha / root)


def low_shelf(sample_rate: int, gain_db: Tensor, hz: Tensor, q: Tensor) -> Tensor:
    """`gain_db` well below `hz`, half of it at `hz`."""
    cos, sin = _angle(sample_rate, hz)
    root = 10 ** (gain_db.double() / 40)
    side = root.sqrt() * sin / q.double()
    plus, minus = root + 1, root - 1
    return _row(
        root * (plus - minus * cos + side),
        2 * root * (minus - plus * cos),
        root * (plus - minus * cos - side),
        plus + minus * cos + side,
        -2 * (minus + plus * cos),
        plus + minus * cos - side,
    )


def high_shelf(sample_rate: int, gain_db: Tensor, hz: Tensor, q: Tensor) -> Tensor:
    """`gain_db` well above `hz`, half of it at `hz`."""
    cos, sin = _angle(sample_rate, hz)
    root = 10 ** (gain_db.double() / 40)
    side = root.sqrt() * sin / q.double()
    plus, minus = root + 1, root - 1
    return _row(
        root * (plus + minus * cos + side),
        -2 * root * (minus + plus * cos),
        root * (plus + minus * cos - side),
        plus - minus * cos + side,
        2 * (minus - plus * cos),
        plus - minus * cos - side,
    )


def lowpass(sample_rate: int, hz: Tensor, q: Tensor) -> Tensor:
    """12 dB an octave above `hz`."""
    cos, sin = _angle(sample_rate, hz)
    alpha = sin / (2 * q.double())
    return _row((1 - cos) / 2, 1 - cos, (1 - cos) / 2, 1 + alpha, -2 * cos, 1 - alpha)


def highpass(sample_rate: int, hz: Tensor, q: Tensor) -> Tensor:
    """12 dB an octave below `hz`."""
    cos, sin = _angle(sample_rate, hz)
    alpha = sin / (2 * q.double())
    return _row((1 + cos) / 2, -1 - cos, (1 + cos) / 2, 1 + alpha, -2 * cos, 1 - alpha)


def allpass(sample_rate: int, hz: Tensor, q: Tensor) -> Tensor:
    """Half a turn of phase at `hz`, no change of level."""
    cos, sin = _angle(sample_rate, hz)
    alpha = sin / (2 * q.double())
    return _row(1 - alpha, -2 * cos, 1 + alpha, 1 + alpha, -2 * cos, 1 - alpha)


def mixture(sample_rate: int, hz: Tensor, q: Tensor, low: Tensor, band: Tensor, high: Tensor) -> Tensor:
    """Low-, band- and high-pass of one denominator, added with these levels; the band's peak is at 0 dB."""
    cos, sin = _angle(sample_rate, hz)
    alpha = sin / (2 * q.double())
    below, above = low.double() * (1 - cos), high.double() * (1 + cos)
    outer, middle = (below + above) / 2, band.double() * alpha
    return _row(outer + middle, below - above, outer - middle, 1 + alpha, -2 * cos, 1 - alpha)


def tilt(sample_rate: int, gain_db: Tensor, hz: Tensor) -> Tensor:
    """`gain_db` well above `hz`, as much less well below it, 0 dB at it: (g s + 1) / (s + g), bilinear."""
    cos, sin = _angle(sample_rate, hz)
    gain, side = 10 ** (gain_db.double() / 20), 1 + cos
    zero = torch.zeros_like(cos)
    return _row(gain * side + sin, sin - gain * side, zero, side + gain * sin, gain * sin - side, zero)


def one_pole_lowpass(sample_rate: int, hz: Tensor) -> Tensor:
    """6 dB an octave above `hz` (bilinear)."""
    cos, sin = _angle(sample_rate, hz)
    zero = torch.zeros_like(cos)
    return _row(sin, sin, zero, 1 + cos + sin, sin - 1 - cos, zero)


def one_pole_highpass(sample_rate: int, hz: Tensor) -> Tensor:
    """6 dB an octave below `hz` (bilinear)."""
    cos, sin = _angle(sample_rate, hz)
    zero = torch.zeros_like(cos)
    return _row(1 + cos, -1 - cos, zero, 1 + cos + sin, sin - 1 - cos, zero)


def butterworth_qs(order: int) -> list[float]:
    """Q of each second-order section of an even-order Butterworth filter."""
    return [1 / (2 * math.cos(math.pi * (2 * k + 1) / (2 * order))) for k in range(order // 2)]


def _angle(sample_rate: int, hz: Tensor) -> tuple[Tensor, Tensor]:
    radians = 2 * math.pi * hz.double().clamp(max=HIGHEST * sample_rate) / sample_rate
    return torch.cos(radians), torch.sin(radians)


def _row(*coefficients: Tensor) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*coefficients), dim=-1)
