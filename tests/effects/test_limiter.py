"""The limiter's promises: ceilings, true peaks, lookahead without delay."""

import numpy as np
import pytest
import scipy.signal
import torch

from reprs.effects import registry
from reprs.effects.true_peak import true_peak
from tests.effects.signals import error_db, knobs, music

CHOICES = [
    dict(),
    dict(lookahead_ms=0.02),
    dict(lookahead_ms=5.0),
    dict(lookahead_ms=3.0, true_peak=True, stereo_link=False),
]


@pytest.mark.parametrize("options", CHOICES, ids=str)
def test_no_sample_is_above_the_ceiling(options):
    limiter = registry["limiter"].with_options(**options)
    x, z = 4 * music(16, samples=4_000).float(), knobs(registry["limiter"], 16).float()
    peaks = limiter(x, 44_100, z).abs().amax(dim=(1, 2))
    assert (peaks.double() <= 10 ** (limiter.from_unit(z)["ceiling_db"].double() / 20)).all()


@pytest.mark.parametrize("options", CHOICES, ids=str)
def test_nothing_is_delayed(options):
    quiet = 1e-3 * music(1, samples=3_000).float()
    assert error_db(registry["limiter"].with_options(**options)(quiet, 44_100), quiet) < -130


def test_the_gain_has_arrived_at_the_peak_and_began_the_lookahead_before():
    x = torch.full((1, 1, 4_000), 0.1, dtype=torch.float64)
    x[..., 2_000] = 1
    y = registry["limiter"].with_options(lookahead_ms=10.0)(x, 44_100, ceiling_db=-6.0, release_ms=2_000.0)
    gain_db = 20 * torch.log10(y / x)[0, 0]
    assert gain_db[2_000] == pytest.approx(-6, abs=1e-4)
    assert gain_db[: 2_000 - 441].abs().max() < 1e-9 and gain_db[2_000 - 440] < 0
    assert (gain_db[:2_001].diff() <= 1e-9).all()
    assert gain_db.diff().abs().max() < 6 / 441 * 2.1


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_true_peaks_stay_below_the_ceiling(rate):
    """Judged by scipy's resampler at eight times the rate."""
    noise = 0.7 * torch.randn(4, 2, 8_000, generator=torch.Generator().manual_seed(0))
    settings, limiter = dict(ceiling_db=-3.0, release_ms=50.0), registry["limiter"]
    over_db = {}
    for true in (False, True):
        y = limiter.with_options(lookahead_ms=1.5, true_peak=true)(noise, rate, **settings)
        fine = scipy.signal.resample_poly(y.double().numpy(), 8, 1, axis=2, window=("kaiser", 12.0))
        over_db[true] = 20 * np.log10(np.abs(fine).max()) + 3
    assert over_db[True] < 0.2 and over_db[False] > 0.5


@pytest.mark.parametrize(("hz", "under_db"), [(997, 0.02), (6_000, 0.1), (12_000, 0.1), (15_000, 0.35)])
def test_a_sine_of_any_phase_has_the_true_peak_of_its_amplitude(hz, under_db):
    """BS.1770 annex 2: at four times 48 kHz a peak is under-read by at most 20 log10 cos(π f / 4 f_s)."""
    time = torch.arange(4_800, dtype=torch.float64) / 48_000
    phases = torch.linspace(0, np.pi, 9, dtype=torch.float64)[:, None]
    tone = torch.sin(2 * torch.pi * hz * time + phases)[:, None]
    found_db = 20 * torch.log10(true_peak(tone)[..., 100:-100].amax(dim=(1, 2)))
    assert found_db.max() < 0.02 and found_db.min() > -under_db


def test_a_true_peak_is_seen_from_both_sides():
    x = torch.zeros(1, 1, 400, dtype=torch.float64)
    x[..., 200:202] = 1
    peaks = true_peak(x)[0, 0]
    assert peaks[200] == peaks[201] == peaks.max() > 1.2


@pytest.mark.parametrize("options", [dict(lookahead_ms=1.0), dict(true_peak=True)], ids=str)
def test_what_looks_ahead_does_not_stream(options):
    limiter = registry["limiter"].with_options(**options)
    with pytest.raises(ValueError, match=r"cannot stream limiter: its .* does not"):
        limiter.stream(2, 44_100, knobs(limiter, 1)).process(music().float())
