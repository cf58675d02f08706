"""Amount, parts and locks: what is not to change does not, and half of a setting is half of it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from reprs.console.amount import scaled
from reprs.console.held_regions import held
from reprs.console.parts import at_rest, parse_locks, parse_only, parts_of, without
from reprs.console.standard import standard_console
from tests.console.test_console import RATE, db, drawn, noise, only, set_to

CONSOLE = standard_console()


def natural(knobs, name, track=0):
    column = list(CONSOLE.track_params).index(name)
    return float(CONSOLE.track_params[name].from_unit(knobs.tracks[0, track, column]))


def test_nothing_of_a_setting_is_the_sum_and_all_of_it_the_setting():
    knobs, x = drawn(CONSOLE, 1, 3), noise(1, 3)
    assert scaled(CONSOLE, knobs, 1) is knobs
    assert torch.allclose(CONSOLE(x, RATE, scaled(CONSOLE, knobs, 0)), x.sum(1), atol=1e-6)


@pytest.mark.parametrize("amount", [0.5, 1.5])
def test_an_amount_scales_each_knob_in_its_own_way(amount):
    knobs = set_to(
        CONSOLE,
        CONSOLE.neutral(1, 1),
        0,
        parametric_eq__peak2_gain_db=-6,
        parametric_eq__peak2_hz=700,
        compressor__ratio=4,
        compressor__threshold_db=-30,
        compressor__makeup_db=5,
        stereo_width__width=1.4,
        distortion__mix=0.3,
        reverb__send_db=-20,
        fader_db=3,
        pan=-0.4,
    )
    much = scaled(CONSOLE, knobs, amount)
    expected = {
        "parametric_eq.peak2_gain_db": -6 * amount,
        "parametric_eq.peak2_hz": 700,
        "compressor.ratio": 4**amount,
        "compressor.threshold_db": -30,
        "compressor.makeup_db": 5 * amount,
        "stereo_width.width": 1 + 0.4 * amount,
        "distortion.mix": 0.3 * amount,
        "reverb.send_db": -20 + 20 * math.log10(amount),
        "delay.send_db": -48,
        "fader_db": 3 * amount,
        "pan": -0.4 * amount,
    }
    for name, value in expected.items():
        assert natural(much, name) == pytest.approx(value, rel=1e-4, abs=1e-4), name


def test_parts_have_the_names_that_people_use():
    assert parts_of(CONSOLE)[:3] == ["highpass", "parametric_eq", "compressor"]
    assert parse_only(CONSOLE, ["eq,Compressor"]) == {"highpass", "parametric_eq", "compressor"}
    assert parse_only(CONSOLE, ["level", "reverb"]) == {"fader", "reverb"}
    with pytest.raises(ValueError, match=r"nothing here is called 'chorus'; there are: eq, highpass"):
        parse_only(CONSOLE, ["chorus"])
    found = parse_locks(CONSOLE, ["low end", "width, Lead vocals", "2k-5k"], ["Lead vocals", "bass"])
    assert found == ({"stereo_width"}, [0], [(20, 150), (2_000, 5_000)])
    with pytest.raises(ValueError, match="nothing here is called 'drums'"):
        parse_locks(CONSOLE, ["drums"], ["bass"])


def test_without_all_parts_nothing_is_left():
    knobs, x = drawn(CONSOLE, 1, 3), noise(1, 3)
    bare = without(CONSOLE, knobs, set(parts_of(CONSOLE)))
    assert torch.allclose(CONSOLE(x, RATE, bare), x.sum(1), atol=1e-6)


def test_with_only_the_equaliser_it_is_the_equaliser():
    knobs, x = drawn(CONSOLE, 1, 2, switched=False), noise(1, 2)
    eq = without(CONSOLE, knobs, set(parts_of(CONSOLE)) - parse_only(CONSOLE, ["parametric_eq"]))
    part, effect = CONSOLE.strip.slices[1], CONSOLE.strip.effects[1]
    stems = CONSOLE.render(x, RATE, eq).stems
    for n in range(2):
        assert torch.allclose(stems[:, n], effect(x[:, n], RATE, knobs.tracks[:, n, part]), atol=1e-5)
    assert not eq.shared_on[0, CONSOLE.shared_switches.index("reverb")]


def test_a_locked_track_comes_out_as_it_went_in():
    knobs, x = drawn(CONSOLE, 1, 3), noise(1, 3)
    stems = CONSOLE.render(x, RATE, at_rest(CONSOLE, knobs, [1])).stems
    expected = CONSOLE.render(x, RATE, knobs).stems
    assert torch.allclose(stems[:, 1], x[:, 1], atol=1e-6)
    assert torch.equal(stems[:, ::2], expected[:, ::2])


@pytest.mark.parametrize("region", [(20, 150), (250, 4_000), (6_000, 20_000)])
def test_a_locked_region_holds_still(region):
    """The response of the whole strip, from a click, before and after."""
    knobs = drawn(CONSOLE, 1, 8, switched=False)
    part = without(CONSOLE, knobs, set(parts_of(CONSOLE)) - {"highpass", "parametric_eq"})
    click = torch.zeros(1, 8, 1, 2**15)
    click[..., 0] = 1

    def response_db(knobs):
        spectrum = torch.fft.rfft(CONSOLE.render(click, RATE, knobs).stems[0, :, 0])
        return 20 * torch.log10(spectrum.abs() + 1e-9).numpy()

    hz = np.fft.rfftfreq(2**15, 1 / RATE)
    inside = (hz >= region[0]) & (hz <= region[1])
    calm = response_db(held(CONSOLE, part, [region], RATE))
    assert np.abs(calm[:, inside]).max() < 0.52
    assert np.abs(response_db(part)[:, inside]).max() > 3
    assert np.abs(calm[:, ~inside]).max() > 1


def test_what_is_far_from_a_locked_region_stays():
    knobs = set_to(
        CONSOLE,
        CONSOLE.neutral(1, 1),
        0,
        parametric_eq__peak4_gain_db=9,
        parametric_eq__peak4_hz=8_000,
        parametric_eq__peak1_gain_db=-9,
        parametric_eq__peak1_hz=100,
    )
    calm = held(CONSOLE, knobs, [(20, 200)], RATE)
    assert natural(calm, "parametric_eq.peak4_gain_db") == pytest.approx(9, abs=1e-4)
    assert abs(natural(calm, "parametric_eq.peak1_gain_db")) < 0.51
    assert held(CONSOLE, knobs, [], RATE) is knobs


def test_the_sends_of_a_locked_bus_are_closed():
    knobs, x = only(CONSOLE, drawn(CONSOLE, 1, 2), "reverb"), noise(1, 2)
    dry = without(CONSOLE, replace(knobs, shared_on=None), {"reverb"})
    assert not CONSOLE.render(x, RATE, dry).buses["reverb"].any()
    assert natural(dry, "reverb.send_db") == -48 and db(-48) < 0.01
