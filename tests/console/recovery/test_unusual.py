"""Bands that nobody would set cost more; the density is SciPy's."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from reprs.console.recovery.unusual import FLAT_DB, UnusualBands
from reprs.console.standard import standard_console
from reprs.views.mixes import FLAT_SHARE, SPREADS, level_db

CONSOLE = standard_console()
NAMES = [*(f"0:{name}" for name in CONSOLE.track_params), *CONSOLE.shared_params]
PARAMS = [*CONSOLE.track_params.values(), *CONSOLE.shared_params.values()]
UNUSUAL = UnusualBands(NAMES, PARAMS)
FLAT = {name: 0.0 for name in NAMES if name.endswith("gain_db")}


def at(**values):
    """Knobs in [0, 1] with all bands at 0 dB but for these of the strip's equaliser."""
    given = FLAT | {f"0:parametric_eq.{name}": value for name, value in values.items()}
    z = [
        param.to_unit(torch.tensor(given.get(name, float(param.default))))
        for name, param in zip(NAMES, PARAMS, strict=True)
    ]
    return torch.stack(z)


def costs(**values):
    return UNUSUAL(at(**values)) - UNUSUAL(at())


@pytest.mark.parametrize(
    ("gain_db", "hz", "q"), [(4.0, 1_900.0, 1.0), (-9.0, 5_000.0, 0.4), (0.2, 900.0, 3.0)]
)
def test_a_band_costs_the_logarithm_of_its_density(gain_db, hz, q):
    # Up to a constant: the densities of places are taken against those of their middles.
    where = [norm.pdf(math.log2(hz / 1_900), scale=0.8), norm.pdf(math.log2(q), scale=0.7)]
    usual = np.prod([w / norm.pdf(0, scale=s) for w, s in zip(where, (0.8, 0.7), strict=True)])
    drawn = (1 - FLAT_SHARE) * norm.pdf(gain_db, scale=4.5) * usual
    flat = FLAT_SHARE * norm.pdf(gain_db, scale=FLAT_DB)
    none = FLAT_SHARE * norm.pdf(0, scale=FLAT_DB) + (1 - FLAT_SHARE) * norm.pdf(0, scale=4.5)
    found = costs(peak3_gain_db=gain_db, peak3_hz=hz, peak3_q=q)
    assert found == pytest.approx(math.log(none) - math.log(drawn + flat), abs=2e-2)


def test_a_band_that_is_flat_may_stand_anywhere():
    most = math.log(1 + (1 - FLAT_SHARE) * FLAT_DB / (FLAT_SHARE * 4.5))  # it may have been drawn, too
    assert 0 <= costs(peak1_gain_db=0.0, peak1_hz=500.0, peak1_q=3.0) <= most + 1e-3


def test_one_bell_is_more_usual_than_shelves_and_bells_that_lift_all_else():
    one = costs(peak3_gain_db=-4.0)
    raised = costs(
        low_shelf_gain_db=4.0, high_shelf_gain_db=4.0, peak1_gain_db=4.0, peak2_gain_db=4.0, peak4_gain_db=4.0
    )
    assert raised > one + 10


@pytest.mark.parametrize("name", SPREADS)
def test_values_deviate_as_they_are_drawn(name):
    deviations = torch.linspace(-2, 2, 9)
    level = level_db(0.1 * torch.ones(1, 2, 8))
    drawn = SPREADS[name].draw(level, deviations)
    torch.testing.assert_close(SPREADS[name].deviating(drawn, level), deviations, atol=1e-4, rtol=0)
