"""Bands follow a target, keep locks and stay in bounds."""

import numpy as np
import pytest

from reprs.console.band_fit import fit, fit_frequencies
from reprs.console.bands import bands_of, equaliser
from tests.console import cookbook


def fitted(target, rate=44_100, **how):
    effect = equaliser(rate)
    return bands_of(effect, fit(effect, rate, target, **how))


def wishes(rate, count=6):
    """Smooth targets: sums of bells, within ±8 dB."""
    rng, octave = np.random.default_rng(0), np.log2(fit_frequencies(rate) / 1000)
    for _ in range(count):
        at, width = rng.uniform(-5, 4, (3, 1)), rng.uniform(0.8, 2.5, (3, 1))
        yield np.clip(
            (rng.uniform(-6, 6, (3, 1)) * np.exp(-0.5 * ((octave - at) / width) ** 2)).sum(0), -8, 8
        )


@pytest.mark.parametrize("rate", [44_100, 192_000])
def test_bands_follow_a_smooth_target(rate):
    hz = fit_frequencies(rate)
    for target in wishes(rate):
        found = cookbook.response_db(cookbook.rows_of(fitted(target, rate)), rate, hz)
        assert np.corrcoef(found, target)[0, 1] > 0.99
        assert np.sqrt(np.mean((found - target) ** 2)) < 0.1 * np.abs(target).max()


def test_a_target_that_bands_can_make_is_found_exactly():
    rows = [("LSC", 120.0, 4.0, 0.7), ("PK", 900.0, -5.0, 0.9), ("HSC", 6000.0, 3.0, 0.7)]
    hz = fit_frequencies(44_100)
    target = cookbook.response_db(rows, 44_100, hz)
    found = cookbook.response_db(cookbook.rows_of(fitted(target)), 44_100, hz)
    np.testing.assert_allclose(found, target, atol=0.35)


def test_bounds_and_number_of_bands_hold_for_impossible_targets():
    target = 12 * np.sign(np.sin(np.arange(len(fit_frequencies(44_100))) / 4))
    for count in (6, 3, 1):
        bands = fitted(target, max_bands=count)
        assert 0 < len(bands) <= count
        assert all(abs(b.gain_db) <= 12 and 0.3 <= b.q <= 4 for b in bands)


def test_no_wish_needs_no_bands():
    assert fitted(np.zeros(len(fit_frequencies(44_100)))) == []


def test_a_simple_wish_takes_few_bands():
    target = cookbook.response_db([("PK", 500.0, -4.0, 0.8)], 44_100, fit_frequencies(44_100))
    assert len(fitted(target)) == 1


@pytest.mark.parametrize(
    "locked", [[(20, 200)], [(250, 4_000)], [(4_000, 20_000)], [(20, 60), (6_000, 20_000)]]
)
def test_locked_regions_stay(locked):
    hz = np.geomspace(20, 20_000, 500)
    inside = np.any([(low <= hz) & (hz <= high) for low, high in locked], axis=0)
    for target in wishes(44_100):
        found = cookbook.response_db(cookbook.rows_of(fitted(target, locked=locked)), 44_100, hz)
        assert np.abs(found[inside]).max() < 0.5


def test_a_lock_on_everything_is_refused():
    with pytest.raises(ValueError, match="nothing to equalise"):
        fitted(np.ones(len(fit_frequencies(44_100))), locked=[(0, 30_000)])
