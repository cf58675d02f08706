"""Finished music as a teacher: taken apart once, kept where a setting leads back, read as mixes are."""

import numpy as np
import pytest
import soundfile
import torch

from reprs.console import listening
from reprs.console.standard import standard_console
from reprs.training import finished
from reprs.training.data import Source
from reprs.training.finished import FinishedMaker, FinishedSet
from reprs.training.mix_set import MOST_TRACKS
from tests.console.test_finishing import RATE, beats


@pytest.fixture
def wanted(tmp_path, monkeypatch):
    """Three recordings of one beat, each with a tilt and a width of its own, and one that is silent."""
    monkeypatch.setenv("REPRS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(finished, "A_SHARD", 2)
    music = tmp_path / "music"
    music.mkdir()
    x = beats(3).numpy()
    for number, (tilt, width) in enumerate(((0.0, 0.5), (0.6, 1.0), (-0.6, 1.5))):
        y = x.copy()
        y[:, 1:] -= tilt * x[:, :-1]
        mid, side = (y[0] + y[1]) / 2, width * (y[0] - y[1]) / 2
        soundfile.write(music / f"{number}.wav", np.stack([mid + side, mid - side]).T, RATE)
    soundfile.write(music / "silent.wav", np.zeros((3 * RATE, 2)), RATE)
    return FinishedSet([Source("folder", {"path": str(music)})], shards=2, part_s=1.0)


def test_recordings_are_taken_apart_once_and_the_silent_one_is_left_out(wanted, monkeypatch):
    wanted.build()
    mixes = wanted.load()
    assert len(mixes) == 3 and len(set(mixes.contents)) == 3
    assert mixes.tokens.shape == (3, MOST_TRACKS, listening.TOKEN_DIM)
    assert mixes.there.sum(1).tolist() == [1, 1, 1]
    console = standard_console()
    on = mixes.knobs.tracks_on[:, 0]
    assert on[:, console.track_switches.index("parametric_eq")].any()
    assert not on[:, console.track_switches.index("distortion")].any()
    widths = list(console.track_params).index("stereo_width.width")
    assert mixes.knobs.tracks[:, 0, widths].std() > 0.02
    monkeypatch.setattr(FinishedMaker, "__call__", None)
    wanted.build()


def test_what_no_setting_brings_near_is_left_out(wanted, monkeypatch):
    monkeypatch.setattr(finished, "NEAR", 1e-6)
    wanted.build()
    assert wanted.load() is None


def test_the_same_seed_takes_the_same_parts(wanted):
    first, again = (FinishedMaker(wanted)(0) for _ in range(2))
    assert np.array_equal(first["tracks"], again["tracks"])
    assert torch.equal(torch.from_numpy(first["tokens"]), torch.from_numpy(again["tokens"]))
