"""Reverbs by direct convolution or recursion, and mid/side width."""

import math

import numpy as np
import torch
from scipy.signal import lfilter, oaconvolve

from tests.effects.oracles.time import cubic

OCTAVES_HZ = 62.5 * 2.0 ** np.arange(9)


def reverb(x, sample_rate, decay_s, damping, pre_delay_ms, low_cut_hz, high_cut_hz, width, mix, seed=0):
    length = round(6 * sample_rate)
    white = torch.randn(2, length, generator=torch.Generator().manual_seed(seed)).double().numpy()
    spectrum, frequency = np.fft.rfft(white), np.fft.rfftfreq(length, 1 / sample_rate)
    time = np.arange(length)
    response = np.zeros((2, length))
    for k, centre in enumerate(OCTAVES_HZ):
        seconds = decay_s * (1 - 0.9 * damping) ** (max(0.0, math.log2(centre / 1000)) / 4)
        weight = 1 / np.sqrt(1 + (low_cut_hz / centre) ** 4) / np.sqrt(1 + (centre / high_cut_hz) ** 4)
        band = np.fft.irfft(spectrum * _crossover(frequency, k), n=length)
        response += weight * 10 ** (-3 * time / (seconds * sample_rate)) * band
    response *= math.sqrt(1 - 10 ** (-6 / (decay_s * sample_rate)))
    shared, different = math.cos(width * math.pi / 4), math.sin(width * math.pi / 4)
    lag = pre_delay_ms / 1000 * sample_rate
    wet = np.zeros_like(x)
    for c in range(len(x)):
        one = shared * response[0] + (different if c % 2 == 0 else -different) * response[1]
        late = np.array([cubic(x[c], n - lag) for n in range(x.shape[1])])
        wet[c] = oaconvolve(late, one)[: x.shape[1]]
    return (1 - mix) * x + mix * wet


def _crossover(frequency, k):
    """Raised-cosine flanks in octaves; the outermost bands reach to 0 Hz and to Nyquist."""
    with np.errstate(divide="ignore"):
        octaves = np.log2(frequency / OCTAVES_HZ[k])
    if k == 0:
        octaves = np.maximum(octaves, 0)
    if k == len(OCTAVES_HZ) - 1:
        octaves = np.minimum(octaves, 0)
    return np.where(np.abs(octaves) < 1, (1 + np.cos(np.pi * octaves.clip(-1, 1))) / 2, 0)


def stereo_width(x, sample_rate, width):
    if len(x) == 1:
        return x.copy()
    mid, side = (x[0] + x[1]) / 2, (x[0] - x[1]) / 2
    return np.stack([mid + width * side, mid - width * side])


def room(x, sample_rate, size, decay_s, damping_hz, pre_delay_ms, width, mix):
    """Moorer's combs sample by sample, Schroeder's allpasses as rational filters."""
    wet = np.zeros_like(x)
    per_ms = sample_rate / 1000
    pole = math.exp(-2 * math.pi * damping_hz / sample_rate)
    for c in range(len(x)):
        late = np.array([cubic(x[c], n - pre_delay_ms * per_ms) for n in range(x.shape[1])])
        for comb_ms in (50, 56, 61, 68, 72, 78):
            delay_ms = comb_ms * size + 0.52 * c
            feedback = 10 ** (-3 * delay_ms / 1000 / decay_s)
            level = math.sqrt((1 - feedback**2) / 6)
            wet[c] += level * _comb(late, delay_ms * per_ms, feedback, pole)
        for allpass_ms in (6, 5, 1.7):
            lag = round((allpass_ms + 0.52 * c) * per_ms)
            impulse = np.zeros(lag + 1)
            impulse[lag] = 1
            numerator, denominator = impulse.copy(), -0.7 * impulse
            numerator[0] -= 0.7
            denominator[0] += 1
            wet[c] = lfilter(numerator, denominator, wet[c])
    mean = wet.mean(axis=0)
    wet = mean + width * (wet - mean)
    return (1 - mix) * x + mix * wet


def _comb(x, lag, feedback, pole):
    line, heard, lowpassed = np.zeros(len(x)), np.zeros(len(x)), 0.0
    for n in range(len(x)):
        lowpassed = (1 - pole) * cubic(line[:n], n - lag) + pole * lowpassed
        heard[n] = lowpassed
        line[n] = x[n] + feedback * lowpassed
    return heard


ORACLES = {"room": room, "reverb": reverb, "stereo_width": stereo_width}
MAKES_STEREO = {"reverb", "room"}
UNITLESS = {"damping", "mix", "size", "width"}
