"""`reprs quality`: what is printed, the outputs, and files that cannot be judged."""

import json
import math

import numpy as np
import pytest
import torch

from reprs.audio import files
from reprs.cli import main
from reprs.models.quality import Quality
from reprs.retrieval.quality_files import bars, fault_words

RATE = 22_050


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("takes")
    generator = torch.Generator().manual_seed(0)
    for name in ("a", "b"):
        files.write(path / f"{name}.wav", 0.1 * torch.randn(2, 3 * RATE, generator=generator), RATE)
    (path / "broken.wav").write_bytes(b"RIFF nothing")
    files.write(path / "silent.wav", torch.zeros(1, RATE), RATE)
    return path


def test_files_are_judged_and_bad_ones_named(folder, capsys):
    assert main(["quality", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert out.count("lowest") == 2 and "a.wav" in out and "b.wav" in out
    assert "judged 2 of 4 files, 2 failed" in err
    assert "broken.wav" in err and "silent.wav: there is nothing to judge" in err and "Traceback" not in err


def test_json_is_the_whole_and_the_file_is_the_same(folder, capsys, tmp_path):
    target = tmp_path / "out.json"
    assert main(["quality", str(folder / "a.wav"), "--json", "-o", str(target)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(target.read_text())
    assert set(printed[0]) == {"path", "score", "likely_fault", "faults", "times_s", "curve"}
    assert len(printed[0]["curve"]) == 3 and 1 <= printed[0]["score"] <= 4.75


def test_a_picture_is_drawn_and_nothing_is_overwritten(folder, tmp_path, capsys):
    target = tmp_path / "out.png"
    assert main(["quality", str(folder / "a.wav"), "-o", str(target)]) == 0
    first = target.read_bytes()
    assert first[:4] == b"\x89PNG"
    assert main(["quality", str(folder / "a.wav"), "-o", str(target)]) == 2
    assert "exists" in capsys.readouterr().err and target.read_bytes() == first
    assert main(["quality", str(folder / "a.wav"), "-o", str(target), "--force"]) == 0


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["-o", "x.txt"], "OUT.json"),
        (["--model", "effect"], "judges no quality"),
        (["--model", "no"], "no checkpoint"),
    ],
)
def test_unusable_calls_are_one_line(folder, extra, said, capsys):
    assert main(["quality", str(folder / "a.wav"), *extra]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_a_picture_that_cannot_be_is_said_before_the_work(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("reprs.retrieval.quality_files.judge_files", lambda *_: pytest.fail("worked first"))
    (tmp_path / "out.png").mkdir()
    assert main(["quality", str(folder), "-o", str(tmp_path / "out.png"), "--force"]) == 2
    assert "is a folder" in capsys.readouterr().err
    monkeypatch.setattr("reprs.retrieval.quality_files.MOST_PANELS", 3)
    assert main(["quality", str(folder), "-o", str(tmp_path / "many.png")]) == 2
    assert "the curves of 3 files, not 4: name OUT.json" in capsys.readouterr().err


def test_a_name_that_the_font_lacks_is_no_warning(folder, tmp_path, recwarn):
    (folder / "a.wav").rename(folder / "音.wav")
    assert main(["quality", str(folder / "音.wav"), "-o", str(tmp_path / "out.png")]) == 0
    assert not [w for w in recwarn if "Glyph" in str(w.message)]


def test_bars_show_the_worst_second_and_leave_silence_blank():
    assert bars([1.0, 4.75, math.nan]) == "▁█ "
    long = np.full(120, 4.75)
    long[7] = 1.0
    drawn = bars(long.tolist())
    assert len(drawn) == 60 and drawn.index("▁") == 3


def test_words_of_a_fault():
    slight = Quality(3.0, (0.5,), (3.0,), {"hum": (0.8, 0.2), "band_limit": (0.1, 0.9)})
    assert slight.likely_fault == "hum" and fault_words(slight) == "hum, slight (chance 0.80)"
    none = Quality(4.7, (0.5,), (4.7,), {"hum": (0.3, 0.2)})
    assert none.likely_fault is None and fault_words(none) == "no likely fault"
