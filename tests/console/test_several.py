"""`reprs mix --samples`: numbered mixes at one loudness, a page, locks, and going on from one of them."""

import json

import numpy as np
import pytest
import soundfile
import torch

from reprs.console import listening
from reprs.console.files.compared import TRAITS, traits, words
from reprs.console.generator import TEMPERATURE, Generator, coordinates
from reprs.console.locks import locked_places
from reprs.console.saved_mix import SavedMix, read_mix
from reprs.console.several import levelled_db
from reprs.console.standard import standard_console
from reprs.models import hub
from reprs.models.flow import MixGenerator

RATE = 44_100


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    sizes = dict(zip(("tracks", "mix"), coordinates(standard_console()), strict=True))
    flow = MixGenerator(listening.TOKEN_DIM, listening.CONDITION_DIM, **sizes, width=16, layers=1)
    path = tmp_path_factory.mktemp("model") / "mixgen"
    hub.save(Generator.of(flow, hub.load("effect"), hub.load("timbre")), path, {"recipe": "mixgen"})
    return str(path)


@pytest.fixture()
def stems(tmp_path):
    folder = tmp_path / "stems"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, hz in (("bass", 80), ("keys", 440)):
        x = 0.2 * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE) + 0.02 * rng.normal(size=RATE)
        soundfile.write(folder / f"{name}.wav", x, RATE)
    return folder


def test_numbered_mixes_at_one_loudness_and_a_page(shell, stems, tmp_path, model):
    out = tmp_path / "out"
    code, _, err = shell("mix", stems, "--samples", 3, "--seed", 7, "--model", model, "-o", out)
    assert code == 0, err
    found = [json.loads((out / f"mix-{n}.json").read_text()) for n in (1, 2, 3)]
    loudness = [each["after"]["loudness_lufs"] for each in found]
    assert max(loudness) - min(loudness) < 0.1
    assert all(np.abs(soundfile.read(out / f"mix-{n}.wav")[0]).max() <= 1 for n in (1, 2, 3))
    assert [each["sample"] for each in found] == [1, 2, 3] and found[0]["seed"] == 7
    assert [each["temperature"] for each in found] == [0, TEMPERATURE, TEMPERATURE]
    page = (out / "mixes.html").read_text()
    assert "mix-1 is the most usual one." in page
    assert page.count("<audio") == 3 and "--start" in page and "data:image/png" in page
    code, _, err = shell("mix", stems, "--samples", 2, "--model", model, "-o", out)
    assert code == 2 and "--force" in err


def test_a_mix_is_what_its_settings_say(shell, stems, tmp_path, model):
    out, again = tmp_path / "out", tmp_path / "again"
    assert shell("mix", stems, "--samples", 1, "--model", model, "-o", out)[0] == 0
    assert read_mix(out / "mix-1.json").details["temperature"] == 0
    assert shell("mix", stems, "--apply", out / "mix-1.json", "-o", again)[0] == 0
    first, second = (soundfile.read(p)[0] for p in (out / "mix-1.wav", again / "mix.wav"))
    assert np.abs(first - second).max() < 1e-4


def test_mixes_around_one_keep_what_is_locked(shell, stems, tmp_path, model):
    out, near = tmp_path / "out", tmp_path / "near"
    assert shell("mix", stems, "--samples", 1, "--model", model, "-o", out)[0] == 0
    call = ["mix", stems, "--start", out / "mix-1.json", "--variation", 0.5, "--lock", "bass,keys.pan"]
    assert shell(*call, "--samples", 2, "--model", model, "-o", near)[0] == 0
    start = read_mix(out / "mix-1.json").knobs
    pan = list(standard_console().track_params).index("pan")
    assert "most usual" not in (near / "mixes.html").read_text()
    for n in (1, 2):
        found = read_mix(near / f"mix-{n}.json").knobs
        assert torch.allclose(found.tracks[0, 0], start.tracks[0, 0], atol=1e-3)
        assert torch.equal(found.tracks_on[0, 0], start.tracks_on[0, 0])
        assert abs(float(found.tracks[0, 1, pan] - start.tracks[0, 1, pan])) < 1e-3
        assert (found.tracks[0, 1] - start.tracks[0, 1]).abs().max() > 0.02


def test_what_cannot_be_is_said_in_one_line(shell, stems, tmp_path, model):
    out = tmp_path / "out"
    for args, word in (
        (["--samples", 100], "--samples"),
        (["--samples", 2, "--temperature", 3], "--temperature"),
        (["--samples", 2, "--variation", 0.3], "--start"),
        (["--samples", 2, "--lock", "kazoo", "--model", model], "kazoo"),
        (["--start", tmp_path / "none.json", "--model", model], "none.json"),
        (["--samples", 2, "--model", "effect"], "samples no mixes"),
    ):
        code, _, err = shell("mix", stems, *args, "-o", out)
        assert code == 2 and word in err and err.count("\n") == 1, err
    assert not out.exists()


def test_mixes_are_levelled_without_clipping():
    gains = levelled_db([-20.0, -14.0, -30.0], [-6.0, -1.0, -20.0])
    after = np.array([-20.0, -14.0, -30.0]) + gains
    assert np.ptp(after) < 1e-9 and np.max(np.array([-6.0, -1.0, -20.0]) + gains) == pytest.approx(-0.1)


def test_locks_are_tracks_parts_and_shared_sections():
    console, names = standard_console(), ["vocals", "bass.di"]
    columns = [*console.track_params, *console.track_switches]
    tracks, mix = locked_places(console, ["vocals.compressor", "bass.di.pan", "master.limiter"], names)
    assert {columns[i] for i in tracks[0].nonzero()[:, 0]} == {
        "compressor", "compressor.first", *(f"compressor.{k}" for k in console.strip.effects[2].params),
    }  # fmt: skip
    assert [columns[i] for i in tracks[1].nonzero()[:, 0]] == ["pan"]
    shared = [*console.shared_params, *console.shared_switches]
    assert all(shared[i].startswith("master.limiter") for i in mix.nonzero()[:, 0]) and mix.any()
    tracks, mix = locked_places(console, ["bass.di, eq"], names)
    assert tracks[1].all() and 0 < tracks[0].sum() < len(columns)
    assert not locked_places(console, ["fader"], names)[1].any()


def test_words_say_what_the_knobs_do():
    console = standard_console()
    rest, wet = console.neutral(1, 2), console.neutral(1, 2)
    send = list(console.track_params).index("reverb.send_db")
    wet.tracks[..., send] = console.track_params["reverb.send_db"].to_unit(torch.tensor(-10.0))
    wet.shared_on[:] = True
    mixes = [SavedMix("standard", ("a", "b"), knobs, RATE) for knobs in (rest, wet)]
    assert traits(mixes[1])["reverb"] == pytest.approx(-10, abs=0.05)
    assert "more reverb" in words(mixes)[1] and "drier" in words(mixes)[0]
    assert set(traits(mixes[0])) == set(TRAITS)
