"""What the tracks of one mix have in common, by counting."""

import pytest
import torch

from reprs.effects import Chain, registry
from reprs.views import taste
from reprs.views.mixes import KnobPrior


def test_tastes_and_deviations_keep_their_size():
    dice = torch.Generator().manual_seed(0)
    common = taste.draw(4000, dice)
    assert common.mean(0).abs().max() < 0.06 and (common.std(0) - 1).abs().max() < 0.05
    assert ((common.abs() - taste.SCHOOL).abs() < 1).float().mean() > 0.95
    deviates = taste.deviating("parametric_eq.high_shelf_gain_db", (4000, 3), common, dice)
    assert (deviates.std(0) - 1).abs().max() < 0.06
    among = deviates.T.corrcoef()[0, 1:]
    assert (among - 0.7**2).abs().max() < 0.05


@pytest.mark.parametrize("name", ["parametric_eq.peak2_hz", "pan", "stereo_wide"])
def test_what_no_taste_names_is_each_tracks_own(name):
    dice = torch.Generator().manual_seed(0)
    common, left = taste.leaning(name, taste.draw(10, dice))
    assert not common.any() and left == 1


def test_nothing_is_more_than_wholly_common():
    for name in {pattern.replace("*", "") for of in taste.TASTES.values() for pattern in of}:
        weights = taste.leaning(name, torch.eye(len(taste.TASTES)))[0]
        assert weights.square().sum() < 0.8, name


def test_bright_mixes_are_bright_on_all_tracks():
    chain = Chain([registry["parametric_eq"], registry["compressor"]])
    prior = KnobPrior(chain.params, {}, chain.names, [])
    drawn = prior.draw(torch.full((3000, 2), -20.0), torch.Generator().manual_seed(0))
    shelf = drawn.tracks[..., list(chain.params).index("parametric_eq.high_shelf_gain_db")]
    assert 0.1 < shelf.T.corrcoef()[0, 1] < 0.5  # a share of the shelves is flat
    on = drawn.tracks_on[..., 1].float()
    assert 0.1 < on.T.corrcoef()[0, 1] < 0.5 and abs(float(on.mean()) - 0.6) < 0.04
