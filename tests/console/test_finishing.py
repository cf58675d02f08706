"""The way from a recording to its finished version, found again where the console has made it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from reprs.console.finishing import finishing
from reprs.console.standard import standard_console
from reprs.views.mixes import KnobPrior
from reprs.views.normalisation import BANDS, BANDS_PER_OCTAVE, LOWEST_HZ, EffectNormaliser
from tests.console.test_console import RATE

CONSOLE = standard_console()
NAMES = list(CONSOLE.track_params)
HZ = LOWEST_HZ * 2 ** (np.arange(BANDS) / BANDS_PER_OCTAVE)


def beats(seconds=4):
    """Bursts of noise of different loudness, four a second, that fall by 30 dB each; a side of their own."""
    dice = torch.Generator().manual_seed(3)
    t = torch.arange(seconds * RATE) / RATE
    loud = 10 ** (-torch.rand(4 * seconds, generator=dice) * 12 / 20)
    envelope = loud[(4 * t).long()] * 10 ** (-30 * (4 * t % 1) / 20)
    mid, side = torch.randn(2, len(t), generator=dice) * envelope
    return 0.3 * torch.stack([mid + 0.5 * side, mid - 0.5 * side])


def drawn(seed=0):
    prior = KnobPrior(
        CONSOLE.track_params, CONSOLE.shared_params, CONSOLE.track_switches, CONSOLE.shared_switches
    )
    found = prior.draw(torch.tensor([[-20.0]]), torch.Generator().manual_seed(seed))
    knobs = CONSOLE.neutral(1, 1)
    return replace(knobs, **{n: getattr(found, n) for n in ("tracks", "shared", "tracks_on", "shared_on")})


def made(**natural):
    """A setting with these knobs, "__" standing for the dot, and the effects on that they belong to."""
    knobs = CONSOLE.neutral(1, 1)
    for name, value in natural.items():
        knob = name.replace("__", ".")
        param = CONSOLE.track_params[knob]
        knobs.tracks[0, 0, NAMES.index(knob)] = param.to_unit(torch.tensor(float(value)))
        if "." in knob:
            knobs.tracks_on[0, 0, CONSOLE.track_switches.index(knob.split(".")[0])] = True
    return knobs


def led(x, target):
    spectra = [EffectNormaliser.measure(y[None], RATE)[0][0] for y in (x, target)]
    return finishing(CONSOLE, x, target, RATE, HZ, (spectra[1] - spectra[0]).numpy(), drawn())


def value(knobs, name):
    return float(CONSOLE.track_params[name].from_unit(knobs.tracks[0, 0, NAMES.index(name)]))


def test_an_equaliser_a_width_and_a_fader_are_found_and_nothing_else_is_on():
    truth = made(
        parametric_eq__low_shelf_gain_db=6, parametric_eq__peak3_gain_db=-5, stereo_width__width=1.5,
        fader_db=-4,
    )  # fmt: skip
    x = beats()
    found = led(x, CONSOLE(x[None, None], RATE, truth)[0])
    assert found.after < 0.15 and found.after < found.before / 3
    on = dict(zip(CONSOLE.track_switches, found.knobs.tracks_on[0, 0].tolist(), strict=True))
    assert on["parametric_eq"] and on["stereo_width"] and not on["highpass"] and not on["distortion"]
    assert value(found.knobs, "stereo_width.width") == pytest.approx(1.5, abs=0.1)
    for bus in CONSOLE.buses:
        assert value(found.knobs, f"{bus}.send_db") == CONSOLE.track_params[f"{bus}.send_db"].min
    master = [i for i, name in enumerate(CONSOLE.shared_switches) if name.startswith("master.")]
    assert not found.knobs.shared_on[0, master].any()


def test_a_compressor_is_found_where_there_was_one():
    x = beats()
    truth = made(compressor__threshold_db=-32, compressor__ratio=4, compressor__makeup_db=8)
    found = led(x, CONSOLE(x[None, None], RATE, truth)[0])
    assert found.knobs.tracks_on[0, 0, CONSOLE.track_switches.index("compressor")]
    assert found.after < 0.5 * found.before


def test_what_does_nothing_is_as_the_prior_drew_it():
    x, rest = beats(), drawn()
    found = led(x, 0.5 * x).knobs
    assert not found.tracks_on[0, 0, :5].any()
    assert torch.equal(found.tracks_on[..., 5], rest.tracks_on[..., 5])
    for name in ("parametric_eq.peak1_hz", "compressor.ratio", "distortion.drive_db"):
        i = NAMES.index(name)
        assert torch.equal(found.tracks[..., i], rest.tracks[..., i]), name
    assert value(found, "parametric_eq.peak1_gain_db") == pytest.approx(0, abs=1e-4)
    assert value(found, "fader_db") == pytest.approx(-6.02, abs=0.05)
