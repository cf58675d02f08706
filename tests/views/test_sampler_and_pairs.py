"""Random chains and pairs: what is promised about masks, orders, siblings, levels and determinism."""

import pytest
import torch

from reprs.views.level import rms
from reprs.views.pairs import PairMaker
from reprs.views.sampler import ChainSampler, Choice

CHOICES = [
    Choice("gain", 0.9, {"gain_db": (-6, 6)}),
    Choice("lowpass", 0.5, {"cutoff_hz": (500, 4000)}, {"order": 1}),
    Choice("stereo_width", 0.1),
    Choice("distortion", 0.5, {"drive_db": (6, 30)}),
]
RATE = 44_100


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_effects_are_on_as_often_as_asked():
    mask = ChainSampler(CHOICES, few=0.0).draw(20_000, seeded()).mask.float().mean(0)
    # At least one effect is on: conditioning on that lifts each share by the chance of an empty chain.
    empty = 0.1 * 0.5 * 0.9 * 0.5
    assert torch.allclose(mask, torch.tensor([0.9, 0.5, 0.1, 0.5]), atol=empty + 0.01)


def test_every_chain_has_an_effect_and_few_means_few():
    draw = ChainSampler(CHOICES, few=1.0, few_at_most=2).draw(3_000, seeded())
    count = draw.mask.sum(1)
    assert count.min() == 1 and count.max() == 2
    assert (count == 1).float().mean() == pytest.approx(0.5, abs=0.04)
    # The likelier effect is alone more often.
    assert draw.mask[:, 0].sum() > draw.mask[:, 2].sum()


def test_orders_are_permutations_and_shuffled_as_often_as_asked():
    order = ChainSampler(CHOICES, shuffled=0.5).draw(4_000, seeded()).order
    assert torch.equal(order.sort(1).values, torch.arange(4).expand(4_000, 4))
    usual = (order == torch.arange(4)).all(1).float().mean()
    assert usual == pytest.approx(0.5 + 0.5 / 24, abs=0.03)


def test_ranges_and_options_reach_the_chain():
    chain = ChainSampler(CHOICES).chain
    cutoff_hz = chain.from_unit(torch.rand(100, len(chain)))["lowpass.cutoff_hz"]
    assert cutoff_hz.min() >= 500 and cutoff_hz.max() <= 4000
    assert chain.effects[1].options["order"] == 1


def test_siblings_share_effects_and_order_but_not_knobs():
    draw = ChainSampler(CHOICES).draw_groups(5, 8, 0.5, 0.0, seeded())
    for g in range(5):
        rows = slice(8 * g, 8 * g + 4)
        assert (draw.mask[rows] == draw.mask[8 * g]).all() and (draw.order[rows] == draw.order[8 * g]).all()
    assert len(draw.z.unique(dim=0)) == 40


def test_groups_of_single_effects_are_as_frequent_as_asked():
    count = ChainSampler(CHOICES, few=0.0).draw_groups(2_000, 4, 0.5, 0.3, seeded()).mask.sum(1).view(-1, 4)
    usual = ChainSampler(CHOICES, few=0.0).draw_groups(2_000, 4, 0.5, 0.0, seeded()).mask.sum(1).view(-1, 4)
    share, by_chance = (float((c == 1).all(1).float().mean()) for c in (count, usual))
    assert share == pytest.approx(0.3 + 0.7 * by_chance, abs=0.03)


def test_clips_begin_inside_the_preroll():
    maker = PairMaker(ChainSampler([Choice("gain")]), chains_per_group=4, preroll_s=0.02)
    ramp = torch.arange(1, 4_001.0).expand(2, 2, 4_000)
    x = maker(ramp, RATE, seeded()).x
    assert x.shape[-1] == 4_000 - 882
    starts = (x[:, 0, 0] / (x[:, 0, 1] - x[:, 0, 0])).round()  # a ramp's value over its step is its place
    assert starts.min() >= 1 and starts.max() <= 883 and len(starts.unique()) > 4


def test_an_unknown_effect_is_named():
    with pytest.raises(ValueError, match="reverbb"):
        ChainSampler([Choice("reverbb")])


def make(seed: int = 0):
    maker = PairMaker(ChainSampler(CHOICES), chains_per_group=3, sub_batch=4)
    segments = (
        torch.randn(4, 2, 4_000, generator=seeded(9)) * torch.tensor([0.5, 0.1, 0.02, 0.3])[:, None, None]
    )
    return maker, segments, maker(segments, RATE, seeded(seed))


def test_pairs_are_the_same_chain_on_two_contents():
    maker, segments, views = make()
    assert (
        views.x.shape == (12, 2, 4_000)
        and len(views.draw) == 6
        and views.group.tolist() == [0, 0, 0, 1, 1, 1]
    )
    chain = maker.sampler.chain
    for i in range(6):
        for row, content in ((i, views.group[i]), (i + 6, views.group[i] + 2)):
            dry = segments[content][None] * (rms(views.x[row : row + 1]) / rms(segments[content][None]))
            one = views.draw[torch.tensor([i])]
            wet = chain(dry, RATE, one.z, one.mask, one.order)
            wet = wet * rms(dry) / rms(wet)
            assert torch.allclose(wet[0], views.x[row], atol=1e-4), (i, row)


def test_level_says_nothing_about_the_chain():
    _, _, views = make()
    level = rms(views.x).flatten()
    for g in range(4):
        assert torch.allclose(level[3 * g : 3 * g + 3], level[3 * g].expand(3), rtol=1e-4)
    assert level.min() > 10 ** (-23 / 20) * 0.999 and level.max() < 10 ** (-13 / 20) * 1.001


def test_the_generator_alone_decides():
    first, again, other = make(1)[2].x, make(1)[2].x, make(2)[2].x
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_segments_no_longer_than_the_preroll_are_refused():
    with pytest.raises(ValueError, match="segment_s"):
        PairMaker(ChainSampler(CHOICES), preroll_s=1.0)(torch.zeros(2, 2, RATE), RATE, seeded())


def test_odd_segments_are_refused():
    with pytest.raises(ValueError, match="pairs"):
        make()[0](torch.zeros(3, 2, 100), RATE, seeded())
