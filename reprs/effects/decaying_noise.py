"""A room's late response as bands of fixed noise, each with its own level and decay (Steinmetz 2021).

The noise depends on the sample rate and an explicit seed only: it is drawn on the CPU in float32, so that
every device, clip length and batch hears the same room.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from reprs.audio import timeline

CENTRES_HZ = (62.5, 125.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0)
LONGEST_S = 6.0


def decaying_noise(gain: Tensor, rate: Tensor, length: int, sample_rate: int, seed: int) -> Tensor:
    """`Σ_k gain_k exp(-rate_k n) noise_k[n]`, `(B, 2, min(length, 6 s))`: the response of mid and of side.

    `gain`, `rate` `(B, K)` with the K octave bands of `CENTRES_HZ`; `rate` per sample.
    """
    if timeline.folded() is not None:
        timeline.whole_clip_only("a response of many samples belongs to one setting of the knobs")
    longest = round(LONGEST_S * sample_rate)
    length = longest if timeline.in_pieces() else min(length, longest)
    if gain.device.type == "cpu" and gain.dtype == torch.float32:
        return _decay(gain, rate.double(), length, sample_rate, seed)
    return decaying_noise_in_torch(gain, rate, length, sample_rate, seed)


def decaying_noise_in_torch(gain: Tensor, rate: Tensor, length: int, sample_rate: int, seed: int) -> Tensor:
    """The same in plain torch operations, on any device and in any precision."""
    noise = band_noise(sample_rate, seed, str(gain.device))[:, :, :length]
    now = torch.arange(length, device=gain.device)
    response = torch.zeros(len(gain), 2, length, dtype=gain.dtype, device=gain.device)
    for k, band in enumerate(noise):
        envelope = gain[:, k, None] * torch.exp(-rate[:, k, None] * now).to(gain.dtype)
        response = response + envelope[:, None] * band
    return response


@lru_cache(maxsize=6)
def band_noise(sample_rate: int, seed: int, device: str = "cpu") -> Tensor:
    """Six seconds of unit white noise for mid and side, split into octave bands: float32 `(K, 2, L)`.

    Neighbouring bands cross over as squared cosines of the octave, which add up to the noise itself.
    """
    if device != "cpu":
        return band_noise(sample_rate, seed).to(device)
    length = round(LONGEST_S * sample_rate)
    white = torch.randn(2, length, generator=torch.Generator().manual_seed(seed))
    spectrum = torch.fft.rfft(white)
    frequency = np.fft.rfftfreq(length, 1 / sample_rate)
    position = np.log2(np.maximum(frequency, 1e-3) / CENTRES_HZ[0]).clip(0, len(CENTRES_HZ) - 1)
    bands = []
    for k in range(len(CENTRES_HZ)):
        window = np.cos(np.pi / 2 * np.minimum(np.abs(position - k), 1)) ** 2
        bands.append(torch.fft.irfft(spectrum * torch.tensor(window, dtype=torch.float32), n=length))
    return torch.stack(bands)


@torch.library.custom_op("reprs::decaying_noise", mutates_args=())
def _decay(gain: Tensor, rate: Tensor, length: int, sample_rate: int, seed: int) -> Tensor:
    from reprs.effects.compiled import decaying_bands

    y = torch.empty(len(gain), 2, length)
    noise = band_noise(sample_rate, seed).numpy()
    decaying_bands.decay(noise, gain.double().numpy(), rate.contiguous().numpy(), y.numpy())
    return y


@torch.library.custom_op("reprs::decaying_noise_backward", mutates_args=())
def _decay_backward(
    g: Tensor, gain: Tensor, rate: Tensor, sample_rate: int, seed: int
) -> tuple[Tensor, Tensor]:
    from reprs.effects.compiled import decaying_bands

    ggain, grate = torch.empty_like(rate), torch.empty_like(rate)
    arrays = [t.contiguous().numpy() for t in (gain.double(), rate, ggain, grate)]
    decaying_bands.decay_backward(g.contiguous().numpy(), band_noise(sample_rate, seed).numpy(), *arrays)
    return ggain.to(gain.dtype), grate


@_decay.register_fake
def _(gain: Tensor, rate: Tensor, length: int, sample_rate: int, seed: int) -> Tensor:
    return gain.new_empty(len(gain), 2, length)


@_decay_backward.register_fake
def _(g: Tensor, gain: Tensor, rate: Tensor, sample_rate: int, seed: int) -> tuple[Tensor, Tensor]:
    return gain.new_empty(gain.shape), rate.new_empty(rate.shape)


def _save(ctx, inputs, output) -> None:
    gain, rate, _, ctx.sample_rate, ctx.seed = inputs
    ctx.save_for_backward(gain, rate)


def _backward(ctx, g: Tensor):
    return *_decay_backward(g, *ctx.saved_tensors, ctx.sample_rate, ctx.seed), None, None, None


_decay.register_autograd(_backward, setup_context=_save)
