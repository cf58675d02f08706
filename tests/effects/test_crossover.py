"""Bands that sum flat, and what is built on them."""

import numpy as np
import pytest
import scipy.signal
import torch

from reprs.effects import registry
from reprs.effects.crossover import split
from tests.effects.signals import error_db, music

IMPULSE = torch.nn.functional.pad(torch.ones(1, 1, 1, dtype=torch.float64), (0, 60_000))
EDGES_HZ = [80.0, 300.0, 2_000.0, 9_000.0]
HEARD_HZ = np.geomspace(20, 20_000, 300)


def response_db(impulse_response, hz=HEARD_HZ):
    return 20 * np.log10(np.abs(scipy.signal.freqz(impulse_response, worN=hz, fs=44_100)[1]))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_any_number_of_bands_sums_flat(count):
    edges = [torch.tensor([hz]) for hz in EDGES_HZ[:count]]
    bands = torch.stack(split(IMPULSE, 44_100, *edges))
    assert len(bands) == count + 1
    assert np.abs(response_db(bands.sum(dim=0)[0, 0].numpy())).max() < 1e-4


def test_neighbours_are_6_db_down_and_in_phase_where_they_meet():
    low, high = split(IMPULSE, 44_100, torch.tensor([1_000.0]))
    at_edge = [scipy.signal.freqz(band[0, 0].numpy(), worN=[1_000], fs=44_100)[1][0] for band in (low, high)]
    assert np.abs(at_edge) == pytest.approx([0.5, 0.5], abs=1e-6)
    assert np.angle(at_edge[0] / at_edge[1]) == pytest.approx(0, abs=1e-6)


def test_slopes_are_24_db_an_octave():
    low, high = split(IMPULSE, 44_100, torch.tensor([500.0]))
    assert np.diff(response_db(low[0, 0].numpy(), [2_000, 4_000]))[0] == pytest.approx(-24, abs=1)
    assert np.diff(response_db(high[0, 0].numpy(), [40, 80]))[0] == pytest.approx(24, abs=0.5)


@pytest.mark.parametrize("name", ["multiband_compressor", "multiband_limiter", "de_esser"])
def test_what_stays_below_the_thresholds_is_flat(name):
    y = registry[name](1e-3 * IMPULSE, 44_100)[0, 0].numpy()
    assert np.abs(response_db(1e3 * y)).max() < 1e-4


def test_a_wideband_de_esser_leaves_quiet_audio_untouched():
    x = 1e-3 * music(2).float()
    torch.testing.assert_close(registry["de_esser"].with_options(wideband=True)(x, 44_100), x)


def test_a_loud_bass_does_not_pump_the_other_bands():
    time = torch.arange(44_100, dtype=torch.float64) / 44_100
    treble = 0.01 * torch.sin(2 * torch.pi * 8_000 * time)
    bass = 0.9 * torch.sin(2 * torch.pi * 50 * time) * (time > 0.5)
    thresholds = dict(low_threshold_db=-40.0, mid_threshold_db=-30.0, high_threshold_db=-20.0)
    y = registry["multiband_compressor"]((treble + bass)[None, None], 44_100, **thresholds, low_ratio=20.0)
    tone = np.abs([np.fft.rfft(part)[1_600] for part in y[0, 0].numpy()[:44_100].reshape(5, -1)[[1, 4]]])
    assert 20 * np.log10(tone[1] / tone[0]) == pytest.approx(0, abs=0.1)
    assert y[0, 0, -4_410:].abs().max() < 0.1


def test_a_de_esser_takes_at_most_its_range_from_sibilance_alone():
    x = music(1, samples=20_000)
    low, high = split(x, 44_100, torch.tensor([4_000.0]))
    settings = dict(crossover_hz=4_000.0, threshold_db=-60.0, ratio=20.0, range_db=6.0)
    y = registry["de_esser"](x, 44_100, **settings, attack_ms=0.1, release_ms=500.0)
    part = (y - low)[..., 15_000:] / high[..., 15_000:]
    assert 20 * torch.log10(part).median() == pytest.approx(-6, abs=0.3)
    assert error_db(low, y - part.min() * high) < 0


@pytest.mark.parametrize("gain_db", [-18.0, 18.0])
def test_a_transient_shaper_knows_onsets_from_tails(gain_db):
    """A tone that starts at once and decays slowly: each knob acts on its own end of it."""
    time = torch.arange(44_100, dtype=torch.float64) / 44_100
    x = (torch.sin(2 * torch.pi * 500 * time) * torch.exp(-8 * time))[None, None]
    shaper = registry["transient_shaper"]
    attack = 20 * torch.log10(shaper(x, 44_100, attack_gain_db=gain_db) / x)[0, 0, 1:]
    sustain = 20 * torch.log10(shaper(x, 44_100, sustain_gain_db=gain_db) / x)[0, 0, 1:]
    early, late = slice(100, 500), slice(20_000, 40_000)
    sign = np.sign(gain_db)
    assert (sign * attack[early]).min() > 12 and attack[late].abs().max() < 1
    assert sustain[early].abs().max() < 1 and (sign * sustain[late]).median() > 6
    assert max(attack.abs().max(), sustain.abs().max()) <= 18.001


def test_a_transient_shaper_ignores_the_level_and_steady_tones():
    time = torch.arange(88_200, dtype=torch.float64) / 44_100
    tone = 0.5 * torch.sin(2 * torch.pi * 100 * time)[None, None]
    drum = tone * torch.exp(-10 * (time % 0.5))
    shaper, settings = registry["transient_shaper"], dict(attack_gain_db=12.0, sustain_gain_db=-12.0)
    late = slice(44_100, None)
    assert error_db(shaper(tone, 44_100, **settings)[..., late], tone[..., late]) < -40
    loud, quiet = (shaper(level * drum, 44_100, **settings) / level for level in (1, 0.1))
    assert error_db(quiet[..., late], loud[..., late]) < -100 < error_db(loud, drum)
