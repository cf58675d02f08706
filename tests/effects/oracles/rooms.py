"""Reverbs by direct convolution with a response built band by band."""

import functools
import itertools
import math

import numpy as np
import torch
from scipy.signal import oaconvolve

from tests.effects.oracles.space import OCTAVES_HZ, _crossover
from tests.effects.oracles.time import cubic


@functools.cache
def _bands(sample_rate, seed):
    """Noise of mid and side, split into octaves: (9, 2, six seconds)."""
    length = round(6 * sample_rate)
    white = torch.randn(2, length, generator=torch.Generator().manual_seed(seed)).double().numpy()
    spectrum, frequency = np.fft.rfft(white), np.fft.rfftfreq(length, 1 / sample_rate)
    return np.stack([np.fft.irfft(spectrum * _crossover(frequency, k), n=length) for k in range(9)])


def _late(x, sample_rate, pre_delay_ms):
    lag = pre_delay_ms / 1000 * sample_rate
    return np.stack([[cubic(row, n - lag) for n in range(x.shape[1])] for row in x])


def noise_reverb(x, sample_rate, pre_delay_ms, width, mix, seed=0, **bands):
    noise = _bands(sample_rate, seed)[:, :, : x.shape[1]]
    time = np.arange(noise.shape[2])
    response = np.zeros(noise.shape[1:])
    for k in range(len(OCTAVES_HZ)):
        fall = 10 ** (-3 / (bands[f"band{k + 1}_decay_s"] * sample_rate))
        level = 10 ** (bands[f"band{k + 1}_gain_db"] / 20) * math.sqrt(1 - fall**2)
        response += level * fall**time * noise[k]
    mid, side = math.cos(width * math.pi / 4) * response[0], math.sin(width * math.pi / 4) * response[1]
    late = _late(x, sample_rate, pre_delay_ms)
    sides = [mid - side if c % 2 else mid + side for c in range(len(x))]
    wet = [oaconvolve(row, one)[: x.shape[1]] for row, one in zip(late, sides, strict=True)]
    return (1 - mix) * x + mix * np.stack(wet)


def convolution(x, sample_rate, decay, pre_delay_ms, mix, impulse=None, normalise=True):
    response = _built_in(sample_rate) if impulse is None else np.atleast_2d(np.asarray(impulse, dtype=float))
    if len(x) == 1:
        response = response.mean(axis=0, keepdims=True)
    seconds = _decay_s(response, sample_rate)
    if normalise:
        response = response / math.sqrt(max(np.sum(row**2) for row in response))
    time = np.arange(response.shape[1]) / sample_rate
    faded = response * 10 ** (-3 * time / seconds * (1 / decay - 1))
    late = _late(x, sample_rate, pre_delay_ms)
    wet = [oaconvolve(row, faded[c % len(faded)])[: x.shape[1]] for c, row in enumerate(late)]
    return (1 - mix) * x + mix * np.stack(wet)


@functools.cache
def _built_in(sample_rate):
    """White noise whose octaves fall by 60 dB in 1 / (1 + centre / 8 kHz) seconds."""
    time = np.arange(sample_rate) / sample_rate
    noise = _bands(sample_rate, 0)[:, :, :sample_rate]
    mid, side = sum(10 ** (-3 * time * (1 + hz / 8_000)) * noise[k] for k, hz in enumerate(OCTAVES_HZ))
    return np.stack([mid + side, mid - side])


def _decay_s(response, sample_rate):
    energy = (response**2).sum(axis=0)
    rest = np.array([*itertools.accumulate(reversed(energy))][::-1])
    rest_db = 10 * np.log10(np.maximum(rest / rest[0], 1e-30))
    part = (rest_db <= -5) & (rest_db >= -25)
    if part.sum() < 2:
        return len(energy) / sample_rate
    time = np.arange(len(energy))[part] / sample_rate
    level = rest_db[part]
    return -60 * np.sum((time - time.mean()) ** 2) / np.sum((time - time.mean()) * (level - level.mean()))


ORACLES = {"noise_reverb": noise_reverb, "convolution": convolution}
_CABINET = torch.randn(2, 700, generator=torch.Generator().manual_seed(3)) * 0.99 ** torch.arange(700)
VARIANTS = {"convolution": [{"impulse": _CABINET, "normalise": False}], "noise_reverb": [{"seed": 1}]}
MAKES_STEREO = set(ORACLES)
UNITLESS = {"decay"}
