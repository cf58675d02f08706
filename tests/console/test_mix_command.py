"""`reprs mix`: stems of any kind go in, files that agree come out, a line says what cannot be."""

import json

import numpy as np
import pytest
import soundfile
import soxr
import torch

from reprs.console.saved_mix import read_mix
from reprs.console.standard import standard_console
from tests.console.cookbook import pink

RATE, SAMPLES = 44_100, 22_050


def write(path, seconds=0.5, rate=RATE, channels=2, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.2 * pink(seconds, rate, channels, **how).T, rate, subtype="FLOAT")
    return path


def read(path):
    x, rate = soundfile.read(path, dtype="float64", always_2d=True)
    return x.T, rate


@pytest.fixture()
def stems(tmp_path):
    folder = tmp_path / "stems"
    write(folder / "bass.wav", channels=1, seed=1)
    write(folder / "drums.wav", seconds=0.3, seed=2)
    write(folder / "deep" / "drums.wav", rate=48_000, seed=3)
    soundfile.write(folder / "quiet.wav", np.zeros((900, 2)), RATE)
    return folder


def test_the_files_agree_with_each_other(shell, tmp_path, stems, untrained):
    out = tmp_path / "mixed"
    code, printed, err = shell("mix", stems, "-o", out, "--model", untrained)
    assert code == 0 and printed.splitlines()[-1] == str(out)
    assert "stems at 48000 Hz went to 44100 Hz" in err and "silent: quiet" in err
    saved = read_mix(out / "mix.json")
    assert saved.names == ("bass", "drums", "drums-2", "quiet")
    assert {p.name for p in (out / "stems").iterdir()} == {f"{name}.wav" for name in saved.names}
    mix, rate = read(out / "mix.wav")
    assert mix.shape == (2, SAMPLES) and rate == RATE
    parts = [read(p)[0] for folder in ("stems", "buses") for p in sorted((out / folder).glob("*.wav"))]
    premaster = np.zeros((1, 2, SAMPLES))
    for part in parts:
        premaster[0, :, : part.shape[1]] += part
    mastered = _mastered(saved, premaster)
    assert np.abs(mastered * 10 ** (saved.output_db / 20) - mix).max() < 1e-6
    assert not read(out / "stems" / "quiet.wav")[0].any()
    page = (out / "report.html").read_text()
    assert all(name in page for name in saved.names) and "data:image/png;base64" in page
    assert "http" not in page


def _mastered(saved, premaster):
    import torch

    console, on = saved.console, saved.knobs.shared_on
    width = len(console.master.effects)
    z = saved.knobs.shared[:, -len(console.master) :]
    return console.master(torch.tensor(premaster).float(), RATE, z, mask=on[:, -width:])[0].double().numpy()


def test_a_saved_mix_is_the_same_mix_again(shell, tmp_path, stems, untrained):
    assert shell("mix", stems, "-o", tmp_path / "one", "--model", untrained)[0] == 0
    settings = tmp_path / "one" / "mix.json"
    assert shell("mix", stems, "-o", tmp_path / "two", "--apply", settings)[0] == 0
    assert np.array_equal(read(tmp_path / "one" / "mix.wav")[0], read(tmp_path / "two" / "mix.wav")[0])
    # None of it, by the amount or by hand, is the sum of the stems.
    assert shell("mix", stems, "-o", tmp_path / "none", "--apply", settings, "--amount", "0")[0] == 0
    rest = read(tmp_path / "none" / "mix.wav")[0]
    total = sum(np.pad(x, ((0, 0), (0, SAMPLES - x.shape[1]))) for x in map(_stereo, stems.rglob("*.wav")))
    assert np.abs(rest - total).max() < 1e-6
    content = json.loads(settings.read_text())
    content["tracks"] = [t for t in content["tracks"] if t["name"] != "bass"] + [{"name": "gone"}]
    settings.write_text(json.dumps(content))
    code, _, err = shell("mix", stems, "-o", tmp_path / "three", "--apply", settings)
    assert code == 0 and "no setting for bass: left alone" in err and "without a stem: gone" in err
    assert np.allclose(
        read(tmp_path / "three" / "stems" / "bass.wav")[0], _stereo(stems / "bass.wav"), atol=1e-6
    )


def _stereo(path):
    x, rate = read(path)
    x = x if rate == RATE else soxr.resample(x.T, rate, RATE).T
    return np.repeat(x, 2, axis=0) if len(x) == 1 else x


def test_a_bad_stem_is_named_and_the_others_are_mixed(shell, tmp_path, stems, untrained):
    (stems / "bad.wav").write_text("no audio")
    write(stems / "surround.wav", channels=6)
    soundfile.write(stems / "nan.wav", np.full(100, np.nan), RATE, subtype="FLOAT")
    code, _, err = shell("mix", stems, "-o", tmp_path / "mixed", "--model", untrained)
    assert code == 1 and "mixed 4 of 7 stems, 3 failed" in err
    assert "bad.wav: not a readable" in err and "6 channels" in err and "nan.wav: contains NaN" in err
    assert "bad.wav" in (tmp_path / "mixed" / "report.html").read_text()


def test_forty_tracks_some_at_a_time(shell, tmp_path, untrained, monkeypatch):
    from reprs.console import mixdown

    for n in range(40):
        write(tmp_path / "stems" / f"track{n:02}.wav", 0.1, channels=1 + n % 2, seed=n)
    arguments = ("mix", tmp_path / "stems", "--model", untrained, "-o")
    assert shell(*arguments, tmp_path / "eight")[0] == 0
    monkeypatch.setattr(mixdown, "MOST_AT_ONCE", 2 * 3 * 4_410)
    assert shell(*arguments, tmp_path / "three")[0] == 0
    one, other = (read(tmp_path / name / "mix.wav")[0] for name in ("eight", "three"))
    assert np.abs(one - other).max() < 1e-5 and one.any()


def test_only_and_locks(shell, tmp_path, stems, untrained):
    out = tmp_path / "mixed"
    wanted = ("--only", "eq,fader", "--lock", "drums-2", "--lock", "low end")
    assert shell("mix", stems, "-o", out, "--model", untrained, *wanted)[0] == 0
    saved, console = read_mix(out / "mix.json"), standard_console()
    on = saved.knobs.tracks_on[0]
    allowed = [name in ("highpass", "parametric_eq") for name in console.track_switches]
    assert not (on & ~torch.tensor(allowed)).any() and not on[2].any() and on[1].any()
    assert not saved.knobs.shared_on[0, : len(console.buses)].any()
    locked, expected = read(out / "stems" / "drums-2.wav")[0], _stereo(stems / "drums.wav")
    assert np.allclose(locked[:, : expected.shape[1]], expected, atol=1e-6)


def test_what_cannot_be_done_is_said_before_any_work(shell, tmp_path, stems, untrained):
    def line(*args):
        code, _, err = shell("mix", *args)
        assert code == 2 and len(err.strip().splitlines()) == 1, err
        return err

    out, model = tmp_path / "out", ("--model", untrained)
    assert "no checkpoint" in line(stems, "-o", out, "--model", tmp_path / "none")
    assert "reprs fit -c configs/controller.yaml" in line(stems, "-o", out, "--model", tmp_path / "none")
    assert "turns no knobs" in line(stems, "-o", out, "--model", "effect")
    assert "no such file or folder" in line(tmp_path / "none", "-o", out, *model)
    assert "goes into a folder" in line(stems, "-o", tmp_path / "out.wav", *model)
    assert "amount is from 0 to 2" in line(stems, "-o", out, "--amount", "3", *model)
    assert "nothing here is called 'chorus'" in line(stems, "-o", out, "--only", "chorus", *model)
    assert "nothing here is called 'voice'" in line(stems, "-o", out, "--lock", "voice", *model)
    assert "no such file" in line(stems, "-o", out, "--reference", tmp_path / "none.wav", *model)
    assert "--text is empty" in line(stems, "-o", out, "--text", " ", *model)
    assert "no idea how" in line(stems, "-o", out, "--text", "zzz qqq", *model)
    assert "--refine goes towards a recording" in line(stems, "-o", out, "--refine", "9", *model)
    assert "only --amount goes with it" in line(stems, "-o", out, "--apply", "x.json", "--text", "warm")
    assert "no such mix" in line(stems, "-o", out, "--apply", tmp_path / "x.json")
    assert "the stems lie in there" in line(stems / "deep", "-o", stems, *model)
    assert "add --samples N" in line(stems, "-o", out, "--guidance", "2", *model)
    assert "add --samples N" in line(stems, "-o", out, "--seed", "7", *model)
    (tmp_path / "list.json").write_text("[]")
    assert "no JSON object" in line(stems, "-o", out, "--apply", tmp_path / "list.json")
    (stems / "bass.wav").rename(tmp_path / "bass.wav")
    for path in stems.rglob("*.wav"):
        path.write_text("no audio")
    assert "not a readable audio file" in line(stems, "-o", out, *model)
    assert not out.exists()


def test_what_is_there_is_kept(shell, tmp_path, stems, untrained):
    out = stems / "mixed"  # among the stems, and yet no stem itself
    assert shell("mix", stems, "-o", out, "--model", untrained)[0] == 0
    before = (out / "mix.wav").read_bytes()
    code, _, err = shell("mix", stems, "-o", out, "--model", untrained)
    assert code == 2 and "exists: choose another folder or replace it with --force" in err
    assert shell("mix", stems, "-o", out, "--model", untrained, "--force")[0] == 0
    assert (out / "mix.wav").read_bytes() == before
    (stems / "bass.wav").unlink()  # what is written is one mix, without a stem of the earlier one
    (out / "stems" / "mine.wav").write_text("mine")
    assert shell("mix", stems, "-o", out, "--model", untrained, "--force")[0] == 0
    assert {p.name for p in (out / "stems").iterdir()} == {
        "drums.wav",
        "drums-2.wav",
        "mine.wav",
        "quiet.wav",
    }


@pytest.mark.parametrize("where", ["groups", "tracks"])
def test_a_name_in_a_saved_mix_is_no_path(shell, tmp_path, stems, untrained, where):
    assert shell("mix", stems, "-o", tmp_path / "one", "--model", untrained)[0] == 0
    content = json.loads((tmp_path / "one" / "mix.json").read_text())
    if where == "groups":
        content["groups"], content["tracks"][0]["group"] = ["../../evil"], "../../evil"
    else:
        content["tracks"].append({"name": "../../../evil"})
    (tmp_path / "evil.json").write_text(json.dumps(content))
    code, _, err = shell("mix", stems, "-o", tmp_path / "two", "--apply", tmp_path / "evil.json")
    assert code == 2 and "cannot be a path" in err and not list(tmp_path.rglob("evil.wav"))


def test_the_order_of_the_files_does_not_matter(shell, tmp_path, untrained):
    for n, name in enumerate("abc"):
        write(tmp_path / "one" / f"{name}.wav", seed=n)
        write(tmp_path / "two" / f"{'cab'[n]}.wav", seed=n)
    for folder in ("one", "two"):
        shell("mix", tmp_path / folder, "-o", tmp_path / folder / "mixed", "--model", untrained)
    one, two = (read(tmp_path / name / "mixed" / "mix.wav")[0] for name in ("one", "two"))
    assert np.abs(one - two).max() < 1e-4
