"""Controllers: what is heard, the knobs that come out, and refinement through the console."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import signal

from reprs.console import listening
from reprs.console.controller import Controller
from reprs.console.difference import difference
from reprs.console.heard import FREQUENCIES_HZ, heard
from reprs.console.knobs import Knobs
from reprs.console.refine import is_aligned, refine
from reprs.console.standard import single_console, standard_console
from reprs.console.trim import trimmed
from reprs.models import hub
from reprs.objectives.stft import multi_resolution_stft
from reprs.views.mixes import KnobPrior, level_db
from tests.effects.signals import music

RATE = 44_100


@pytest.fixture(scope="module")
def controller():
    """The shipped one."""
    return hub.load("controller")


def tracks(count=3, seconds=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = 0.1 * torch.randn(1, count, 2, round(seconds * RATE), generator=generator)
    # Each track has another colour and level.
    for i in range(count):
        b, a = signal.butter(2, (200 * (i + 1), 2_000 * (i + 1)), "bandpass", fs=RATE)
        wet = signal.lfilter(b, a, x[0, i].numpy()) * (i + 1)
        x[0, i] = torch.from_numpy(np.ascontiguousarray(wet, dtype=np.float32))
    return x


def prior(console):
    return KnobPrior(
        console.track_params, console.shared_params, console.track_switches, console.shared_switches
    )


def drawn(console, x, seed=0):
    d = prior(console).draw(level_db(x), torch.Generator().manual_seed(seed))
    return Knobs(d.tracks, d.shared, d.tracks_on, d.shared_on)


def test_shuffled_tracks_are_shuffled_knobs_and_the_same_mix(controller):
    x, order = tracks(), torch.tensor([2, 0, 1])
    reference = tracks(1, seed=5)[0, 0]
    one = controller(x, RATE, reference=reference)
    other = controller(x[:, order], RATE, reference=reference)
    assert torch.allclose(one.tracks[:, order], other.tracks, atol=1e-4)
    assert torch.equal(one.tracks_on[:, order], other.tracks_on)
    console = standard_console()
    mixes = [console(v, RATE, k) for v, k in ((x, one), (x[:, order], one.of(order)))]
    assert (mixes[0] - mixes[1]).abs().max() < 1e-5


def test_silent_and_masked_tracks_change_nothing(controller):
    x, reference = tracks(), tracks(1, seed=5)[0, 0]
    silent = torch.cat([x, torch.zeros_like(x[:, :1])], dim=1)
    masked = torch.cat([x, 5 * x[:, :1]], dim=1)
    mask = torch.tensor([[True, True, True, False]])
    alone = controller(x, RATE, reference=reference)
    for found in (controller(silent, RATE, reference=reference), controller(masked, RATE, mask, reference)):
        assert torch.allclose(found.tracks[:, :3], alone.tracks, atol=1e-5)
        assert torch.allclose(found.shared, alone.shared, atol=1e-5)
        assert torch.equal(found.tracks[:, 3], standard_console().neutral(1, 1).tracks[:, 0])


def test_references_and_words_change_what_it_does(controller):
    x = tracks(1)
    dark = torch.from_numpy(
        signal.lfilter(*signal.butter(4, 500, fs=RATE), tracks(1, seed=7)[0, 0].numpy()).astype(np.float32)
    )
    wishes = ({"reference": dark}, {"text": "very bright"}, {"text": "a warm, dark sound"}, {})
    found = [controller(x, RATE, console=single_console(), **w).tracks for w in wishes]
    for i in range(len(found)):
        for j in range(i):
            assert (found[i] - found[j]).abs().max() > 1e-3


def test_a_checkpoint_comes_back_the_same(controller, tmp_path):
    hub.save(controller, tmp_path / "again")
    again = hub.load(tmp_path / "again")
    x, reference = tracks(2), tracks(1, seed=5)[0, 0]
    assert torch.equal(
        controller(x, RATE, reference=reference).tracks, again(x, RATE, reference=reference).tracks
    )
    with pytest.raises(ValueError, match="another console"):
        Controller(knobs={"tracks": ["gain_db"], "shared": [], "tracks_on": [], "shared_on": []})


def test_the_mix_is_trimmed_to_the_reference():
    """Against the RMS of the same noise: a reference 5 dB louder asks for 5 dB."""
    console, x = standard_console(), tracks(2)
    there = torch.ones(1, 2, dtype=torch.bool)
    knobs = trimmed(console, x, RATE, console.neutral(1, 2), [x.sum(1)[0] * 10 ** (5 / 20)], RATE, there)
    before, after = (console(x, RATE, k).square().mean().sqrt() for k in (console.neutral(1, 2), knobs))
    assert 20 * math.log10(after / before) == pytest.approx(5, abs=0.05)


def test_filters_are_heard_as_scipy_hears_them():
    """Response of the strip's filters against the measured response of the strip itself to an impulse."""
    console = single_console()
    x = tracks(1)
    k = drawn(console, x, seed=3)
    on = torch.zeros_like(k.tracks_on[..., : len(console.strip.names)])
    on[..., [console.track_switches.index(n) for n in ("highpass", "parametric_eq")]] = True
    strip_z = k.tracks[:, 0, : len(console.strip)]
    impulse = torch.zeros(1, 2, 2**16, dtype=torch.float64)
    impulse[..., 0] = 1
    wet = console.strip(impulse, RATE, strip_z.double(), on[:, 0])[0, 0]
    hz = np.fft.rfftfreq(2**16, 1 / RATE)
    measured = np.interp(FREQUENCIES_HZ.numpy(), hz, 20 * np.log10(np.abs(np.fft.rfft(wet.numpy()))))
    found = heard(console.strip, strip_z, torch.tensor([-20.0]), on[:, 0]).response_db[0]
    assert np.abs(found.numpy() - measured).max() < 0.05


def test_settings_that_do_the_same_do_not_differ():
    console, x = standard_console(), tracks(2)
    k, levels = drawn(console, x), level_db(x)
    there = torch.ones(1, 2, dtype=torch.bool)
    assert all(float(v.detach()) < 1e-6 for v in difference(console, k, k, levels, there).values())
    # What is off does nothing, wherever its knobs are.
    off = replace(k, tracks_on=torch.zeros_like(k.tracks_on))
    moved = replace(off, tracks=off.tracks.clone())
    columns = [i for i, n in enumerate(console.track_params) if n.startswith("parametric_eq.")]
    moved.tracks[..., columns] = 0.9
    assert float(difference(console, off, moved, levels, there)["response"]) < 1e-6
    loud = replace(k, tracks=k.tracks.clone())
    loud.tracks[..., list(console.track_params).index("fader_db")] += 0.1
    assert float(difference(console, loud, k, levels, there)["level"]) > 0.5


def test_the_prior_draws_what_engineers_might_set():
    console = standard_console()
    draws = prior(console).draw(torch.full((400, 3), -20.0), torch.Generator().manual_seed(0))
    again = prior(console).draw(torch.full((400, 3), -20.0), torch.Generator().manual_seed(0))
    assert torch.equal(draws.tracks, again.tracks) and torch.equal(draws.shared_on, again.shared_on)
    assert bool(((draws.tracks >= 0) & (draws.tracks <= 1)).all())
    names = list(console.track_params)
    ratio = console.track_params["compressor.ratio"].from_unit(
        draws.tracks[..., names.index("compressor.ratio")]
    )
    assert 2 < float(ratio.median()) < 6
    gains = [i for i, n in enumerate(names) if n.endswith("_gain_db")]
    db = console.track_params["parametric_eq.peak1_gain_db"].from_unit(draws.tracks[..., gains])
    assert float(db.abs().quantile(0.9)) < 10


def test_tokens_do_not_depend_on_the_mixes_beside_them(controller):
    x = tracks(2)
    both = torch.cat([x, x.flip(1)])
    one, _ = controller.tokens(x, RATE)
    two, there = controller.tokens(both, RATE)
    assert one.shape[-1] == listening.TOKEN_DIM and bool(there.all())
    assert torch.allclose(two[:1], one, atol=1e-4)


def test_refinement_finds_a_known_setting_again():
    """The same stems through known filters: the loss falls and so does the error of the response."""
    console, x = single_console(), music(1, 2, 2 * RATE).float()[:, None]
    wanted = console.neutral(1, 1)
    names = list(console.track_params)
    wanted.tracks[..., names.index("parametric_eq.peak2_gain_db")] = 0.8
    wanted.tracks_on[..., console.track_switches.index("parametric_eq")] = True
    start = replace(wanted, tracks=console.neutral(1, 1).tracks)
    target = console(x, RATE, wanted)
    assert is_aligned(x, target[0])
    seen = []
    found = refine(console, x, RATE, start, target[0], steps=15, on_step=lambda step, loss: seen.append(step))
    errors = [multi_resolution_stft(console(x, RATE, k), target) for k in (start, found)]
    assert float(errors[1]) < 1e-3 * float(errors[0])
    assert seen == list(range(len(seen))) and seen


def test_a_mix_of_the_very_tracks_is_known_by_a_part_of_the_spectrum():
    """Above 12 kHz the recording, in bursts of 50 ms; below, other bursts. Late, it is not in time."""
    generator = torch.Generator().manual_seed(0)

    def bursts() -> torch.Tensor:
        frames = torch.rand(40, generator=generator).pow(3).repeat_interleave(RATE // 20)
        return frames * torch.randn(2, len(frames), generator=generator)

    x, other = bursts(), bursts()
    spectra = torch.fft.rfft(torch.stack([x, other]))
    high = torch.fft.rfftfreq(x.shape[-1], 1 / RATE) > 12_000
    reference = torch.fft.irfft(torch.where(high, spectra[0], spectra[1]), n=x.shape[-1])
    assert is_aligned(x[None, None], reference)
    assert not is_aligned(x[None, None], reference.roll(RATE // 3, dims=-1))
    assert not is_aligned(x[None, None], other)


def test_other_music_is_followed_with_care():
    console, x = single_console(), tracks(1)
    reference = tracks(1, seed=9)[0, 0] * 0.5
    assert not is_aligned(x, reference)
    start = console.neutral(1, 1)
    start.tracks_on[:] = True
    found = refine(console, x, RATE, start, reference, steps=3)
    moved = (found.tracks - start.tracks).abs()
    moved[..., list(console.track_params).index("fader_db")] = 0
    assert float(moved.max()) < 0.08


@pytest.mark.parametrize("gradient", ["spsa", "finite_differences"])
def test_a_plugin_in_the_strip_is_refined_too(gradient):
    """A gain that says nothing of its gradient: the estimate finds the level of the reference."""
    pedalboard = pytest.importorskip("pedalboard")
    from reprs.console.console import Console
    from reprs.effects import Chain
    from reprs.effects.black_box import from_pedalboard

    assert hasattr(pedalboard, "Gain")
    console = Console(Chain([from_pedalboard("Gain", gradient=gradient)]))
    x = tracks(1, 0.5)
    wanted = console.neutral(1, 1)
    wanted.tracks_on[:] = True
    start = replace(wanted, tracks=wanted.tracks.clone())
    wanted.tracks[..., 0] += 0.1
    target = console(x, RATE, wanted)[0]
    found = refine(console, x, RATE, start, target, steps=40, aligned=True)
    errors = [multi_resolution_stft(console(x, RATE, k), target[None]) for k in (start, found)]
    assert float(errors[1]) < 0.5 * float(errors[0])
