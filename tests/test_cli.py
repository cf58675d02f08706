"""The command line over tiny audio and a randomly initialised encoder: what it writes and what it answers."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
import torch

import reprs
from reprs.cli import main
from reprs.models import hub
from reprs.models.encoder import EffectEncoder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two checkpoints of different weights."""
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("one", "two")):
        torch.manual_seed(seed)
        hub.save(EffectEncoder(embedding_dim=16, width=4, hidden=16), folder / name)
    return folder


def noise(path, seconds=0.4, rate=44_100, channels=2, seed=0, subtype="FLOAT"):
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * rng.standard_normal((round(seconds * rate), channels)), rate, subtype=subtype)
    return path


@pytest.fixture()
def music(tmp_path):
    """Three good files; the last one in a folder below."""
    folder = tmp_path / "music"
    for seed, name in enumerate(("a.wav", "b.wav", "below/c.wav")):
        noise(folder / name, seed=seed)
    return folder


def said(err):
    """The one line of an unusable call."""
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    return lines[0]


# Files that cannot be embedded: a name, how to make one, and what its line says.
def _write_nan(path):
    x = np.zeros((8000, 2), np.float32)
    x[4000] = np.nan
    soundfile.write(path, x, 8000, subtype="FLOAT")


BAD = {
    "text.wav": (lambda p: p.write_text("not audio\n" * 99), "not a readable audio file"),
    "empty.wav": (lambda p: p.write_bytes(b""), "is empty (0 bytes)"),
    "header.wav": (lambda p: noise(p, seconds=0), "header.wav"),
    "short.wav": (lambda p: noise(p, seconds=0.05), "at least 0.1 s"),
    "nan.wav": (_write_nan, "NaN"),
    "eight.wav": (lambda p: noise(p, channels=8), "8 channels"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_the_batch_goes_on(shell, models, music, tmp_path, name):
    make, reason = BAD[name]
    make(music / name)
    for verb, out in ((["embed"], tmp_path / "out.npz"), (["index", "build"], tmp_path / "index")):
        code, printed, err = shell(*verb, music, "-o", out, "--model", models / "one")
        assert code == 1 and printed.strip() == str(out)
        listed = [line for line in err.splitlines() if str(music / name) in line]
        assert len(listed) == 1 and reason in listed[0]
        assert "3 of 4 files, 1 failed" in err
    assert np.load(tmp_path / "out.npz")["embeddings"].shape == (3, 16)
    code, printed, err = shell("search", tmp_path / "index", "--audio", music / name)
    assert code == 2 and not printed and reason in said(err)
    code, printed, err = shell("embed", music / name, "-o", tmp_path / "alone.npz", "--model", models / "one")
    assert code == 1 and not printed and reason in err and not (tmp_path / "alone.npz").exists()
    code, printed, err = shell(
        "index", "build", music / name, "-o", tmp_path / "no", "--model", models / "one"
    )
    assert code == 1 and not printed and reason in err and not (tmp_path / "no").exists()


@pytest.mark.parametrize("rate", [8_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_unusual_rates_mono_and_stereo_are_embedded(shell, models, tmp_path, rate, channels):
    path = noise(tmp_path / "x.wav", rate=rate, channels=channels)
    code, _, _ = shell("embed", path, "-o", tmp_path / "x.npz", "--model", models / "one")
    audio = torch.from_numpy(soundfile.read(path, dtype="float32", always_2d=True)[0].T)
    expected = reprs.load(models / "one").embed(audio, rate)
    assert code == 0
    assert np.allclose(np.load(tmp_path / "x.npz")["embeddings"], expected, atol=1e-6)


def test_embed_writes_what_the_encoder_says_the_same_twice(shell, models, music, tmp_path):
    call = ("embed", music, music / "a.wav", "--model", models / "one")
    for name in ("x.npz", "y.npz"):
        code, out, err = shell(*call, "-o", tmp_path / name)
        assert code == 0 and out.strip() == str(tmp_path / name) and "embedded 3 of 3 files" in err
    x, y = np.load(tmp_path / "x.npz"), np.load(tmp_path / "y.npz")
    assert np.array_equal(x["embeddings"], y["embeddings"])
    assert list(x["paths"]) == [str(music / n) for n in ("a.wav", "b.wav", "below/c.wav")]
    assert str(x["model_hash"]) == reprs.load(models / "one").model_hash
    assert np.allclose(np.linalg.norm(x["embeddings"], axis=1), 1, atol=1e-5)


def test_embed_into_shards(shell, models, music, tmp_path, monkeypatch):
    monkeypatch.setattr("reprs.retrieval.embed_files.FILES_A_SHARD", 2)
    out = f"{tmp_path}/shards/"
    assert shell("embed", music, "-o", out, "--model", models / "one")[0] == 0
    names = ["shard-00000.npz", "shard-00001.npz"]
    assert sorted(p.name for p in (tmp_path / "shards").iterdir()) == names
    counts = [len(np.load(tmp_path / "shards" / n)["paths"]) for n in names]
    assert counts == [2, 1]
    code, _, err = shell("embed", music, "-o", out, "--model", models / "one")
    assert code == 2 and "--force" in said(err)
    code, _, _ = shell("embed", music / "a.wav", "-o", out, "--model", models / "one", "--force")
    assert code == 0 and [p.name for p in (tmp_path / "shards").iterdir()] == names[:1]


def test_embed_refuses_unusable_calls(shell, models, music, tmp_path):
    model = ("--model", models / "one")
    (tmp_path / "nothing").mkdir()
    there = tmp_path / "there.npz"
    there.write_bytes(b"precious")
    calls = {
        "no such file or folder": (tmp_path / "gone.wav", "-o", tmp_path / "o.npz", *model),
        "no audio files": (tmp_path / "nothing", "-o", tmp_path / "o.npz", *model),
        "no checkpoint": (music, "-o", tmp_path / "o.npz", "--model", tmp_path / "gone"),
        "--force": (music, "-o", there, *model),
        "name the output OUT.npz": (music, "-o", tmp_path / "o", *model),
        "not a folder for shards": (music, "-o", there, "--shards", *model),
        "cannot be written": (music, "-o", there / "o.npz", *model),
        "--device flubber": (music, "-o", tmp_path / "o.npz", "--device", "flubber", *model),
    }
    for expected, call in calls.items():
        code, out, err = shell("embed", *call)
        assert code == 2 and not out and expected in said(err), expected
    assert there.read_bytes() == b"precious"
    assert shell("embed", music, "-o", there, "--force", *model)[0] == 0
    assert len(np.load(there)["paths"]) == 3


@pytest.mark.parametrize(
    "call",
    [
        ("embed", "a.wav", "-o", ""),
        ("embed", "", "-o", "out.npz"),
        ("index", "build", "a.wav", "-o", ""),
        ("search", "index", "--audio", ""),
        ("search", "index", "--text", ""),
        ("quality", "", "--json"),
        ("eq", "warm", "a.wav", "-o", ""),
        ("eq", "warm", "", "-o", "out.wav"),
        ("match", "a.wav", "--reference", "", "-o", "out.wav"),
        ("mix", "", "-o", "out"),
        ("mix", "stems", "--reference", "", "-o", "out"),
        ("mix", "stems", "--only", "", "-o", "out"),
    ],
)
def test_an_empty_argument_is_no_place(shell, music, monkeypatch, call):
    """A shell's variable that was never set is not the current folder."""
    monkeypatch.chdir(music)
    before = sorted(music.rglob("*"))
    code, out, err = shell(*call)
    assert code == 2 and not out and ("is empty" in err or "'' is no path" in err), err
    assert sorted(music.rglob("*")) == before


def test_a_missing_path_among_good_ones_is_listed(shell, models, music, tmp_path):
    call = ("embed", music, tmp_path / "gone.wav", "-o", tmp_path / "o.npz", "--model", models / "one")
    code, out, err = shell(*call)
    assert code == 1 and out and "embedded 3 of 4 files, 1 failed" in err and "gone.wav: no such file" in err


def test_search_finds_a_file_itself_first(shell, models, music, tmp_path):
    index = tmp_path / "index"
    assert shell("index", "build", music, "-o", index, "--model", models / "one")[0] == 0
    code, out, _ = shell("search", index, "--audio", music / "b.wav", "--json", "-k", 2)
    hits = json.loads(out)
    assert code == 0 and len(hits) == 2
    assert hits[0]["path"] == str((music / "b.wav").resolve())
    assert hits[0]["score"] == pytest.approx(1, abs=1e-5) and hits[0]["score"] >= hits[1]["score"]
    code, out, _ = shell("search", index, "--audio", music / "b.wav", "-k", 99)
    assert code == 0 and len(out.splitlines()) == 3 and "b.wav" in out.splitlines()[0]
    query, *rest = (reprs.load(models / "one").embed(*_read(music / n))[0] for n in ("b.wav", "a.wav"))
    assert any(h["score"] == pytest.approx(float(query @ rest[0]), abs=1e-5) for h in json.loads(
        shell("search", index, "--audio", music / "b.wav", "--json")[1]
    ))  # fmt: skip


def _read(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(samples.T.copy()), rate


def test_an_index_grows_by_what_is_new_or_changed(shell, models, music, tmp_path):
    index = tmp_path / "index"
    build = ("index", "build", music, "-o", index)
    assert shell(*build, "--model", models / "one")[0] == 0
    assert "--force" in said(shell(*build, "--model", models / "one")[2])
    code, _, err = shell(*build, "--add")
    assert code == 0 and "indexed 0 of 3 files, 3 unchanged" in err
    noise(music / "b.wav", seconds=0.5, seed=7)
    noise(music / "d.wav", seed=8)
    code, _, err = shell(*build, "--add")
    assert code == 0 and "indexed 2 of 4 files, 2 unchanged" in err
    items = [json.loads(line) for line in (index / "items.jsonl").read_text().splitlines()]
    assert sorted(i["path"] for i in items) == sorted(str(p.resolve()) for p in music.rglob("*.wav"))
    for path in music.rglob("*.wav"):
        best = json.loads(shell("search", index, "--audio", path, "--json", "-k", 1)[1])[0]
        assert best["path"] == str(path.resolve()) and best["score"] == pytest.approx(1, abs=1e-5)
    assert json.loads((index / "manifest.json").read_text())["items"] == 4


def test_windows_get_a_vector_each(shell, models, tmp_path):
    path = noise(tmp_path / "music" / "long.wav", seconds=1.05)
    index = tmp_path / "index"
    build = ("index", "build", path.parent, "-o", index)
    assert shell(*build, "--window-s", 0.4, "--hop-s", 0.3, "--model", models / "one")[0] == 0
    items = [json.loads(line) for line in (index / "items.jsonl").read_text().splitlines()]
    assert [i["start_s"] for i in items] == [0, 0.3, 0.6, 0.65] and {i["duration_s"] for i in items} == {0.4}
    x, rate = _read(path)
    excerpt = tmp_path / "excerpt.wav"
    soundfile.write(excerpt, x[:, round(0.3 * rate) : round(0.7 * rate)].T.numpy(), rate, subtype="FLOAT")
    best = json.loads(shell("search", index, "--audio", excerpt, "--json")[1])[0]
    assert best["start_s"] == 0.3 and best["score"] == pytest.approx(1, abs=1e-5)
    assert "windows of other lengths" in said(shell(*build, "--add", "--window-s", 1)[2])
    assert shell(*build, "--add")[0] == 0


def test_an_index_of_another_model_is_refused(shell, models, music, tmp_path):
    index = tmp_path / "index"
    shell("index", "build", music, "-o", index, "--model", models / "one")
    before = {p.name: p.read_bytes() for p in index.iterdir()}
    for call in (
        ("search", index, "--audio", music / "a.wav", "--model", models / "two"),
        ("index", "build", music, "-o", index, "--add", "--model", models / "two"),
    ):
        code, out, err = shell(*call)
        assert code == 2 and not out and "made by another model" in said(err)
    assert before == {p.name: p.read_bytes() for p in index.iterdir()}


def test_unusable_index_calls(shell, models, music, tmp_path):
    model = ("--model", models / "one")
    (tmp_path / "nothing").mkdir()
    file = tmp_path / "file"
    file.write_text("x")
    calls = {
        "no such file or folder": (tmp_path / "gone", "-o", tmp_path / "i", *model),
        "no audio files": (tmp_path / "nothing", "-o", tmp_path / "i", *model),
        "no checkpoint": (music, "-o", tmp_path / "i", "--model", "gone"),
        "is a file": (music, "-o", file, *model),
        "cannot be written": (music, "-o", file / "i", *model),
        "make one with": (music, "-o", tmp_path / "i", "--add", *model),
        "at least 0.1 s": (music, "-o", tmp_path / "i", "--window-s", "0.05", *model),
        "--hop-s needs": (music, "-o", tmp_path / "i", "--hop-s", "1", *model),
        "at least 0.01 s": (music, "-o", tmp_path / "i", "--window-s", "1", "--hop-s", "1e-6", *model),
        "no length": (music, "-o", tmp_path / "i", "--window-s", "inf", *model),
    }
    for expected, call in calls.items():
        code, out, err = shell("index", "build", *call)
        assert code == 2 and not out and expected in said(err), expected
    assert not (tmp_path / "i").exists()


def test_unusable_search_calls(shell, models, music, tmp_path):
    index = tmp_path / "index"
    shell("index", "build", music, "-o", index, "--model", models / "one")
    audio = ("--audio", music / "a.wav")
    for expected, call in {
        "no such folder": (tmp_path / "gone", *audio),
        "is not an index": (music, *audio),
        "no such file": (index, "--audio", tmp_path / "gone.wav"),
        "is a folder": (index, "--audio", music),
        "does not read text": (index, "--text", "warm"),
        "no checkpoint": (index, *audio, "--model", "gone"),
    }.items():
        code, out, err = shell("search", *call)
        assert code == 2 and not out and expected in said(err), expected
    for call in ((index,), (index, *audio, "-k", "0"), (index, *audio, "-k", "x")):
        assert shell("search", *call)[0] == 2


@pytest.mark.parametrize("name", ["index.faiss", "items.jsonl", "manifest.json"])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}"])
def test_a_damaged_index_says_so(shell, models, music, tmp_path, name, content):
    index = tmp_path / "index"
    shell("index", "build", music / "a.wav", "-o", index, "--model", models / "one")
    (index / name).write_bytes(content)
    code, out, err = shell("search", index, "--audio", music / "a.wav")
    assert code == 2 and not out and "build" in said(err)


def test_effects_lists_every_knob_of_the_registry(shell):
    code, out, _ = shell("effects")
    assert code == 0
    for name, effect in reprs.effects.registry.items():
        assert f"{name}: " in out and all(knob in out for knob in effect.params)
    code, out, _ = shell("effects", "gain")
    row = next(line for line in out.splitlines() if "gain_db" in line)
    assert code == 0 and row.split() == ["gain_db", "-24", "24", "0", "dB", "linear"]
    assert "side-chain" not in out and "takes a side-chain" in shell("effects", "gate")[1]
    code, _, err = shell("effects", "flubber")
    assert code == 2 and "there are: " in said(err)


def test_eval_is_forwarded_in_a_checkout_and_explained_outside(shell, monkeypatch, tmp_path):
    code, out, _ = shell("eval", "retrieval", "--help")
    assert code == 0 and "reprs eval retrieval" in out
    monkeypatch.setattr("reprs.cli.judging.__file__", str(tmp_path / "reprs" / "cli" / "judging.py"))
    code, _, err = shell("eval", "retrieval")
    assert code == 2 and "clone the reprs repository" in said(err)


def test_every_verb_explains_itself_with_an_example(shell):
    code, out, _ = shell("--help")
    assert code == 0
    for verb in (["embed"], ["index", "build"], ["search"], ["eval"], ["effects"]):
        assert verb[0] in out
        code, text, _ = shell(*verb, "--help")
        assert code == 0 and f"example: reprs {' '.join(verb)} " in text
    assert shell()[0] == shell("index")[0] == shell("flubber")[0] == 2


def test_the_help_of_the_installed_command_takes_under_a_second_and_no_torch():
    code = "import sys, reprs.cli as c\ntry: c.main(['--help'])\nfinally: print('torch' in sys.modules)"
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        times.append(time.perf_counter() - start)
        assert done.stdout.endswith("False\n")
    assert min(times) < 1


def test_a_model_that_embeds_nothing_is_one_line(tmp_path, capsys):
    from reprs.audio import files

    files.write(tmp_path / "a.wav", torch.zeros(2, 44_100) + 0.1, 44_100)
    assert main(["embed", str(tmp_path / "a.wav"), "-o", str(tmp_path / "a.npz"), "--model", "proxy"]) == 2
    assert "'proxy' embeds no audio" in capsys.readouterr().err
