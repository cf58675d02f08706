"""Test signals, the same every time."""

import numpy as np
import torch


def music(batch=1, channels=2, samples=12_000, sample_rate=44_100, seed=0):
    """Plucked chords and drum-like bursts, `(B, C, T)` float64: dynamics, bass, treble, stereo width."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / sample_rate
    x = np.zeros((batch, channels, samples))
    for item in x:
        for onset in np.sort(rng.uniform(-0.05, time[-1], size=6)):
            since = np.maximum(time - onset, 0)
            pitch, decay = rng.uniform(60, 900), rng.uniform(10, 60)
            tone = sum(np.sin(2 * np.pi * pitch * k * since + k) / k for k in range(1, 9))
            hit = tone + rng.uniform(0.2, 1) * rng.standard_normal(samples)
            item += rng.uniform(0.4, 1, (channels, 1)) * (time >= onset) * np.exp(-decay * since) * hit
        item += 0.02 * rng.standard_normal((channels, samples))
    return torch.from_numpy(0.5 * x / np.abs(x).max(axis=(1, 2), keepdims=True).clip(1e-9))


def knobs(effect, batch, seed=0, low=0.0, high=1.0):
    """Unit knobs `(B, P)` float64, uniform in [low, high]."""
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(batch, len(effect), generator=generator, dtype=torch.float64)


def error_db(x, reference):
    """Level of `x - reference` below `reference`, over everything."""
    x, reference = np.asarray(x, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if not reference.any():
        return -np.inf if not x.any() else np.inf
    return 10 * np.log10(max(np.sum((x - reference) ** 2) / np.sum(reference**2), 1e-40))
