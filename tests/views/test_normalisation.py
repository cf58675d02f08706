"""Effect normalisation moves what it measures to the average, and nothing at the average."""

import pytest
import torch

from reprs.effects import registry
from reprs.views.normalisation import EffectNormaliser

RATE = 44_100


def music_like(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 2, RATE * 2, generator=generator)
    beat = 0.3 + (torch.arange(RATE * 2) % 11_025 < 4_000).float()
    x = registry["lowpass"](x * beat, RATE, cutoff_hz=3_000.0)
    return 0.1 * registry["stereo_width"](x, RATE, width=0.5)


def produced() -> torch.Tensor:
    x = music_like(1)
    x = registry["parametric_eq"](x, RATE, peak3_gain_db=9.0, low_shelf_gain_db=-6.0, low_shelf_hz=200.0)
    x = registry["compressor"](x, RATE, threshold_db=-30.0, ratio=1.6, attack_ms=1.0, release_ms=50.0)
    return registry["stereo_width"](x, RATE, width=0.7)


@pytest.fixture
def normaliser() -> EffectNormaliser:
    normaliser = EffectNormaliser()
    average = [torch.stack(values).mean(0) for values in zip(*(m(s) for s in range(4)), strict=True)]
    normaliser.spectrum_db, normaliser.range_db, normaliser.width_db = (a[0] for a in average)
    normaliser.batches = torch.tensor(1e9)
    normaliser.momentum = 1.0
    return normaliser


def m(seed: int):
    return EffectNormaliser.measure(music_like(seed), RATE)


def test_production_moves_to_the_average(normaliser):
    before = EffectNormaliser.measure(produced(), RATE)
    after = EffectNormaliser.measure(normaliser(produced(), RATE), RATE)
    for name, was, now in zip(("spectrum_db", "range_db", "width_db"), before, after, strict=True):
        target = getattr(normaliser, name)
        assert (was - target).abs().mean() > 0.5, name
        assert (now - target).abs().mean() < 0.4 * (was - target).abs().mean(), name


def test_the_average_itself_stays(normaliser):
    x = music_like(2)
    y = normaliser(x, RATE)
    assert ((y - x).square().mean() / x.square().mean()).sqrt() < 0.2


def test_it_learns_the_mean_of_what_it_sees():
    normaliser = EffectNormaliser()
    for seed in range(3):
        normaliser(music_like(seed), RATE)
    expected = torch.stack([m(seed)[0][0] for seed in range(3)]).mean(0)
    assert torch.allclose(normaliser.spectrum_db, expected, atol=1e-4)


def test_silence_and_short_segments_are_finite():
    for x in (torch.zeros(2, 2, 4_000), torch.randn(1, 2, 100)):
        assert bool(EffectNormaliser()(x, RATE).isfinite().all())
