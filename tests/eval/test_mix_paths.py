"""Settings that make one mix are judged by the whole way of each track, others as they stand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from eval import mix_paths, mix_recovery
from eval.mix_knobs import EQ_HZ, POINTS, heard_errors
from eval.mix_paths import apart_db, errors_as_heard
from eval.mix_trials import Task, Trial
from eval.music import SAMPLE_RATE
from reprs.console.standard import standard_console
from tests.console.recovery.test_together import known

CONSOLE = standard_console()
BELL = {"peak2_gain_db": 6.0, "peak2_hz": 900.0, "peak2_q": 1.0}
OF_STRIP = {f"parametric_eq.{name}": value for name, value in BELL.items()}
OF_MASTER = {f"master.parametric_eq.{name}": value for name, value in BELL.items()}


def stems(seconds=1.0):
    generator = torch.Generator().manual_seed(3)
    return 0.1 * torch.randn(2, 2, round(seconds * SAMPLE_RATE), generator=generator)


def is_found(errors, as_heard=True):
    behind = mix_recovery.AS_HEARD if as_heard else ""
    names = mix_recovery.FOUND["found" + behind]
    return bool(torch.stack([~(errors[n] > mix_recovery.LIMITS[n]) for n in names]).all())


def errors(truth, found):
    x = stems()
    trial = Trial("song", x, x[0], x[0], truth)
    return mix_recovery.errors_of(Task("found, stems", CONSOLE, [trial]), trial, found)


def test_what_the_masters_equaliser_does_may_be_done_by_every_strip():
    truth = known(CONSOLE, ({"pan": 0.2}, {"fader_db": -4.0}), OF_MASTER)
    found = known(CONSOLE, ({"pan": 0.2} | OF_STRIP, {"fader_db": -4.0} | OF_STRIP))
    off = errors(truth, found)
    assert float(off["apart dB"].max()) < -100
    assert is_found(off) and not is_found(off, as_heard=False)
    assert float(off["EQ dB"].min()) > 1.5 and float(off["EQ dB as heard"].max()) < 1e-3


def test_a_width_may_be_the_masters_or_every_strips():
    truth = known(CONSOLE, ({}, {"stereo_width.width": 1.2}), {"master.stereo_width.width": 1.5})
    found = known(CONSOLE, ({"stereo_width.width": 1.5}, {"stereo_width.width": 1.8}))
    off = errors(truth, found)
    assert is_found(off) and not is_found(off, as_heard=False)
    # Behind a pan the two are not the same, and the strips' widths are judged as they stand.
    truth.tracks[0, :, list(CONSOLE.track_params).index("pan")] = 0.8
    found.tracks[0, :, list(CONSOLE.track_params).index("pan")] = 0.8
    assert not is_found(errors(truth, found))


@pytest.mark.parametrize(
    "wrong",
    [
        OF_STRIP,
        {"stereo_width.width": 1.3},
        {"compressor.threshold_db": -40.0, "compressor.ratio": 6.0, "compressor.makeup_db": 6.0},
    ],
)
def test_a_wrong_strip_is_not_found(wrong):
    truth = known(CONSOLE, ({"pan": 0.2}, {"fader_db": -4.0}), OF_MASTER)
    found = known(CONSOLE, ({"pan": 0.2}, {"fader_db": -4.0} | wrong), OF_MASTER)
    off = errors(truth, found)
    assert float(off["apart dB"].max()) > mix_paths.SAME_DB
    assert not is_found(off)
    as_set = heard_errors(CONSOLE, stems(), found, truth)
    for name, each in as_set.items():
        assert off[name + mix_recovery.AS_HEARD].tolist() == pytest.approx(each.tolist(), nan_ok=True)


def test_a_way_is_the_response_of_the_whole_console():
    """Against an impulse through the console itself, one track at a time."""
    knobs = known(
        CONSOLE,
        ({"highpass.cutoff_hz": 200.0, "fader_db": 2.0} | OF_STRIP, {"fader_db": -3.0}),
        OF_MASTER | {"master.stereo_width.width": 1.4},
    )
    found = mix_paths.way_response_db(CONSOLE, knobs)
    hz = np.logspace(*np.log10(EQ_HZ), POINTS)
    for n in range(2):
        x = torch.zeros(1, 2, 2, 2**16)
        x[0, n, :, 0] = 1
        spectrum = torch.fft.rfft(CONSOLE(x, SAMPLE_RATE, knobs)[0, 0].double()).abs()
        wanted_db = 20 * torch.log10(spectrum[(hz * 2**16 / SAMPLE_RATE).round().astype(int)])
        assert found[n].tolist() == pytest.approx(wanted_db.tolist(), abs=0.02)


DRIVEN = {"compressor.ratio": 1.0, "distortion.output_db": -6.0, "distortion.mix": 1.0}


def test_a_makeup_may_be_the_drive_of_a_distortion():
    """Louder into the same curve, or a steeper curve: every sample is the same."""
    truth = known(CONSOLE, ({}, DRIVEN | {"compressor.makeup_db": 6.0, "distortion.drive_db": 4.0}))
    found = known(CONSOLE, ({}, DRIVEN | {"compressor.makeup_db": 0.0, "distortion.drive_db": 10.0}))
    off = errors(truth, found)
    assert float(off["apart dB"].max()) < -100
    assert is_found(off) and float(off["EQ dB as heard"].max()) < 1e-3
    quiet = torch.full((1, 2, 1_000), 1e-4)
    softly = CONSOLE.stems(quiet[None].expand(1, 2, 2, -1), SAMPLE_RATE, truth)[0, 1, 0, 500]
    assert mix_paths.soft_gain_db(CONSOLE, truth)[1] + 6 == pytest.approx(
        20 * np.log10(float(softly) / 1e-4), abs=0.01
    )


def test_a_drive_that_another_track_takes_back_is_not_found():
    """Two tracks of one sound, too soft to bend: the mix is the same, their ways are not."""
    x = 1e-4 * stems()[:1].expand(2, -1, -1)
    settings = ({"distortion.drive_db": 9.0}, {"distortion.drive_db": 1.0})
    ways = [{"distortion.output_db": 0.0, "distortion.mix": 1.0} | each for each in settings]
    truth, found = known(CONSOLE, ways), known(CONSOLE, ways[::-1])
    assert apart_db(CONSOLE, x, found, truth) < mix_paths.SAME_DB
    assert float(errors_as_heard(CONSOLE, x, found, truth)["EQ dB"].min()) == pytest.approx(8, abs=0.01)


def test_reductions_of_strip_and_master_add_up():
    """A steady sine with peaks 20 dB above one threshold and 8 dB above the other, at 2:1: 10 and 4 dB."""
    time = torch.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    x = 0.5 * torch.sin(2 * torch.pi * 200 * time).expand(1, 2, -1)
    steady = {"ratio": 2.0, "knee_db": 0.0, "attack_ms": 0.5, "release_ms": 1_000.0}
    # -6.02 dBFS in; 10 dB less behind the strip.
    strip = {f"compressor.{n}": v for n, v in (steady | {"threshold_db": -26.02}).items()}
    master = {f"master.compressor.{n}": v for n, v in (steady | {"threshold_db": -24.02}).items()}
    knobs = known(CONSOLE, (strip,), master | {"master.compressor.makeup_db": 5.0})
    assert float(mix_paths.way_reduction_db(CONSOLE, x, knobs)) == pytest.approx(14, abs=0.7)
    open_strip = replace(knobs, shared_on=torch.zeros_like(knobs.shared_on))
    assert float(mix_paths.way_reduction_db(CONSOLE, x, open_strip)) == pytest.approx(10, abs=0.5)


def test_equal_mixes_have_no_distance_and_errors_of_nothing():
    truth = known(CONSOLE, ({"pan": 0.2}, OF_STRIP), {"master.limiter.ceiling_db": -12.0})
    assert apart_db(CONSOLE, stems(), truth, truth) < -150
    for values in errors_as_heard(CONSOLE, stems(), truth, truth).values():
        assert float(values.abs().max()) == 0
