"""What the responses of the equalisers and filters are for."""

import numpy as np
import pytest
import scipy.signal
import torch

from reprs.effects import graphic, registry
from reprs.effects.processors.graphic_eq import OCTAVES_HZ, THIRDS_HZ
from tests.effects.signals import error_db, knobs, music

BANKS = {"graphic_eq": OCTAVES_HZ, "third_octave_eq": THIRDS_HZ}
every_bank = pytest.mark.parametrize("name", BANKS)


def response_db(sections, hz, sample_rate=44_100):
    normalised = sections / sections[:, 3:4]
    return 20 * np.log10(np.abs(scipy.signal.freqz_sos(normalised, worN=hz, fs=sample_rate)[1]))


@every_bank
@pytest.mark.parametrize("sample_rate", [8_000, 44_100, 192_000])
def test_the_response_passes_through_every_slider(name, sample_rate):
    heard = [hz for hz in BANKS[name] if hz <= 0.49 * sample_rate]
    generator = torch.Generator().manual_seed(0)
    sliders_db = 24 * torch.rand(20, len(BANKS[name]), generator=generator) - 12
    sliders_db[0], sliders_db[1, ::2], sliders_db[1, 1::2] = 12, 12, -12
    sections = graphic.bands(sliders_db, BANKS[name], sample_rate).numpy()
    for row, wanted_db in zip(sections, sliders_db[:, : len(heard)].numpy(), strict=True):
        # At 20 Hz and 192 kHz a biquad with float64 coefficients is no more exact than this.
        assert np.abs(response_db(row, heard, sample_rate) - wanted_db).max() < 1e-7


@every_bank
def test_sliders_at_one_gain_are_flat_and_at_zero_do_nothing(name):
    centres = BANKS[name]
    up, rest = graphic.bands(torch.tensor([[12.0], [0.0]]).expand(2, len(centres)), centres, 44_100).numpy()
    between = np.geomspace(centres[0], centres[-1], 2_000)
    assert np.abs(response_db(up, between) - 12).max() < 0.5
    x = music(2).float()
    assert error_db(registry[name](x, 44_100), x) < -130
    assert np.abs(response_db(rest, between)).max() < 1e-9


@every_bank
def test_boost_and_cut_mirror_each_other(name):
    effect, x = registry[name], music(2)
    z = knobs(effect, 2)
    assert error_db(effect(effect(x, 44_100, z), 44_100, 1 - z), x) < -200


def test_a_band_keeps_its_share_at_its_neighbours():
    gain_db = torch.tensor([[15.0, -15.0, 0.3]], dtype=torch.float64).mT
    distance, reach = graphic._distances(torch.tensor([500.0, 1_000.0, 2_000.0]).double(), 48_000)
    at_reach, _ = graphic._response(gain_db, reach[None, 1], reach[1:2])
    torch.testing.assert_close(at_reach[:, 0], graphic.LEAKAGE * gain_db)
    at_centre, _ = graphic._response(gain_db, distance[1:2, 1], reach[1:2])
    torch.testing.assert_close(at_centre[:, 0], gain_db)


@pytest.mark.parametrize(
    "mix, hz, wanted_db",
    [
        (dict(low=1.0, band=0.0, high=0.0), [20, 1_000], [0, -3.01]),
        (dict(low=0.0, band=0.0, high=1.0), [1_000, 20_000], [-3.01, 0]),
        (dict(low=0.0, band=1.0, high=0.0), [1_000], [0]),
        (dict(low=1.0, band=0.0, high=1.0), [20, 999.999, 20_000], [0, -100, 0]),
        (dict(low=1.0, band=-1.0, high=1.0), [20, 300, 1_000, 3_000, 20_000], [0, 0, 0, 0, 0]),
    ],
    ids=["low", "high", "band", "notch", "allpass"],
)
def test_mixes_of_the_state_variable_filter(mix, hz, wanted_db):
    impulse = torch.nn.functional.pad(torch.ones(1, 1, 1).double(), (0, 20_000))
    y = registry["state_variable"](impulse, 44_100, cutoff_hz=1_000.0, q=0.5**0.5, **mix)[0, 0].numpy()
    found = 20 * np.log10(np.abs(scipy.signal.freqz(y, worN=hz, fs=44_100)[1]))
    assert np.abs(np.maximum(found, -100) - wanted_db).max() < 0.02


def test_tilt_turns_about_its_pivot():
    impulse = torch.nn.functional.pad(torch.ones(1, 1, 1).double(), (0, 40_000))
    y = registry["tilt_eq"](impulse, 44_100, tilt_db=6.0, pivot_hz=1_000.0)[0, 0].numpy()
    found = 20 * np.log10(np.abs(scipy.signal.freqz(y, worN=[1, 1_000, 22_000], fs=44_100)[1]))
    assert np.abs(found - [-6, 0, 6]).max() < 0.01
