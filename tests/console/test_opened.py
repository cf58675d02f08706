"""Every switch on without a change that matters; and what a gradient then finds, that throws no switch."""

import torch

from reprs.console.knobs import all_on
from reprs.console.opened import opened
from reprs.console.refine import refine
from reprs.console.standard import single_console, standard_console
from reprs.effects import registry

RATE = 44_100


def noise(*shape, seed=0):
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_an_opened_mix_is_nearly_the_same():
    console, tracks = standard_console(), noise(1, 2, 2, RATE)
    knobs = console.neutral(1, 2)
    before, after = console(tracks, RATE, knobs), console(tracks, RATE, opened(console, knobs))
    assert float((after - before).square().mean() / before.square().mean()) < 10**-2.0


def test_all_effects_are_on_and_what_was_on_stays():
    console = standard_console()
    knobs = console.neutral(2, 3)
    knobs.tracks_on[..., console.track_switches.index("compressor")] = True
    names = list(console.track_params)
    knobs.tracks[..., names.index("compressor.ratio")] = 0.7
    knobs.tracks[..., names.index("reverb.send_db")] = 0.8
    found = opened(console, knobs)
    assert bool((found.tracks_on == all_on(console.track_switches)).all()) and bool(found.shared_on.all())
    for i, name in enumerate(names):
        if name.startswith("compressor.") or name == "reverb.send_db":
            assert torch.equal(found.tracks[..., i], knobs.tracks[..., i]), name
    assert float(found.tracks[..., names.index("delay.send_db")].min()) > 0.1
    assert torch.equal(opened(console, found).tracks, found.tracks)


def test_refinement_turns_up_an_equaliser_that_was_off():
    console, tracks = single_console(), noise(1, 1, 2, RATE)
    bell = dict(peak2_hz=800.0, peak2_gain_db=9.0, peak2_q=1.0)
    # The shipped strip has narrower ranges, and the same equaliser.
    reference = registry["parametric_eq"](tracks[0], RATE, **bell)[0]
    found = refine(console, tracks, RATE, console.neutral(1, 1), reference, 40, aligned=True)
    y = console(tracks, RATE, found)[0]
    missed = [float((x - reference).square().mean() / reference.square().mean()) for x in (tracks[0, 0], y)]
    assert missed[1] < 0.25 * missed[0]
