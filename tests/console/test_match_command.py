"""`reprs match`: four outputs that agree, of mono and stereo, and again by a saved setting."""

import json

import numpy as np
import pytest
import soundfile
import torch

from reprs.console.saved_mix import read_mix
from tests.console import cookbook
from tests.console.test_mix_command import RATE, read, write


@pytest.fixture()
def reference(tmp_path):
    return write(tmp_path / "reference.wav", seconds=2.0, rate=48_000, seed=9)


def test_four_outputs_that_agree(shell, tmp_path, reference, untrained):
    song, out = write(tmp_path / "song.wav"), tmp_path / "new" / "OUT.wav"
    code, printed, _ = shell("match", song, "--reference", reference, "-o", out, "--model", untrained)
    assert code == 0 and printed.splitlines()[-1] == str(out)
    saved = read_mix(out.with_suffix(".json"))
    x = torch.tensor(read(song)[0]).float()[None, None]
    expected = saved.console(x, RATE, saved.knobs)[0] * 10 ** (saved.output_db / 20)
    assert np.abs(read(out)[0] - expected.numpy()).max() < 1e-6
    assert saved.details["reference"] == str(reference) and len(saved.details["model_hash"]) == 64
    assert out.with_suffix(".png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_text_holds_the_filters_of_the_setting(shell, tmp_path, reference, untrained):
    """Its filters, by the oracle's cookbook, are the strip's, and their preamp keeps them from clipping."""
    song, out = write(tmp_path / "song.wav"), tmp_path / "OUT.wav"
    only = ("--only", "parametric_eq", "--reference", reference, "--model", untrained)
    assert shell("match", song, "-o", out, *only)[0] == 0
    text = out.with_suffix(".txt").read_text()
    preamp_db, rows = cookbook.parse_apo("\n".join(line for line in text.splitlines() if line[0] != "#"))
    saved = json.loads(out.with_suffix(".json").read_text())["tracks"][0]["parametric_eq"]
    for code, hz, gain_db, q in rows:
        band = min((b for b in saved if b.endswith("_hz")), key=lambda b: abs(saved[b] - hz))[:-3]
        assert {"LSC": "low", "PK": "peak", "HSC": "high"}[code] == band.rstrip("1234").split("_")[0]
        assert saved[f"{band}_gain_db"] == pytest.approx(gain_db, abs=0.051)
        assert saved[f"{band}_q"] == pytest.approx(q, abs=0.0051)
    assert -18 < preamp_db <= 0 and "# EQ:" in text


def test_mono_stays_mono_where_nothing_tells_left_from_right(shell, tmp_path, reference, untrained):
    song = write(tmp_path / "song.wav", channels=1)
    arguments = ("match", song, "--reference", reference, "--model", untrained, "-o")
    assert shell(*arguments, tmp_path / "mono.wav", "--only", "eq,compressor")[0] == 0
    assert shell(*arguments, tmp_path / "wide.wav", "--only", "eq,pan")[0] == 0
    assert [soundfile.info(tmp_path / n).channels for n in ("mono.wav", "wide.wav")] == [1, 2]


def test_a_saved_setting_on_another_recording(shell, tmp_path, reference, untrained):
    song, other = write(tmp_path / "song.wav"), write(tmp_path / "other.wav", rate=48_000, seed=4)
    out, again = tmp_path / "OUT.wav", tmp_path / "again.wav"
    shell("match", song, "--reference", reference, "-o", out, "--model", untrained)
    assert shell("match", song, "--apply", out.with_suffix(".json"), "-o", again)[0] == 0
    assert np.array_equal(read(out)[0], read(again)[0])
    assert shell("match", "--apply", out.with_suffix(".json"), other, "-o", tmp_path / "o.wav")[0] == 0
    assert soundfile.info(tmp_path / "o.wav").samplerate == 48_000
    none = tmp_path / "none.wav"
    assert shell("match", song, "--apply", out.with_suffix(".json"), "--amount", 0, "-o", none)[0] == 0
    assert np.abs(read(none)[0] - read(song)[0]).max() < 1e-6


def test_several_files_go_on_past_a_bad_one(shell, tmp_path, reference, untrained):
    folder = tmp_path / "songs"
    write(folder / "a.wav", 0.3)
    write(folder / "b.wav", 0.05, channels=1)
    write(folder / "surround.wav", 0.3, channels=4)
    (folder / "bad.wav").write_text("no audio")
    soundfile.write(folder / "silent.wav", np.zeros((4_000, 2)), 8_000)
    out = tmp_path / "out"
    code, _, err = shell("match", folder, "--reference", reference, "-o", out, "--model", untrained)
    assert code == 1 and "matched 3 of 5 files, 2 failed" in err and "surround.wav: has 4 channels" in err
    assert not read(out / "silent.wav")[0].any() and read(out / "silent.wav")[1] == 8_000


def test_what_cannot_be_done_is_said_in_a_line(shell, tmp_path, reference, untrained):
    song = write(tmp_path / "song.wav", 0.2)

    def line(*args):
        code, _, err = shell("match", song, "--model", untrained, *args)
        assert code == 2 and len(err.strip().splitlines()) == 1, err
        return err

    out = ("-o", tmp_path / "out.wav")
    assert "--reference, or a setting with --apply" in line(*out)
    assert "is the input itself" in line("--reference", reference, "-o", song)
    assert "name the output OUT.wav" in line("--reference", reference, "-o", tmp_path / "out.mp3")
    (tmp_path / "out.txt").write_text("mine")
    assert "exists: choose another name" in line("--reference", reference, *out)
    assert (tmp_path / "out.txt").read_text() == "mine" and not (tmp_path / "out.wav").exists()


def test_refinement_moves_what_is_not_locked(shell, tmp_path, reference, untrained):
    song = write(tmp_path / "song.wav", rate=32_000)
    only = ("--only", "eq,reverb", "--lock", "reverb", "--lock", "low end")
    plain, finer = tmp_path / "plain.wav", tmp_path / "finer.wav"
    arguments = ("match", song, "--reference", reference, "--model", untrained, *only, "-o")
    assert shell(*arguments, plain)[0] == 0
    code, _, err = shell(*arguments, finer, "--refine", 3)
    assert code == 0 and "refining: 4/4" in err
    one, other = (read_mix(p.with_suffix(".json")) for p in (plain, finer))
    assert other.details["refine_steps"] == 3 and "refine_steps" not in one.details
    a, b = (m.knobs.tracks[0, 0] for m in (one, other))
    moved = {name for name, u, v in zip(one.console.track_params, a, b, strict=True) if abs(u - v) > 1e-3}
    assert any(name.startswith("parametric_eq") for name in moved)
    assert not moved & {"fader_db", "pan", "reverb.send_db", "delay.send_db"}
    on = dict(zip(other.console.track_switches, other.knobs.tracks_on[0, 0].tolist(), strict=True))
    assert not any(on[name] for name in ("compressor", "distortion", "stereo_width"))
    assert not other.knobs.shared_on.any()
    click = torch.zeros(1, 1, 1, 2**15)
    click[..., 0] = 1
    response_db = 20 * torch.log10(torch.fft.rfft(other.console(click, 32_000, other.knobs)[0, 0]).abs())
    hz = np.fft.rfftfreq(2**15, 1 / 32_000)
    assert float(response_db[(hz > 20) & (hz < 150)].abs().max()) < 0.52


def test_a_silent_reference_is_refused(shell, tmp_path, untrained):
    song, silent = write(tmp_path / "song.wav"), tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros((RATE, 2)), RATE)
    code, _, err = shell(
        "match", song, "--reference", silent, "-o", tmp_path / "out.wav", "--model", untrained
    )
    assert code == 2 and "is silent" in err and not (tmp_path / "out.wav").exists()


def test_a_reference_of_more_than_two_channels_is_refused(shell, tmp_path, untrained):
    song, surround = write(tmp_path / "song.wav"), write(tmp_path / "surround.wav", channels=6)
    code, _, err = shell(
        "match", song, "--reference", surround, "-o", tmp_path / "out.wav", "--model", untrained
    )
    assert code == 2 and "6 channels" in err and not (tmp_path / "out.wav").exists()


def test_a_recording_keeps_its_balance_unless_it_is_asked_for(shell, tmp_path, reference, untrained):
    song = write(tmp_path / "song.wav", 0.3)
    arguments = ("match", song, "--reference", reference, "--model", untrained, "-o")
    assert (
        shell(*arguments, tmp_path / "a.wav")[0] == shell(*arguments, tmp_path / "b.wav", "--only", "pan")[0]
    )
    pans = [json.loads((tmp_path / f"{n}.json").read_text())["tracks"][0]["pan"] for n in "ab"]
    assert pans[0] == 0 and pans[1] != 0


def test_a_lock_that_nothing_is_called_is_refused_once(shell, tmp_path, reference, untrained):
    folder = tmp_path / "songs"
    for name in "ab":
        write(folder / f"{name}.wav", 0.2)
    wish = ("--reference", reference, "--model", untrained, "-o", tmp_path / "out", "--lock")
    code, _, err = shell("match", folder, *wish, "zorp")
    assert code == 2 and len(err.strip().splitlines()) == 1 and "nothing here is called 'zorp'" in err
    assert not (tmp_path / "out").exists()
