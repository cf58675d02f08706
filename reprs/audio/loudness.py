"""Loudness after ITU-R BS.1770-4: gated programme loudness, and a cheap K-weighted level for batches."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reprs.audio.lti import filter_sections

QUIETEST_LUFS = -70.0
QUIETEST_POWER_DB = -120.0
BLOCK_S = 0.4
HOP_S = 0.1
OFFSET_DB = -0.691


def integrated(x: Tensor, sample_rate: int) -> Tensor:
    """Programme loudness of `(B, C, T)` in LUFS, `(B,)`: blocks of 0.4 s, gates at -70 LUFS and -10 LU.

    Audio shorter than one block counts as one block. Where nothing passes the absolute gate the result is
    -70, the gate itself, so that a gain made from it stays finite.
    """
    weighted = filter_sections(x, k_weighting(sample_rate).to(x.device).expand(len(x), 2, 6))
    energy = _block_energy(weighted, sample_rate) * _channel_weights(x).unsqueeze(-1)
    energy = energy.sum(dim=1)
    level = _to_db(energy)
    absolute = level > QUIETEST_LUFS
    relative = absolute & (level > (_to_db(_mean(energy, absolute)) - 10).unsqueeze(-1))
    loudness = _to_db(_mean(energy, relative))
    return torch.where(relative.any(dim=-1), loudness, torch.full_like(loudness, QUIETEST_LUFS))


def power(x: Tensor, sample_rate: int) -> Tensor:
    """Ungated K-weighted level of `(B, C, T)` in dB on the LUFS scale, `(B,)`, at least -120.

    Computed from the power spectrum (Parseval), so one real FFT a channel is all it costs; differentiable.
    """
    size = fast_length(x.shape[-1])
    spectrum = torch.fft.rfft(x, n=size)
    density = spectrum.real.square() + spectrum.imag.square()
    gain = _k_power_response(size, sample_rate, x)
    energy = (density @ gain) * (2 / (size * x.shape[-1]))
    return _to_db((energy * _channel_weights(x)).sum(dim=1)).clamp_min(QUIETEST_POWER_DB)


def k_weighting(sample_rate: int) -> Tensor:
    """The two sections of the K filter, `(2, 6)` rows `[b0, b1, b2, a0, a1, a2]` in float64, for any rate.

    The standard tabulates 48 kHz only; these are the analogue prototypes behind that table (De Man, 2014),
    bilinear transformed at `sample_rate`.
    """
    k = math.tan(math.pi * 1681.974450955533 / sample_rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    shelf = [high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k]
    shelf += [1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k]
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    # The table's numerator is 1, -2, 1 with a0 = 1: the pass band is not normalised to 0 dB.
    a0 = 1 + k / q + k * k
    high_pass = [a0, -2 * a0, a0, a0, 2 * (k * k - 1), 1 - k / q + k * k]
    return torch.tensor([shelf, high_pass], dtype=torch.float64)


def fast_length(length: int) -> int:
    """The next FFT size that has no prime factor above 7."""
    while True:
        rest = length
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


def _k_power_response(size: int, sample_rate: int, like: Tensor) -> Tensor:
    """|K|² at the bins of a real FFT; half of it at 0 and Nyquist, which have no mirror image."""
    omega = torch.arange(size // 2 + 1, dtype=torch.float64) * (2 * math.pi / size)
    z = torch.exp(-1j * omega * torch.arange(3).unsqueeze(-1))
    sections = k_weighting(sample_rate).to(z.dtype)
    gain = ((sections[:, :3] @ z) / (sections[:, 3:] @ z)).abs().square().prod(dim=0)
    gain[0] /= 2
    if size % 2 == 0:
        gain[-1] /= 2
    return gain.to(device=like.device, dtype=like.dtype)


def _block_energy(x: Tensor, sample_rate: int) -> Tensor:
    """Mean square of every 0.4 s block, one each 0.1 s: `(B, C, T)` → `(B, C, blocks)`."""
    block, hop = round(BLOCK_S * sample_rate), round(HOP_S * sample_rate)
    block = min(block, x.shape[-1])
    return x.square().unfold(-1, block, hop).mean(dim=-1)


def _channel_weights(x: Tensor) -> Tensor:
    """`(C,)`: 1 for front channels, 1.41 for surrounds of 5 or 5.1 channels, 0 for the effects channel."""
    by_count = {5: [1, 1, 1, 1.41, 1.41], 6: [1, 1, 1, 0, 1.41, 1.41]}
    return x.new_tensor(by_count.get(x.shape[1], [1.0] * x.shape[1]))


def _mean(energy: Tensor, keep: Tensor) -> Tensor:
    return (energy * keep).sum(dim=-1) / keep.sum(dim=-1).clamp_min(1)


def _to_db(energy: Tensor) -> Tensor:
    # The floor, at -169 dB, keeps the logarithm and its gradient finite for digital silence.
    return OFFSET_DB + 10 * torch.log10(energy + 1e-17)
