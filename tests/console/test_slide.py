"""An equaliser's level slides along while its shape stays, judged by the spectrum of its impulse response."""

import pytest
import torch

from reprs.console.slide import least_moved, slid
from reprs.console.standard import single_console

RATE, LENGTH = 44_100, 2**15
CONSOLE = single_console()
EQUALISER = CONSOLE.strip.effects[CONSOLE.strip.names.index("parametric_eq")]


def knobs(**values):
    return EQUALISER.to_unit(1, dtype=torch.float64, **values)[0]


def response_db(z):
    """What an impulse becomes, in dB at 40 Hz to 16 kHz."""
    impulse = torch.zeros(1, 1, LENGTH, dtype=torch.float64)
    impulse[..., 0] = 1
    level_db = 20 * torch.log10(torch.fft.rfft(EQUALISER(impulse, RATE, z[None])[0, 0]).abs())
    hz = torch.logspace(1.602, 4.204, 100)
    return level_db[(hz * LENGTH / RATE).round().long()]


def gains_db(z):
    names = [name for name in EQUALISER.params if name.endswith("gain_db")]
    return torch.stack([30 * (z[list(EQUALISER.params).index(name)] - 0.5) for name in names])


@pytest.mark.parametrize("by_db", [-4.0, 5.0])
def test_a_louder_equaliser_has_the_same_shape(by_db):
    z = knobs(low_shelf_gain_db=3.0, peak3_gain_db=-4.0)
    louder_db = response_db(slid(EQUALISER, RATE, z, by_db)) - response_db(z)
    assert float((louder_db - by_db).square().mean().sqrt()) < 0.15


def test_bands_that_nobody_moved_come_back_from_a_level_that_says_nothing():
    z = knobs(peak3_gain_db=-6.0)
    loud = slid(EQUALISER, RATE, z, 8.0)
    assert float(gains_db(loud).abs().sum()) > 15
    calm, level_db = least_moved(EQUALISER, RATE, loud)
    assert level_db == pytest.approx(-8.0, abs=0.5)
    assert float(gains_db(calm).abs().sum()) == pytest.approx(6.0, abs=1.5)
    assert float((response_db(calm) - response_db(z)).square().mean().sqrt()) < 0.5


def test_an_equaliser_at_rest_stays_there():
    calm, level_db = least_moved(EQUALISER, RATE, knobs())
    assert level_db == pytest.approx(0, abs=0.01)
    assert float(gains_db(calm).abs().max()) < 0.05
