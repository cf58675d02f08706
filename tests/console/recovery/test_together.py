"""Settings that made a mix of several tracks are found again in all of them."""

from types import SimpleNamespace

import pytest
import torch

from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.console.recovery.equalisers import EQUALISER, MASTER
from reprs.console.recovery.excerpted import _stretch
from reprs.console.recovery.least_squares import Found
from reprs.console.recovery.recovered import recovered
from reprs.console.recovery.together import Together
from reprs.console.refine import recoverable, refine
from reprs.console.standard import standard_console
from reprs.effects import Chain
from tests.effects.signals import music

RATE = 44_100
STANDARD = standard_console()
SMALL = Console(Chain([STANDARD.strip.effects[i] for i in (1, 4)]))


def known(console, tracks, shared=None):
    """Knobs with a mapping of values for each track, and the effects that they belong to."""
    knobs = console.neutral(1, len(tracks))
    for n, values in enumerate(tracks):
        for name, value in values.items():
            place = list(console.track_params).index(name)
            knobs.tracks[0, n, place] = console.track_params[name].to_unit(torch.tensor(value))
        for i, effect in enumerate(console.track_switches):
            knobs.tracks_on[0, n, i] = any(name.startswith(f"{effect}.") for name in values)
    for name, value in (shared or {}).items():
        place = list(console.shared_params).index(name)
        knobs.shared[0, place] = console.shared_params[name].to_unit(torch.tensor(value))
    for i, effect in enumerate(console.shared_switches):
        knobs.shared_on[0, i] = any(name.startswith(f"{effect}.") for name in shared or {})
    return knobs


def natural(console, knobs, n, name):
    place = list(console.track_params).index(name)
    return float(console.track_params[name].from_unit(knobs.tracks[0, n, place]))


def response_db(console, knobs, n):
    """What the equaliser of a track makes of an impulse, in dB at octaves from 100 Hz to 6.4 kHz."""
    place = console.strip.names.index("parametric_eq")
    impulse = torch.zeros(1, 1, RATE)
    impulse[..., 0] = 1
    z = knobs.tracks[0, n : n + 1, console.strip.slices[place]]
    spectrum = torch.fft.rfft(console.strip.effects[place](impulse, RATE, z)[0, 0]).abs()
    return 20 * torch.log10(spectrum[100 * 2 ** torch.arange(7)])


def stems(seconds, count=2):
    return music(count, 2, round(seconds * RATE)).float()[None]


def apart(y, target):
    return float((y - target).square().sum() / target.square().sum())


def test_equalisers_pans_and_widths_of_two_tracks_are_found_again():
    x = stems(1.0)
    values = (
        {"parametric_eq.low_shelf_gain_db": 5.0, "parametric_eq.peak3_gain_db": -6.0, "pan": 0.3},
        {"parametric_eq.peak2_gain_db": 4.0, "stereo_width.width": 1.4, "fader_db": -3.0},
    )
    answer = known(SMALL, values)
    reference = SMALL(x, RATE, answer)[0]
    found = recovered(SMALL, x, RATE, SMALL.neutral(1, 2), reference, 12)
    assert apart(SMALL(x, RATE, found)[0], reference) < 1e-5
    for n in range(2):
        level_db = response_db(SMALL, found, n) + natural(SMALL, found, n, "fader_db")
        wanted_db = response_db(SMALL, answer, n) + natural(SMALL, answer, n, "fader_db")
        assert level_db.tolist() == pytest.approx(wanted_db.tolist(), abs=0.5)
    assert natural(SMALL, found, 0, "pan") == pytest.approx(0.3, abs=0.02)
    assert natural(SMALL, found, 1, "stereo_width.width") == pytest.approx(1.4, abs=0.03)


@pytest.mark.slow
def test_compressors_a_reverb_and_a_masters_width_are_found_again():
    x = stems(2.0)
    values = (
        {"parametric_eq.peak3_gain_db": -6.0, "compressor.threshold_db": -26.0, "reverb.send_db": -10.0},
        {"highpass.cutoff_hz": 120.0, "parametric_eq.high_shelf_gain_db": 4.0, "pan": -0.4},
    )
    answer = known(STANDARD, values, {"reverb.pre_delay_ms": 20.0, "master.stereo_width.width": 1.3})
    reference = STANDARD(x, RATE, answer)[0]
    found = recovered(STANDARD, x, RATE, STANDARD.neutral(1, 2), reference, 20)
    assert apart(STANDARD(x, RATE, found)[0], reference) < 1e-3
    assert natural(STANDARD, found, 1, "pan") == pytest.approx(-0.4, abs=0.05)
    assert bool(found.shared_on[0, STANDARD.shared_switches.index("reverb")])


def test_a_silent_track_keeps_its_knobs_and_the_others_are_found():
    x = torch.cat([stems(1.0, 1), torch.zeros(1, 1, 2, RATE), stems(1.0)[:, 1:]], dim=1)
    answer = known(SMALL, ({"pan": 0.5}, {"pan": -0.9}, {"pan": -0.5}))
    reference = SMALL(x, RATE, answer)[0]
    start = SMALL.neutral(1, 3)
    found = refine(SMALL, x, RATE, start, reference, steps=3, aligned=True)
    pans = [natural(SMALL, found, n, "pan") for n in range(3)]
    assert pans == pytest.approx([0.5, 0.0, -0.5], abs=0.03)


def test_what_was_better_but_not_by_enough_comes_in_when_nothing_else_is_promising():
    """The master's equaliser can do what strips should: half of the loss is not enough at first."""
    equaliser = f"{MASTER}{EQUALISER}"
    losses = {(): 1.0, (equaliser,): 0.5, (equaliser, "delay"): 1e-12, ("reverb",): 0.95}

    class Scripted(Together):
        def __init__(self):
            self.excerpt = SimpleNamespace(model=lambda best, on: None, at=lambda z, on: Found(z, 1.0))
            self.asked = []

        def closer(self, best, on, rounds, enough=0.0):
            return Found(best.z, losses[tuple(on)])

        def _without(self, model, best, on):
            return {}

        def _most_promising(self, model, best, on, tried, without):
            self.asked.append((tuple(on), tuple(tried)))
            offered = {(): ["reverb", equaliser], (equaliser,): ["delay"]}[tuple(on)]
            return [(name, best.z) for name in offered if name not in tried][:1]

    search = Scripted()
    best, on = search._searched(Found(torch.zeros(1), 1.0), [])
    assert on == [equaliser, "delay"] and best.loss == 1e-12
    # What was tried in vain is open to be tried again once something has changed.
    before = [((), tried) for tried in ((), ("reverb",), ("reverb", equaliser))]
    assert search.asked == [*before, ((equaliser,), ())]


def test_groups_and_side_chains_are_left_to_the_gradient():
    knobs = STANDARD.neutral(1, 2)
    assert recoverable(STANDARD, knobs)
    assert not recoverable(standard_console(["drums"]), knobs)
    moving = Knobs(knobs.tracks[..., None].expand(-1, -1, -1, 3), knobs.shared)
    assert not recoverable(STANDARD, moving)


def test_the_stretch_is_where_every_track_sounds():
    reference, tracks = torch.ones(2, 10 * RATE), torch.zeros(2, 2, 10 * RATE)
    tracks[0] = 1
    tracks[1, :, 6 * RATE : 9 * RATE] = 1
    heard, target, lead = _stretch(tracks, reference, RATE)
    assert heard.shape[-1] == target.shape[-1]
    judged = heard[1, 0, lead:]
    assert float(judged.mean()) > 0.2 and int(lead) == 3 * RATE
