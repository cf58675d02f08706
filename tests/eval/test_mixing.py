"""The judge of mixes: distances against closed forms, baselines on cases with known answers, trials that are
what they say, and knobs that are compared by what they do."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from eval import mix_chains, mix_knobs, mix_measures, mix_recovery, mix_rows, mix_scores, mix_trials, mixing
from eval.mix_songs import Song, two_parts
from eval.music import SAMPLE_RATE
from reprs.audio import files
from reprs.console.standard import single_console, standard_console

T = SAMPLE_RATE


def noise(*shape, seed=0, scale=0.1):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sine(hz=441.0, amplitude=0.5, seconds=1.0):
    t = torch.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return amplitude * torch.sin(2 * torch.pi * hz * t).expand(1, 2, -1)


def trial(count=2, seconds=2.0, seed=0, **more):
    tracks = noise(count, 2, round(seconds * SAMPLE_RATE), seed=seed)
    return mix_trials.Trial("song", tracks, noise(2, tracks.shape[-1], seed=seed + 9), **more)


def with_knobs(console, count=1, switches=(), **values):
    """Neutral knobs, but for these of the first track, and its `switches` on."""
    knobs = console.neutral(1, count)
    names = list(console.track_params)
    for name, value in values.items():
        name = name.replace("__", ".")
        knobs.tracks[0, 0, names.index(name)] = console.track_params[name].to_unit(torch.tensor(value))
    for switch in switches:
        knobs.tracks_on[0, 0, console.track_switches.index(switch)] = True
    return knobs


# Distances.


def test_distances_are_zero_for_equal_mixes_and_those_of_a_gain_are_known():
    x = noise(2, 2, T)
    assert all(float(v.abs().max()) == 0 for v in mix_measures.distances(x, x).values())
    found = mix_measures.distances(0.5 * x, x)
    assert found["mel dB"].tolist() == pytest.approx([6.02, 6.02], abs=0.05)
    assert found["loudness LU"].tolist() == pytest.approx([6.02, 6.02], abs=0.05)
    assert found["stereo dB"].tolist() == pytest.approx([0, 0], abs=1e-3)
    assert found["crest dB"].tolist() == pytest.approx([0, 0], abs=1e-3)


def test_crest_of_a_sine_and_stereo_of_a_panned_noise():
    assert float(mix_measures.crest_db(sine())) == pytest.approx(3.01, abs=0.01)
    one = noise(1, 1, T)
    panned = torch.cat([one, 0.5 * one], dim=1)
    side, balance = mix_measures.stereo_db(panned)[0]
    # Left 1, right 1/2: mid 3/4, side 1/4.
    assert side.tolist() == pytest.approx([20 * np.log10(1 / 3)] * 9, abs=0.01)
    assert balance.tolist() == pytest.approx([20 * np.log10(2)] * 9, abs=0.01)


def test_mel_bands_hold_the_power_of_a_sine_where_it_is():
    levels = mix_measures.mel_db(sine(1_000))[0, 0].mean(-1)
    mel = 2595 * np.log10(1 + np.array([40, 1_000, 16_000]) / 700)
    expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * (mix_measures.MELS + 1) - 1
    assert abs(int(levels.argmax()) - expected) <= 1


# Baselines.


def test_the_eq_match_finds_a_known_filter():
    from scipy.signal import lfilter

    x = noise(2, 4 * T)
    b, a = [0.3], [1, -0.7]  # a one-pole low-pass, 0 dB at 0 Hz
    reference = torch.from_numpy(lfilter(b, a, noise(2, 4 * T, seed=3).numpy()).astype(np.float32))
    task = mix_trials.Trial("song", x[None], reference)
    y = mix_rows.EqMatch().mix(single_console(), task).audio
    hz, before_db = mix_rows.average_db(x)
    _, after_db = mix_rows.average_db(y)
    kept = (hz > 100) & (hz < 18_000)
    z = np.exp(-2j * np.pi * hz / SAMPLE_RATE)
    known_db = 20 * np.log10(np.abs(0.3 / (1 - 0.7 * z)))
    error_db = (after_db - before_db - known_db)[kept]
    assert np.abs(error_db - error_db.mean()).max() < 1.0


def test_a_loudness_match_is_as_loud_by_another_meter():
    pyloudnorm = pytest.importorskip("pyloudnorm")
    task = trial(seconds=3)
    y = mix_rows.LoudnessMatch().mix(standard_console(), task).audio
    meter = pyloudnorm.Meter(SAMPLE_RATE)
    wanted, found = (meter.integrated_loudness(x.numpy().T) for x in (task.reference, y))
    assert found == pytest.approx(wanted, abs=0.1)


def test_no_change_is_the_sum_and_neutral_knobs_are_too():
    console, task = standard_console(), trial(3)
    torch.testing.assert_close(mix_rows.NoChange().mix(console, task).audio, task.tracks.sum(0))
    neutral = mix_rows.by_knobs(console, task, console.neutral(1, 3)).audio
    torch.testing.assert_close(neutral, task.tracks.sum(0), atol=1e-5, rtol=0)


def test_random_knobs_are_drawn_for_each_trial_and_repeat_with_the_seed():
    console, task = single_console(), trial(1)
    other = mix_trials.Trial("another song", task.tracks, task.reference)
    drawn = [
        mix_rows.RandomKnobs(seed).mix(console, each).knobs.tracks
        for seed, each in ((3, task), (3, task), (3, other), (4, task))
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2]) and not torch.equal(drawn[0], drawn[3])


def test_matchering_brings_the_level_of_its_reference():
    pytest.importorskip("matchering")
    task = trial(1, seconds=4)
    quiet = mix_trials.Trial("song", task.tracks, 0.2 * task.reference)
    y = mix_rows.Matchering().mix(single_console(), quiet).audio
    level = [float(x.square().mean()) for x in (y, quiet.reference)]
    assert 10 * np.log10(level[0] / level[1]) == pytest.approx(0, abs=2)


# Trials.


def test_pedalboard_mixes_are_gains_and_pans_of_tracks():
    pytest.importorskip("pedalboard")
    x = noise(2, 2, T).numpy()
    chain = mix_chains.MixChain(((), ()), (-6.0, 0.0), (1.0, 0.0), ())
    mix = chain.render(x, SAMPLE_RATE)
    np.testing.assert_allclose(mix[0], x[1, 0], atol=1e-6)
    np.testing.assert_allclose(mix[1], x[1, 1] + np.sqrt(2) * 10 ** (-6 / 20) * x[0, 1], atol=1e-6)


def test_drawn_pedalboard_mixes_are_usable_and_repeat():
    pytest.importorskip("pedalboard")
    x = noise(3, 2, T).numpy()
    for seed in range(20):
        chain = mix_chains.draw_mix(np.random.default_rng(seed), x)
        mix = chain.render(x, SAMPLE_RATE)
        assert np.isfinite(mix).all() and 0.005 < np.abs(mix).max() < 5
        assert chain == mix_chains.draw_mix(np.random.default_rng(seed), x)


def test_the_target_is_the_tracks_through_what_made_the_reference():
    console = standard_console()
    first, second = noise(3, 2, T), noise(3, 2, T, seed=1)
    target, reference, knobs = mix_trials.by_console(console, first, second, np.random.default_rng(0))
    torch.testing.assert_close(console(first[None], SAMPLE_RATE, knobs)[0], target)
    torch.testing.assert_close(console(second[None], SAMPLE_RATE, knobs)[0], reference)
    again, _, _ = mix_trials.by_console(console, first, second, np.random.default_rng(0))
    assert torch.equal(again, target)


def test_two_parts_do_not_overlap_and_have_one_gain(tmp_path):
    seconds, rate = 8, SAMPLE_RATE
    ramp = torch.linspace(0.1, 0.5, seconds * rate)
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    files.write(paths[0], ramp[None], rate, "FLOAT")
    files.write(paths[1], torch.stack([ramp, -0.5 * ramp]), rate, "FLOAT")
    song = Song("song", "test", tuple(paths), float(seconds))
    first, second = two_parts(song, 3.0, np.random.default_rng(0))
    assert first.shape == second.shape == (2, 2, 3 * rate)
    mix = first.sum(0)
    assert 10 * float(torch.log10(mix.square().mean())) == pytest.approx(-20, abs=0.01)
    # The ramp says where a part was cut: the second begins behind the end of the first.
    assert float(second[0].min()) >= float(first[0].max())
    torch.testing.assert_close(first[0, 0], first[0, 1])
    torch.testing.assert_close(first[1, 1], -0.5 * first[1, 0])


def test_a_silent_song_has_no_parts(tmp_path):
    path = tmp_path / "silent.wav"
    files.write(path, torch.zeros(1, 8 * SAMPLE_RATE), SAMPLE_RATE, "FLOAT")
    assert two_parts(Song("s", "test", (Path(path),), 8.0), 3.0, np.random.default_rng(0)) is None


# Knobs.


def test_the_error_of_one_knob_counts_where_its_effect_is_on():
    console = single_console()
    truth = with_knobs(console, switches=["compressor"], compressor__ratio=6.0)
    assert mix_knobs.knob_error(console, truth, truth) == 0
    off = with_knobs(console, compressor__ratio=6.0)
    # The compressor's ratio is away from its default, and its other knobs are not.
    param = console.track_params["compressor.ratio"]
    gap = abs(float(param.to_unit(torch.tensor(6.0))) - float(param.to_unit(torch.tensor(param.default))))
    # Faders, pans and sends always count; buses that are off in both do not.
    always_on = sum(n in ("fader_db", "pan") or n.endswith("send_db") for n in console.track_params)
    of_compressor = sum(n.startswith("compressor.") for n in console.track_params)
    assert mix_knobs.knob_error(console, off, truth) == pytest.approx(
        gap / (always_on + of_compressor), abs=1e-6
    )
    assert mix_knobs.knob_error(console, off, off) == 0


def test_a_bell_is_heard_as_its_closed_form():
    console = single_console()
    hz, gain_db, q = 1_000.0, 6.0, 1.0
    knobs = with_knobs(
        console,
        switches=["parametric_eq"],
        parametric_eq__peak2_hz=hz,
        parametric_eq__peak2_gain_db=gain_db,
        parametric_eq__peak2_q=q,
    )
    found = mix_knobs.eq_response_db(console, knobs)[0].numpy()
    f = np.logspace(np.log10(40), np.log10(16_000), mix_knobs.POINTS)
    # RBJ's bell (Bristow-Johnson 1994) at the frequencies it was read at.
    read = np.round(f * mix_knobs.IMPULSE / SAMPLE_RATE) * SAMPLE_RATE / mix_knobs.IMPULSE
    w0, amp = 2 * np.pi * hz / SAMPLE_RATE, 10 ** (gain_db / 40)
    alpha, z = np.sin(w0) / (2 * q), np.exp(-2j * np.pi * read / SAMPLE_RATE)
    top = (1 + alpha * amp) - 2 * np.cos(w0) * z + (1 - alpha * amp) * z**2
    bottom = (1 + alpha / amp) - 2 * np.cos(w0) * z + (1 - alpha / amp) * z**2
    np.testing.assert_allclose(found, 20 * np.log10(np.abs(top / bottom)), atol=0.02)


def test_gain_reduction_of_a_steady_sine_and_width_are_known():
    console = single_console()
    tracks = sine(amplitude=0.5, seconds=2.0)
    tracks = torch.stack([tracks[0, 0], 0.5 * tracks[0, 0]])[None]
    truth = with_knobs(
        console,
        switches=["compressor", "stereo_width"],
        compressor__threshold_db=-26.02,
        compressor__ratio=2.0,
        compressor__knee_db=0.0,
        compressor__attack_ms=0.5,
        compressor__release_ms=1_000.0,
        compressor__makeup_db=9.0,
        stereo_width__width=1.4,
    )
    # Peaks of -6.02 dBFS are 20 dB above the threshold: at 2:1 that takes 10 dB, whatever the makeup.
    errors = mix_knobs.heard_errors(console, tracks, console.neutral(1, 1), truth)
    assert float(errors["gain reduction dB"]) == pytest.approx(10, abs=0.5)
    assert float(errors["width"]) == pytest.approx(0.4, abs=1e-5)
    assert float(errors["EQ dB"]) == float(errors["EQ shape dB"]) == 0
    mono = mix_knobs.heard_errors(console, sine(), console.neutral(1, 1), truth)
    assert bool(mono["width"].isnan())


def test_a_trial_is_found_when_all_its_tracks_are():
    good = {"EQ dB": 1.0, "EQ shape dB": 0.5, "gain reduction dB": 2.0, "width": float("nan")}
    bad = good | {"EQ dB": 2.0}
    trials = [[good, good], [good, bad], [bad, bad], [good, good]]
    errors = [{n: torch.tensor([t[n] for t in tracks]) for n in good} for tracks in trials]
    figures = mix_recovery.summary(errors, list("abcd"))
    assert figures["trials found"][0] == 0.5
    assert figures["trials found but for level"] == (1, 1, 1)
    assert figures["tracks found"][0] == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    assert figures["trials, gain reduction dB"] == (1, 1, 1) and figures["trials, width"] == (1, 1, 1)


# The whole.


class Truth:
    """A row that cheats: it returns the target, with its knobs; and counts how often it is asked."""

    name = "truth"
    asked = 0

    def mix(self, console, trial):
        self.asked += 1
        return mix_rows.Mixed(trial.target, trial.knobs)


def test_scores_rank_the_truth_first_and_leads_are_differences(tmp_path):
    console, rng = single_console(), np.random.default_rng(0)
    trials = []
    for seed in range(4):
        first, second = noise(1, 2, T, seed=seed), noise(1, 2, T, seed=seed + 50)
        target, reference, knobs = mix_trials.by_console(console, first, second, rng)
        trials.append(mix_trials.Trial(f"song {seed}", first, reference, target, knobs))
    task = mix_trials.Task("match, console", console, trials)
    judges = [mix_measures.Meters([t.reference for t in trials])]
    found = mix_scores.score(task, [mix_rows.NoChange(), Truth()], judges, tmp_path)
    for name, (mean, *_) in ((n, v) for n, v in found.figures["truth"].items() if n != "seconds"):
        if not name.endswith("to reference"):
            assert mean == pytest.approx(0, abs=1e-4), name
    assert found.figures["no change"]["STFT"][0] > 0.2
    lead = mix_scores.leads({"t": found}, "truth", judges)["no change"]["STFT"]
    assert lead == pytest.approx(found.figures["no change"]["STFT"], abs=1e-4)


def known_task(console, count):
    """Recordings of noise and mixes of them with settings of the prior."""
    rng, trials = np.random.default_rng(0), []
    for seed in range(count):
        x = noise(1, 2, T, seed=seed)
        target, _, knobs = mix_trials.by_console(console, x, x, rng)
        trials.append(mix_trials.Trial(f"song {seed}", x, target, target, knobs))
    return mix_trials.Task("found, one recording", console, trials)


def test_figures_are_kept_until_the_code_behind_them_changes(tmp_path):
    console = single_console()
    task = known_task(console, 3)
    row = Truth()
    first = mix_recovery.recovery(task, [row], tmp_path)
    assert row.asked == 3 and first["truth"]["trials found"] == (1, 1, 1)
    assert mix_recovery.recovery(task, [row], tmp_path) == first and row.asked == 4

    class Changed(Truth):
        def mix(self, console, trial):
            self.asked += 1
            return mix_rows.Mixed(trial.target, console.neutral(1, 1))

    changed = Changed()
    assert mix_recovery.recovery(task, [changed], tmp_path) != first and changed.asked == 3


def test_two_processes_find_what_one_finds(tmp_path):
    console = single_console()
    task = known_task(console, 4)

    class Shifted(Truth):
        """Off by what each trial alone says, so that figures tell which is which."""

        name = "shifted"

        def mix(self, console, trial):
            tracks = (trial.knobs.tracks + 0.1 * trial.tracks[0, 0, 0].abs()).clamp(0, 1)
            return mix_rows.Mixed(trial.target, dataclasses.replace(trial.knobs, tracks=tracks))

    alone, beside = (
        mix_recovery.recovery(task, [Shifted()], tmp_path / str(jobs), jobs=jobs) for jobs in (1, 2)
    )
    assert alone == beside
    (name,) = [path.name for path in (tmp_path / "1").iterdir()]
    with np.load(tmp_path / "1" / name) as one, np.load(tmp_path / "2" / name) as two:
        assert all(np.array_equal(one[key], two[key], equal_nan=True) for key in one)


@pytest.mark.parametrize("call", [["--trials", "1"], ["--length-s", "99"], ["--found", "1"]])
def test_an_unusable_call_is_one_line_and_exit_2(call, capsys):
    assert mixing.main(["--model", *call]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("reprs eval mixing: --trials") and "\n" not in said


@pytest.mark.slow
def test_the_baselines_are_judged_and_written(tmp_path, capsys):
    call = ["--model", "--trials", "2", "--found", "2", "--length-s", "2", "-o", str(tmp_path)]
    assert mixing.main(call) == 0
    assert (tmp_path / "mixing.json").exists() and (tmp_path / "mixing.png").exists()
    assert "mean knobs" in capsys.readouterr().out


def test_known_settings_may_be_left_as_the_file_has_them(tmp_path):
    from eval.mixing import arguments, known_before

    path = tmp_path / "mixing.json"
    assert known_before(path) == {}
    path.write_text(
        '{"task": "mixing", "found, stems": {"a": 1}, "commands": {"found, stems": "b"}, "trials": 3}'
    )
    assert known_before(path) == {"found, stems": {"a": 1}, "commands": {"found, stems": "b"}}
    assert arguments().parse_args(["--found", "0"]).found == 0
