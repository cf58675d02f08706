"""The known truth: samples of the truth itself are right, and those that are wrong are found out."""

import pytest
import torch

from eval import known_truth as truth
from eval import known_truth_rows as rows


@pytest.fixture(scope="module")
def songs():
    return truth.World(0).songs(40, torch.Generator().manual_seed(1))


def redrawn(songs, count=150, seed=2):
    dice = torch.Generator().manual_seed(seed)
    many = [truth.mixed(songs, dice) for _ in range(count)]
    return [torch.stack([getattr(m, name) for m in many], 1) for name in ("tracks", "mix", "on")]


def test_the_truth_is_right_about_itself(songs):
    tracks, mix, on = redrawn(songs)
    found = truth.figures(songs, tracks, mix, on)
    assert found["mass"] < 0.02 and found["mass_per_song"] < 0.04
    assert abs(found["spread"] - 1) < 0.05 and abs(found["off"] - 1) < 0.05
    assert found["between"] < 0.005 and found["switches"] < 0.05
    assert abs(truth.coverage(songs, redrawn(songs, seed=9)[0], tracks) - 0.8) < 0.02


def test_the_mean_of_all_valid_settings_is_none_of_them(songs):
    tracks, mix, _ = redrawn(songs)
    mean = [x.mean(1, keepdim=True).expand_as(x) for x in (tracks, mix)]
    found = truth.figures(songs, *mean)
    assert found["off"] > 1.5 and found["between"] > 0.3


def test_one_engineer_too_often_is_a_wrong_mass(songs):
    always = songs._replace(shares=torch.tensor([1.0, 0.0, 0.0]).expand(40, 3))
    tracks, mix, _ = redrawn(always)
    assert truth.figures(songs, tracks, mix)["mass"] > 0.3


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_a_wrong_spread_is_seen(songs, factor):
    tracks, mix, _ = redrawn(songs)
    nearest = (tracks[:, :, None] - songs.tracks[:, None]).square().flatten(3).sum(3).argmin(2)
    centre = songs.tracks.gather(1, nearest[..., None, None].expand(-1, -1, *tracks.shape[2:]))
    found = truth.figures(songs, centre + factor * (tracks - centre), mix)
    assert abs(found["spread"] - factor) < 0.1


def test_engineers_stand_apart():
    songs = truth.World(3).songs(50, torch.Generator().manual_seed(4))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        apart = (songs.tracks[:, a] - songs.tracks[:, b])[songs.mask].square().mean(1).sqrt()
        assert apart.mean() > 4 * truth.SPREAD


def test_rows_are_judged_alike():
    result = rows.rows(steps=3, only=("regression", "Gaussian prior"))
    assert set(result) == {"the truth again", "regression", "Gaussian prior"}
    assert result["Gaussian prior"]["off"] > 2 * result["the truth again"]["off"]
    assert result["regression"]["80 % intervals cover"] < 0.05
