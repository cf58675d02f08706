"""Sample-rate conversion against the formula of a sine."""

import math

import pytest
import torch

from reprs.audio.resample import resample


def sine(frequency_hz, rate, seconds=1.0):
    t = torch.arange(round(rate * seconds), dtype=torch.float64) / rate
    return torch.sin(2 * math.pi * frequency_hz * t)


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [(44_100, 48_000), (48_000, 44_100), (8_000, 44_100), (192_000, 44_100), (44_100, 16_000)],
)
def test_a_sine_stays_the_same_sine_without_delay(from_hz, to_hz):
    y = resample(sine(1_000, from_hz).expand(2, 3, -1), from_hz, to_hz)
    expected = sine(1_000, to_hz)
    assert y.shape == (2, 3, len(expected)) and y.dtype == torch.float64
    edge = to_hz // 20
    assert (y[1, 2] - expected)[edge:-edge].abs().max() < 1e-5


def test_what_the_new_rate_cannot_carry_is_removed():
    assert resample(sine(6_000, 44_100), 44_100, 8_000)[400:-400].abs().max() < 1e-5


def test_shape_type_and_length():
    x = torch.randn(3, 2, 1_001)
    y = resample(x, 44_100, 22_050)
    assert y.shape == (3, 2, 500) and y.dtype == torch.float32
    assert resample(x, 8_000, 8_000) is x
    assert resample(x.half(), 8_000, 16_000).dtype == torch.float16


def test_rates_are_positive():
    with pytest.raises(ValueError, match="positive"):
        resample(torch.zeros(1, 10), 0, 8_000)
