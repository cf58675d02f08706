"""Bands are the cookbook's filters, whatever the knobs they came from."""

import numpy as np
import pytest
import torch

from reprs.console.bands import (
    Band,
    apply_bands,
    band_sections,
    bands_of,
    equaliser,
    knob_sections,
    printed_hz,
    response_db,
)
from tests.console import cookbook

BANDS = [
    Band("low_shelf", 42.5, 5.5, 0.71),
    Band("peak", 20.0, 12.0, 4.0),
    Band("peak", 1230.0, -7.3, 0.3),
    Band("peak", 3500.0, 2.1, 1.41),
    Band("high_shelf", 7940.0, -9.0, 0.5),
]


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_filters_and_response_are_the_cookbooks(rate):
    bands = [b for b in BANDS if b.frequency_hz < rate / 2]
    rows = cookbook.rows_of(bands)
    ours = band_sections(bands, rate)[0].numpy()
    np.testing.assert_allclose(ours / ours[:, 3:4], cookbook.sections(rows, rate), rtol=1e-9, atol=1e-12)
    hz = np.geomspace(10, 0.499 * rate, 300)
    np.testing.assert_allclose(response_db(bands, rate, hz), cookbook.response_db(rows, rate, hz), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_audio_is_filtered_by_the_printed_bands(channels):
    x = cookbook.pink(1.0, channels=channels)
    y = apply_bands(torch.from_numpy(x), 44_100, BANDS, -3.5).numpy()
    assert cookbook.residual_db(y, cookbook.equalise(cookbook.rows_of(BANDS), -3.5, x, 44_100)) < -120


def test_knobs_mean_what_the_effect_does():
    """The sections of z are those that `parametric_eq` filters with."""
    effect = equaliser(44_100)
    z = torch.rand(3, len(effect), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    impulse = torch.zeros(3, 1, 4096, dtype=torch.float64)
    impulse[..., 0] = 1
    from reprs.audio.lti import filter_sections

    expected = effect(impulse, 44_100, z)
    torch.testing.assert_close(filter_sections(impulse, knob_sections(effect, 44_100, z)), expected)


def test_bands_round_knobs_and_leave_out_what_does_nothing():
    effect = equaliser(48_000)
    z = effect.to_unit(
        1, dtype=torch.float64, peak2_gain_db=-3.21, peak2_hz=243.4, peak2_q=0.904, peak1_gain_db=0.04
    )
    assert bands_of(effect, z) == [Band("peak", 243.0, -3.2, 0.9)]
    assert bands_of(effect, z, amount=2.0)[-1].gain_db == -6.4
    assert bands_of(effect, z, amount=0.0) == []
    assert bands_of(effect, z, amount=2.0, max_gain_db=5.0)[-1].gain_db == -5.0


@pytest.mark.parametrize(
    ("hz", "printed"), [(42.4567, 42.5), (243.4, 243.0), (1234.5, 1230.0), (99.97, 100.0)]
)
def test_frequencies_are_printed_in_three_digits(hz, printed):
    assert printed_hz(hz) == printed


@pytest.mark.parametrize(
    "values",
    [
        ("notch", 100, 1, 1),
        ("peak", 0, 1, 1),
        ("peak", 100, float("nan"), 1),
        ("peak", 100, 1, 0),
        ("peak", "1", 1, 1),
    ],
)
def test_impossible_bands_are_refused(values):
    with pytest.raises(ValueError, match="a band"):
        Band(*values)


def test_octaves_are_between_the_points_of_half_the_gain():
    """At a rate far above the band, where the bilinear transform does not squeeze it."""
    band = Band("peak", 1000.0, 6.0, 0.9)
    edges = 1000 * 2 ** np.array([-band.octaves / 2, band.octaves / 2])
    np.testing.assert_allclose(response_db([band], 1_000_000, edges), 3.0, atol=0.01)
    assert Band("low_shelf", 100.0, 3.0, 0.7).octaves is None


@pytest.mark.parametrize(
    "limits", [{"max_gain_db": 19}, {"max_gain_db": 0}, {"q_range": (0.1, 4)}, {"q_range": (2, 4)}]
)
def test_limits_beyond_the_effect_are_refused(limits):
    with pytest.raises(ValueError, match="limited to"):
        equaliser(44_100, **limits)
