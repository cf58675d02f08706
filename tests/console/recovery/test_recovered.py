"""Settings that made a reference are found again in a recording, whatever switches they need."""

import numpy as np
import pytest
import torch

from reprs.console.knobs import FIRST, Knobs
from reprs.console.recovery.begun import echoes
from reprs.console.recovery.in_box import in_box
from reprs.console.recovery.recovered import recovered
from reprs.console.recovery.responses import Bands
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


def response_db(console, knobs):
    """What the equaliser makes of an impulse, in dB at octaves from 100 Hz to 6.4 kHz."""
    place = console.strip.names.index("parametric_eq")
    impulse = torch.zeros(1, 1, RATE)
    impulse[..., 0] = 1
    z = knobs.tracks[0, :, console.strip.slices[place]]
    spectrum = torch.fft.rfft(console.strip.effects[place](impulse, RATE, z)[0, 0]).abs()
    return 20 * torch.log10(spectrum[100 * 2 ** torch.arange(7)])


def louder(equaliser, z, by_db):
    """Knobs `(18,)` of an equaliser with the response of `z` and so much more at all frequencies; a ripple of
    some hundredths of a decibel is all that can be heard of it."""
    bands = Bands(equaliser, RATE)
    wanted_db = bands.each_db(z.double().numpy()[None])[0].sum(0) + by_db

    def heard(values):
        response_db, slopes = bands.slopes(values)
        return response_db - wanted_db, slopes

    starts = np.random.default_rng(0).uniform(size=(40, len(z)))
    places, left = in_box(heard, starts, np.zeros(len(z)), np.ones(len(z)), 60)
    ripples_db = np.sqrt(left / len(wanted_db))
    return torch.from_numpy(places[np.abs(np.log(ripples_db / 0.02)).argmin()]).float()


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


@pytest.mark.slow
def test_a_gain_at_all_frequencies_goes_back_to_where_it_was_taken_from():
    console, x = single_console(), music(1, 2, RATE).float()[:, None]
    values = {"parametric_eq__peak2_gain_db": -6.0, "compressor__threshold_db": -24.0, "fader_db": 3.0}
    answer = known(console, **values)
    reference = console(x, RATE, answer)[0]
    start = known(console, **values | {"compressor__threshold_db": -16.0, "fader_db": -5.0})
    place = console.strip.names.index("parametric_eq")
    equaliser, columns = console.strip.effects[place], console.strip.slices[place]
    start.tracks[0, 0, columns] = louder(equaliser, answer.tracks[0, 0, columns], 8.0)
    # What is heard is next to nothing: without other levels to start from, descents stay far from the answer.
    y = console(x, RATE, start)[0]
    assert float((y - reference).square().sum() / reference.square().sum()) < 1e-3
    found = recovered(console, x, RATE, start, reference, 30)
    # Three bells at one place do what one did: it is the response that comes back.
    level_db = response_db(console, found) - response_db(console, answer)
    assert float(level_db.abs().max()) < 0.3
    assert value(console, found, "compressor.threshold_db") == pytest.approx(-24.0, abs=0.5)


def test_width_and_pan_are_found_again_and_nothing_is_added():
    console, x = single_console(), music(1, 2, RATE).float()[:, None]
    reference = console(x, RATE, known(console, stereo_width__width=1.5, pan=-0.3, fader_db=-2.0))[0]
    found = recovered(console, x, RATE, console.neutral(1, 1), reference, 12)
    assert value(console, found, "stereo_width.width") == pytest.approx(1.5, abs=0.02)
    assert value(console, found, "pan") == pytest.approx(-0.3, abs=0.02)
    assert not bool(found.shared_on.any())


@pytest.mark.slow
def test_a_compressor_before_the_equaliser_is_found_there():
    console, x = single_console(), music(1, 2, RATE).float()[:, None]
    first = console.track_switches.index(f"compressor{FIRST}")
    answer = known(
        console,
        parametric_eq__low_shelf_gain_db=9.0,
        parametric_eq__peak3_gain_db=-8.0,
        compressor__threshold_db=-35.0,
        compressor__ratio=6.0,
        compressor__attack_ms=1.0,
        compressor__release_ms=40.0,
    )
    answer.tracks_on[0, 0, first] = True
    found = recovered(console, x, RATE, console.neutral(1, 1), console(x, RATE, answer)[0], 30)
    assert bool(found.tracks_on[0, 0, first])
    assert value(console, found, "compressor.threshold_db") == pytest.approx(-35.0, abs=0.5)


def test_a_setting_that_is_the_answer_is_kept():
    console, x = single_console(), music(1, 2, RATE).float()[:, None]
    answer = known(console, pan=0.4)
    found = recovered(console, x, RATE, answer, console(x, RATE, answer)[0], 1)
    assert torch.equal(found.tracks, answer.tracks) and torch.equal(found.tracks_on, answer.tracks_on)


def test_an_echo_is_found_at_its_lag_and_gains():
    generator = torch.Generator().manual_seed(0)
    answers = torch.randn(2, 3, 2, 8_000, generator=generator)
    left = torch.zeros(1, 2, 8_000)
    left[0, :, 321:] = (0.25 * answers[1, 0] + 0.5 * answers[1, 2])[:, :-321]
    lags, gains, peaks = echoes(left, answers, 1_000, 500)
    assert lags[1, 0] == lags[1, 2] == 321
    for track in (0, 2):
        assert gains[1, track].tolist() == pytest.approx([0.25, 0.02, 0.5], abs=0.03)
        assert float(peaks[1, track, [0, 2]].min()) > 10 and float(peaks[1, track, 1]) < 5
    assert float(peaks[0].max()) < 5


def test_every_track_tells_its_own_lag():
    """Two echoes of different tracks: a louder one that something else has made hides none."""
    generator = torch.Generator().manual_seed(1)
    answers = torch.randn(1, 2, 2, 8_000, generator=generator)
    left = torch.zeros(1, 2, 8_000)
    left[0, :, 321:] += answers[0, 0][:, :-321]
    left[0, :, 654:] += 0.5 * answers[0, 1][:, :-654]
    lags, gains, peaks = echoes(left, answers, 1_000, 500)
    assert lags[0].tolist() == [321, 654]
    assert gains[0].diagonal().tolist() == pytest.approx([1.0, 0.5], abs=0.05)
    assert float(peaks[0].diagonal().min()) > 10 and float(peaks[0, 0, 1]) < 5


def test_sounds_that_end_at_once_are_no_echo():
    """Steady tones that are cut off: the phases of what is cut agree at no lag, and say nothing."""
    time = torch.arange(22_050) / RATE
    answer = torch.sin(2 * torch.pi * 220 * time) + torch.sin(2 * torch.pi * 331 * time)
    left = torch.sin(2 * torch.pi * 440 * time)
    late = torch.randn(22_050, generator=torch.Generator().manual_seed(0))
    answers = torch.stack([answer, late])[None, :, None].expand(-1, -1, 2, -1)
    left[200:] += 0.03 * late[:-200]
    lags, _, peaks = echoes(left.expand(1, 2, -1), answers, 2_000, 4_000)
    assert int(lags[0, 1]) == 200 and float(peaks[0, 0, 0]) < float(peaks[0, 1, 1])
