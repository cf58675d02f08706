"""A mix as JSON: readable, edited by hand, and the same samples when it is read back."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reprs.console.knobs import Patch
from reprs.console.saved_mix import SavedMix, read_mix
from reprs.console.standard import single_console, standard_console
from tests.console.test_console import RATE, drawn, noise

NAMES = ("vocals", "bass", "drums")


def saved(tmp_path, mix, **changes):
    path = tmp_path / "mix.json"
    content = json.loads(mix.to_json(note="by hand"))
    content.update(changes)
    path.write_text(json.dumps(content))
    return path


@pytest.fixture()
def mix():
    patch = Patch(
        key=torch.tensor([[-1, 2, -1]]),
        group=torch.tensor([[-1, 0, 0]]),
        muted=torch.tensor([[False, False, True]]),
    )
    console = standard_console(["rhythm"])
    return SavedMix("standard", NAMES, replace(drawn(console, 1, 3), patch=patch), RATE, -1.5, ("rhythm",))


@pytest.mark.parametrize("few_digits", [False, True])
def test_it_reads_back_to_the_same_samples(tmp_path, mix, few_digits):
    mix = mix.snapped() if few_digits else mix
    back = read_mix(saved(tmp_path, mix))
    for name in ("tracks", "shared", "tracks_on", "shared_on"):
        assert torch.equal(getattr(back.knobs, name), getattr(mix.knobs, name))
    x = noise(1, 3)
    assert torch.equal(back.console(x, RATE, back.knobs), mix.console(x, RATE, mix.knobs))
    assert (back.names, back.output_db, back.groups) == (NAMES, -1.5, ("rhythm",))
    assert back.details["note"] == "by hand"


def test_snapped_knobs_are_close_and_short(mix):
    snapped = mix.snapped()
    # Half a unit of the fourth digit, on the narrowest logarithmic knob: 0.0005 / ln(1 / 0.3).
    assert (snapped.knobs.tracks - mix.knobs.tracks).abs().max() < 4.2e-4
    content = json.loads(snapped.to_json())
    numbers = [v for track in content["tracks"] for v in track["compressor"].values() if v is not True]
    assert all(len(f"{abs(v)}".replace(".", "").lstrip("0")) <= 4 for v in numbers)


def test_values_are_those_of_the_knobs_with_their_units(mix):
    content = json.loads(mix.to_json())
    params, column = mix.console.track_params, list(mix.console.track_params)
    for track, z in zip(content["tracks"], mix.knobs.tracks[0], strict=True):
        for effect, knob in (("compressor", "attack_ms"), ("reverb", "send_db")):
            name = f"{effect}.{knob}"
            natural = float(params[name].from_unit(z[column.index(name)]))
            assert track[effect][knob] == pytest.approx(natural, rel=1e-5)
    assert content["tracks"][1]["listens_to"] == "drums" and content["tracks"][2]["muted"] is True
    assert content["shared"]["master"]["limiter"]["ceiling_db"] <= 0


def test_knobs_that_move_are_lists(tmp_path, mix):
    tracks = mix.knobs.tracks[..., None].repeat(1, 1, 1, 3)
    fader = list(mix.console.track_params).index("fader_db")
    tracks[0, 1, fader] = torch.tensor([0.2, 0.7, 0.4])
    moving = replace(mix, knobs=replace(mix.knobs, tracks=tracks))
    content = json.loads(moving.to_json())
    assert len(content["tracks"][1]["fader_db"]) == 3
    assert isinstance(content["tracks"][0]["fader_db"], float)
    back = read_mix(saved(tmp_path, moving))
    assert torch.equal(back.knobs.tracks, tracks) and back.knobs.shared.ndim == 2


def test_tracks_move_in_one_number_of_frames(tmp_path, mix):
    """That of the tracks and that of what they share may differ; a track that stays is repeated."""
    names = ("a", "b")
    two = SavedMix("standard", names, standard_console().neutral(1, 2), RATE)
    tracks = [{"name": "a", "fader_db": [-9, 0]}, {"name": "b", "pan": 0.5}]
    shared = {"master": {"limiter": {"ceiling_db": [-3, -2, -1]}}}
    knobs = read_mix(saved(tmp_path, two, tracks=tracks, shared=shared)).knobs
    assert knobs.tracks.shape[-1] == 2 and knobs.shared.shape[-1] == 3
    assert torch.equal(knobs.tracks[0, 1, :, 0], knobs.tracks[0, 1, :, 1])
    tracks[1]["pan"] = [0, 0.1, 0.2]
    with pytest.raises(ValueError, match=r"one number of frames, got \[2, 3\]"):
        read_mix(saved(tmp_path, two, tracks=tracks))


def test_an_effect_that_is_left_out_is_off_and_a_knob_at_its_default(tmp_path):
    console = single_console()
    mix = SavedMix("single", ("song",), console.neutral(1, 1), RATE)
    track = {"name": "song", "compressor": {"threshold_db": -30}, "fader_db": -2}
    back = read_mix(saved(tmp_path, mix, tracks=[track], shared={}))
    assert back.knobs.tracks_on[0, 0].tolist() == [name == "compressor" for name in console.track_switches]
    assert not back.knobs.shared_on.any()
    ratio = list(console.track_params).index("compressor.ratio")
    assert float(console.track_params["compressor.ratio"].from_unit(back.knobs.tracks)[0, 0, ratio]) == (
        pytest.approx(4)
    )


@pytest.mark.parametrize(
    ("track", "line"),
    [
        ({"compressor": {"ratio": 30}}, "song.compressor.ratio is from 1 to 10, got 30"),
        ({"compressor": {"speed": 3}}, "no knob song.compressor.speed"),
        ({"compressor": {"ratio": "much"}}, "song.compressor.ratio is a number, not 'much'"),
        ({"compressor": {"on": 1}}, "song.compressor.on is true or false"),
        ({"listens_to": "kick"}, "listens_to is one of song, not 'kick'"),
        ({"group": "drums"}, "group is one of nothing here"),
        ({"muted": "yes"}, "muted is true or false"),
        ({"fader_db": [0, -1], "pan": [0, 0.1, 0.2]}, "one number of frames"),
        ({"fader_db": []}, "song.fader_db is from -48 to 12"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(tmp_path, track, line):
    mix = SavedMix("single", ("song",), single_console().neutral(1, 1), RATE)
    path = saved(tmp_path, mix, tracks=[{"name": "song", **track}])
    with pytest.raises(ValueError, match=r"mix\.json") as raised:
        read_mix(path)
    assert line in str(raised.value) and "\n" not in str(raised.value)


def test_a_file_that_is_no_mix(tmp_path, mix):
    with pytest.raises(ValueError, match="no such mix"):
        read_mix(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(ValueError, match="not a saved mix"):
        read_mix(tmp_path / "text.json")
    for changes, line in (
        ({"format": 9}, "newer"),
        ({"console": "big"}, "console is"),
        ({"tracks": []}, "name"),
    ):
        with pytest.raises(ValueError, match=line):
            read_mix(saved(tmp_path, mix, **changes))


def test_the_page_of_the_console_runs(tmp_path, monkeypatch):
    page = Path(__file__).parents[2] / "docs" / "console.md"
    code = "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    monkeypatch.chdir(tmp_path)
    exec(code, {})  # it ends in an assertion of its own
    assert read_mix(tmp_path / "mix.json").names[-1] == "vocals"
