"""Settings that made a reference are found again in a recording, whatever switches they need."""

import pytest
import torch

from reprs.console.knobs import Knobs
from reprs.console.recovered import _echo, recovered
from reprs.console.standard import single_console
from tests.effects.signals import music

RATE = 44_100


def known(console, **values):
    """Knobs with these values, and the effects that they belong to."""
    knobs = console.neutral(1, 1)
    for name, value in values.items():
        name = name.replace("__", ".")
        if name in console.shared_params:
            place = list(console.shared_params).index(name)
            knobs.shared[0, place] = console.shared_params[name].to_unit(torch.tensor(value))
            continue
        place = list(console.track_params).index(name)
        knobs.tracks[0, 0, place] = console.track_params[name].to_unit(torch.tensor(value))
    for on, names in ((knobs.tracks_on[0, 0], console.track_switches), (knobs.shared_on[0], console.buses)):
        for i, effect in enumerate(names):
            on[i] = any(name.startswith(f"{effect}__") for name in values)
    return knobs


def value(console, knobs: Knobs, name):
    if name in console.shared_params:
        params, z = console.shared_params, knobs.shared[0]
    else:
        params, z = console.track_params, knobs.tracks[0, 0]
    return float(params[name].from_unit(z[list(params).index(name)]))


@pytest.mark.slow
def test_an_equaliser_and_a_delay_are_found_again():
    console, x = single_console(), music(1, 2, 2 * RATE).float()[:, None]
    values = {
        "parametric_eq__low_shelf_gain_db": 5.0,
        "parametric_eq__peak3_gain_db": -6.0,
        "stereo_width__width": 1.4,
        "pan": 0.2,
        "delay__send_db": -12.0,
        "delay__delay_ms": 217.0,
    }
    reference = console(x, RATE, known(console, **values))[0]
    found = recovered(console, x, RATE, console.neutral(1, 1), reference, 30)
    y = console(x, RATE, found)[0]
    assert float((y - reference).square().sum() / reference.square().sum()) < 1e-6
    assert value(console, found, "stereo_width.width") == pytest.approx(1.4, abs=0.02)
    assert value(console, found, "delay.delay_ms") == pytest.approx(217, abs=0.05)
    switched = dict(zip(console.track_switches, found.tracks_on[0, 0].tolist(), strict=True))
    assert not switched["distortion"] and not switched["highpass"] and found.shared_on[0].tolist() == [0, 1]


def test_width_and_pan_are_found_again_and_nothing_is_added():
    console, x = single_console(), music(1, 2, RATE).float()[:, None]
    reference = console(x, RATE, known(console, stereo_width__width=1.5, pan=-0.3, fader_db=-2.0))[0]
    found = recovered(console, x, RATE, console.neutral(1, 1), reference, 12)
    assert value(console, found, "stereo_width.width") == pytest.approx(1.5, abs=0.02)
    assert value(console, found, "pan") == pytest.approx(-0.3, abs=0.02)
    assert not bool(found.shared_on.any())


def test_a_setting_that_is_the_answer_is_kept():
    console, x = single_console(), music(1, 2, RATE).float()[:, None]
    answer = known(console, pan=0.4)
    found = recovered(console, x, RATE, answer, console(x, RATE, answer)[0], 1)
    assert torch.equal(found.tracks, answer.tracks) and torch.equal(found.tracks_on, answer.tracks_on)


def test_an_echo_is_found_at_its_lag_and_gain():
    generator = torch.Generator().manual_seed(0)
    answer = torch.randn(2, 2, 8_000, generator=generator)
    left = torch.zeros(1, 2, 8_000)
    left[0, :, 321:] = 0.25 * answer[1, :, :-321]
    lags, gains = _echo(left, answer, 1_000)
    assert int(lags[1]) == 321
    assert float(gains[1]) == pytest.approx(0.25 * (1 - 321 / 8_000), rel=0.03)
