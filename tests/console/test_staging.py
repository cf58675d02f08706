"""A level moved inside a strip is not heard, and comes back to where the equaliser moves least."""

import pytest
import torch

from reprs.console.staging import Staging
from reprs.console.standard import single_console
from tests.console.test_recovered import known, value
from tests.effects.signals import music

RATE = 44_100
CONSOLE = single_console()
ANSWER = known(
    CONSOLE,
    parametric_eq__peak2_gain_db=-6.0,
    compressor__threshold_db=-24.0,
    compressor__makeup_db=2.0,
    fader_db=-1.0,
)


def slid(by_db):
    return CONSOLE.unflatten(Staging(CONSOLE, RATE).slid(CONSOLE.flatten(ANSWER)[0], by_db)[None], 1, ANSWER)


@pytest.mark.parametrize("by_db", [-5.0, 7.0])
def test_a_level_inside_the_strip_is_not_heard(by_db):
    x = music(1, 2, RATE).float()[:, None]
    before, after = (CONSOLE(x, RATE, knobs) for knobs in (ANSWER, slid(by_db)))
    assert float((after - before).square().sum() / before.square().sum()) < 1e-2
    assert value(CONSOLE, slid(by_db), "compressor.threshold_db") == pytest.approx(-24 + by_db, abs=1e-3)


def test_makeup_gives_what_it_has_and_the_fader_the_rest():
    louder, softer = slid(7.0), slid(-5.0)
    assert value(CONSOLE, louder, "compressor.makeup_db") == pytest.approx(0, abs=1e-3)
    assert value(CONSOLE, louder, "fader_db") == pytest.approx(-6, abs=1e-3)
    assert value(CONSOLE, softer, "compressor.makeup_db") == pytest.approx(7, abs=1e-3)
    assert value(CONSOLE, softer, "fader_db") == pytest.approx(-1, abs=1e-3)


def test_the_level_comes_back():
    staging = Staging(CONSOLE, RATE)
    calm, level_db = staging.least_moved(CONSOLE.flatten(slid(7.0))[0])
    assert level_db == pytest.approx(-7, abs=0.5)
    knobs = CONSOLE.unflatten(calm[None], 1, ANSWER)
    assert value(CONSOLE, knobs, "compressor.threshold_db") == pytest.approx(-24, abs=0.5)
    assert staging.gains_db(calm) == pytest.approx(6, abs=1.5)
    assert torch.allclose(staging.slid(calm, 0.0), calm)
