"""BS.1770-4 against its own table, its calibration tone, pyloudnorm and SciPy."""

import math

import numpy as np
import pyloudnorm
import pytest
import torch
from scipy.signal import sosfilt

from reprs.audio.loudness import fast_length, integrated, k_weighting, power


def programme(rate, seconds=6.0, seed=0):
    """Noise bursts with a gap and a loud end, so that both gates matter; `(T, 2)`."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(rate * seconds)) / rate
    level = np.where(t < 2, 0.05, np.where(t < 3, 1e-5, np.where(t < 4.5, 0.003, 0.3)))
    tone = np.sin(2 * np.pi * 60 * t)[:, None]
    return (level[:, None] * (rng.standard_normal((len(t), 2)) * 0.3 + 0.5 * tone)).astype(np.float32)


def test_sections_at_48_khz_are_the_table_of_the_standard():
    table = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1, -1.99004745483398, 0.99007225036621],
    ]
    sections = k_weighting(48_000)
    np.testing.assert_allclose((sections / sections[:, 3:4]).numpy(), table, atol=1e-8)


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_a_full_scale_sine_of_997_hz_in_one_channel_reads_minus_3_01(rate):
    t = torch.arange(rate * 2, dtype=torch.float64) / rate
    x = torch.zeros(1, 2, len(t), dtype=torch.float64)
    x[0, 0] = torch.sin(2 * math.pi * 997 * t)
    assert integrated(x, rate).item() == pytest.approx(-3.01, abs=0.02)
    assert power(x, rate).item() == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 192_000])
def test_gated_loudness_is_pyloudnorm_with_the_exact_filters(rate):
    meter = pyloudnorm.Meter(rate, filter_class="DeMan")
    clips = [programme(rate, seed=seed) for seed in (0, 1)]
    x = torch.from_numpy(np.stack([c.T for c in clips]))
    expected = [meter.integrated_loudness(c.astype(np.float64)) for c in clips]
    np.testing.assert_allclose(integrated(x, rate).numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("length", [44_100, 44_101, 30_011])
def test_power_is_the_mean_square_behind_the_filters(length):
    x = programme(44_100)[:length].T
    sections = k_weighting(44_100).numpy()
    filtered = sosfilt(sections / sections[:, 3:4], x.astype(np.float64))
    expected = -0.691 + 10 * np.log10(np.mean(filtered**2, axis=-1).sum())
    # The spectrum counts the ringing behind the last sample, too.
    assert power(torch.from_numpy(x)[None], 44_100).item() == pytest.approx(expected, abs=0.02)


def test_a_gain_of_6_db_adds_6_db():
    x = torch.from_numpy(programme(44_100).T)[None]
    for level in (integrated, power):
        assert (level(2 * x, 44_100) - level(x, 44_100)).item() == pytest.approx(6.0206, abs=1e-3)


def test_silence_and_very_short_audio_are_finite():
    assert integrated(torch.zeros(2, 2, 44_100), 44_100).tolist() == [-70.0, -70.0]
    assert power(torch.zeros(2, 2, 44_100), 44_100).tolist() == [-120.0, -120.0]
    for length in (1, 100, 4_410):
        x = torch.full((1, 1, length), 0.1)
        assert torch.isfinite(integrated(x, 44_100)).all() and torch.isfinite(power(x, 44_100)).all()


def test_surround_weights():
    x = torch.zeros(5, 5, 48_000)
    for channel in range(5):
        x[channel, channel] = 0.1 * torch.sin(torch.arange(48_000) * 0.13)
    level = power(x, 48_000)
    np.testing.assert_allclose((level - level[0]).numpy(), [0, 0, 0, 1.4922, 1.4922], atol=1e-3)
    lfe = torch.zeros(1, 6, 48_000)
    lfe[0, 3] = 0.5
    assert power(lfe, 48_000).item() == -120.0


def test_gradients_are_finite_and_right():
    x = torch.randn(
        2, 2, 400, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: power(a, 44_100), x)
    silence = torch.zeros(1, 2, 8_000, requires_grad=True)
    (power(silence, 44_100) + integrated(silence, 44_100)).sum().backward()
    assert torch.isfinite(silence.grad).all()


def test_fast_lengths():
    smooth = {
        a * b * c * d
        for a in (1, 2, 4, 8, 16, 32, 64)
        for b in (1, 3, 9, 27)
        for c in (1, 5, 25)
        for d in (1, 7, 49)
    }
    for length in range(1, 65):
        assert fast_length(length) == min(n for n in smooth if n >= length)
    assert fast_length(132_300) == 132_300
