"""`reprs eq`: four outputs a file, exact by the printed bands, and a line for whatever cannot be done."""

import json

import numpy as np
import pytest
import soundfile

from tests.console import cookbook
from tests.console.cookbook import pink


def write(path, seconds=0.5, rate=44_100, channels=2, subtype="PCM_24", **how):
    x = pink(seconds, rate, channels, **how)
    soundfile.write(path, x.T, rate, subtype=subtype)
    return path


def read(path):
    x, rate = soundfile.read(path, dtype="float64", always_2d=True)
    return x.T, rate


def test_four_outputs_that_agree(shell, tmp_path):
    song, out = write(tmp_path / "in.wav", seconds=2.0, level=0.2), tmp_path / "new" / "OUT.wav"
    code, printed, _ = shell("eq", "warm, less boomy", song, "-o", out, "--amount", "1.5")
    assert code == 0 and printed.splitlines()[-1] == str(out)
    preamp_db, rows = cookbook.parse_apo(out.with_suffix(".txt").read_text())
    x, rate = read(song)
    assert cookbook.residual_db(read(out)[0], cookbook.equalise(rows, preamp_db, x, rate)) < -100
    saved = json.loads(out.with_suffix(".json").read_text())
    assert saved["prompt"] == "warm, less boomy" and saved["amount"] == 1.5 and len(saved["model_hash"]) == 64
    bands = [(cookbook.CODES[b["type"]], b["frequency_hz"], b["gain_db"], b["q"]) for b in saved["bands"]]
    assert bands == rows and saved["preamp_db"] == preamp_db
    assert out.with_suffix(".png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    table = [line.split() for line in printed.splitlines()]
    for code, hz, gain_db, q in rows:
        octaves = f"{2 / np.log(2) * np.arcsinh(1 / (2 * q)):.2f}" if code == "PK" else "-"
        assert any(line[-4:] == [f"{hz:g}", f"{gain_db:+.1f}", f"{q:.2f}", octaves] for line in table)


FORMATS = [
    ("wav", "PCM_16", "wav", "PCM_16"),
    ("wav", "PCM_24", "wav", "PCM_24"),
    ("wav", "PCM_32", "flac", "PCM_24"),
    ("wav", "FLOAT", "wav", "FLOAT"),
    ("wav", "PCM_U8", "wav", "PCM_U8"),
    ("flac", "PCM_16", "flac", "PCM_16"),
    ("flac", "PCM_24", "aiff", "PCM_24"),
    ("ogg", None, "wav", "PCM_24"),
    ("wav", "ULAW", "wav", "PCM_24"),
]


@pytest.mark.parametrize(("suffix", "subtype", "to", "expected"), FORMATS)
def test_rate_channels_length_and_sample_format_stay(shell, tmp_path, suffix, subtype, to, expected):
    song, out = write(tmp_path / f"in.{suffix}", subtype=subtype), tmp_path / f"out.{to}"
    assert shell("eq", "bright", song, "-o", out)[0] == 0
    before, after = soundfile.info(song), soundfile.info(out)
    assert (after.samplerate, after.channels, after.frames) == (
        before.samplerate,
        before.channels,
        before.frames,
    )
    assert after.subtype == expected


def test_sixteen_bits_are_exact_but_for_their_rounding(shell, tmp_path):
    song, out = write(tmp_path / "in.wav", subtype="PCM_16"), tmp_path / "out.wav"
    assert shell("eq", "thin", song, "-o", out)[0] == 0
    preamp_db, rows = cookbook.parse_apo(out.with_suffix(".txt").read_text())
    x, rate = read(song)
    error = read(out)[0] - cookbook.equalise(rows, preamp_db, x, rate)
    assert np.abs(error).max() < 0.51 / 2**15


@pytest.mark.parametrize(
    ("rate", "channels", "seconds"),
    [(8_000, 1, 0.5), (192_000, 2, 0.2), (48_000, 8, 0.2), (44_100, 2, 0.05), (22_050, 1, 0.001)],
)
def test_unusual_audio(shell, tmp_path, rate, channels, seconds):
    song, out = write(tmp_path / "in.wav", seconds, rate, channels), tmp_path / "out.wav"
    assert shell("eq", "airy and warm", song, "-o", out)[0] == 0
    preamp_db, rows = cookbook.parse_apo(out.with_suffix(".txt").read_text())
    x, _ = read(song)
    error = read(out)[0] - cookbook.equalise(rows, preamp_db, x, rate)
    assert np.abs(error).max() < 1e-6 and all(hz < rate / 2 for _, hz, _, _ in rows)


def test_silence_stays_silence(shell, tmp_path):
    soundfile.write(tmp_path / "in.wav", np.zeros((4_000, 2)), 8_000)
    assert shell("eq", "bright", tmp_path / "in.wav", "-o", tmp_path / "out.wav")[0] == 0
    assert not read(tmp_path / "out.wav")[0].any()


def test_several_files_go_on_past_a_bad_one(shell, tmp_path):
    folder, out = tmp_path / "songs", tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    write(folder / "a.wav")
    write(folder / "sub" / "a.flac", seed=1)
    (folder / "bad.wav").write_text("no audio")
    soundfile.write(folder / "nan.wav", np.full(100, np.nan), 8_000, subtype="FLOAT")
    code, printed, err = shell("eq", "bright", folder, tmp_path / "none.wav", "-o", out)
    assert code == 1 and "equalised 2 of 5 files, 3 failed:" in err
    assert all(name in err for name in ("bad.wav", "nan.wav", "none.wav"))
    assert sorted(p.name for p in out.glob("*.*a*")) == ["a-2.flac", "a.wav"]
    assert printed.splitlines()[-1] == str(out)


def test_a_saved_setting_serves_other_files(shell, tmp_path):
    first, second = write(tmp_path / "a.wav"), write(tmp_path / "b.wav", seed=1, channels=1, rate=48_000)
    assert shell("eq", "warm", first, "-o", tmp_path / "one.wav")[0] == 0
    saved = tmp_path / "one.json"
    assert shell("eq", "--apply", saved, second, "-o", tmp_path / "two.wav")[0] == 0
    assert (tmp_path / "two.txt").read_text() == (tmp_path / "one.txt").read_text()
    assert (
        shell("eq", "warm", first, second, "-o", tmp_path / "both", f"--apply={saved}", "--amount", 0.5)[0]
        == 0
    )
    _, halves = cookbook.parse_apo((tmp_path / "both" / "b.txt").read_text())
    _, rows = cookbook.parse_apo((tmp_path / "one.txt").read_text())
    for (code, hz, gain_db, q), half in zip(rows, halves, strict=True):
        assert half[:2] == (code, hz) and half[3] == q and abs(half[2] - gain_db / 2) < 0.051
    saved.write_text(saved.read_text().replace(f'"gain_db": {rows[0][2]}', '"gain_db": 7.77'))
    assert shell("eq", "--apply", saved, second, "-o", tmp_path / "edited.wav")[0] == 0
    preamp_db, edited = cookbook.parse_apo((tmp_path / "edited.txt").read_text())
    assert edited[0][2] in (7.8, 7.77)
    x, rate = read(second)
    expected = cookbook.equalise(edited, preamp_db, x, rate)
    assert cookbook.residual_db(read(tmp_path / "edited.wav")[0], expected) < -100


def test_options_may_stand_between_prompt_and_file(shell, tmp_path):
    song = write(tmp_path / "in.wav")
    assert shell("eq", "boomy", "--lock", "low end", song, "-o", tmp_path / "out.wav")[0] == 0
    _, rows = cookbook.parse_apo((tmp_path / "out.txt").read_text())
    assert np.abs(cookbook.response_db(rows, 44_100, np.geomspace(20, 150, 30))).max() < 0.5


def test_nothing_is_overwritten_without_force(shell, tmp_path):
    song = write(tmp_path / "in.wav")
    for suffix in (".wav", ".json", ".txt", ".png"):
        there = tmp_path / f"out{suffix}"
        there.write_text("mine")
        code, _, err = shell("eq", "bright", song, "-o", tmp_path / "out.wav")
        assert code == 2 and f"out{suffix} exists" in err and there.read_text() == "mine"
        there.unlink()
    (tmp_path / "out.txt").write_text("mine")
    assert shell("eq", "bright", song, "-o", tmp_path / "out.wav", "--force")[0] == 0


UNUSABLE = {
    "nonsense": (["qwxz", "IN", "-o", "OUT.wav"], "qwxz"),
    "article": (["the", "IN", "-o", "OUT.wav"], "eq"),
    "empty": (["", "IN", "-o", "OUT.wav"], "empty"),
    "no files": (["warm", "none.wav", "-o", "OUT.wav"], "no such file"),
    "amount": (["warm", "IN", "-o", "OUT.wav", "--amount", "3"], "from 0 to 2"),
    "lock": (["warm", "IN", "-o", "OUT.wav", "--lock", "left"], "no region"),
    "lossy": (["warm", "IN", "-o", "OUT.mp3"], "OUT.wav"),
    "one name for two": (["warm", "IN", "IN2", "-o", "OUT.wav"], "folder"),
    "itself": (["warm", "IN", "-o", "IN", "--force"], "input itself"),
    "a file for a folder": (["warm", "IN2", "-o", "TAKEN"], "is a file; name OUT.wav"),
    "place": (["warm", "IN", "-o", "IN/OUT.wav"], "cannot be written"),
    "model": (["warm", "IN", "-o", "OUT.wav", "--engine", "optimised", "--model", "none"], "no checkpoint"),
    "deaf model": (["warm", "IN", "-o", "OUT.wav", "--engine", "optimised", "--model", "effect"], "text"),
    "setting": (["--apply", "IN", "IN", "-o", "OUT.wav"], "not a setting"),
    "list": (["--apply", "LIST", "IN", "-o", "OUT.wav"], "no JSON object"),
    "no setting": (["--apply", "none.json", "IN", "-o", "OUT.wav"], "no such setting"),
    "setting and engine": (
        ["--apply", "S.json", "IN", "-o", "OUT.wav", "--engine", "predicted"],
        "leave out",
    ),
}


@pytest.mark.parametrize(("args", "says"), UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_calls_are_answered_in_one_line(shell, tmp_path, args, says):
    places = {"IN": write(tmp_path / "in.wav"), "IN2": write(tmp_path / "in2.wav")}
    places["TAKEN"] = tmp_path / "taken"
    places["LIST"] = tmp_path / "list.json"
    places["LIST"].write_text("[]")
    places["TAKEN"].write_text("mine")
    places["IN/OUT.wav"] = places["IN"] / "OUT.wav"
    named = [str(places.get(a, tmp_path / a if a.endswith((".wav", ".mp3", ".json")) else a)) for a in args]
    code, printed, err = shell("eq", *named)
    assert code == 2 and says in err and len(err.strip().splitlines()) == 1 and printed == ""
    assert not list(tmp_path.glob("OUT*"))


def test_help_shows_an_example(shell):
    code, printed, _ = shell("eq", "--help")
    assert code == 0 and "example: reprs eq" in printed
