import json

import numpy as np
import pytest

from eval.chains import (
    DEFAULT_KINDS,
    DRY_RMS_DB,
    KINDS,
    PedalboardChain,
    match_rms,
    render,
    rms_db,
    sample_chain,
)

SAMPLE_RATE = 44_100


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(5)
    beat = np.exp(-(np.arange(SAMPLE_RATE) % 11_025) / 2_000)
    return match_rms(rng.standard_normal((2, SAMPLE_RATE)) * beat, DRY_RMS_DB)


def test_one_seed_draws_one_sequence_of_chains():
    drawn = [[sample_chain(rng) for _ in range(20)] for rng in map(np.random.default_rng, (3, 3, 4))]
    assert drawn[0] == drawn[1] != drawn[2]


def test_every_kind_is_on_in_about_half_of_the_chains():
    rng = np.random.default_rng(0)
    chains = [sample_chain(rng) for _ in range(2_000)]
    shares = [np.mean([kind in c.kinds for c in chains]) for kind in DEFAULT_KINDS]
    assert len(DEFAULT_KINDS) == 8
    assert all(0.46 < share < 0.55 for share in shares)
    assert min(len(c.kinds) for c in chains) == 1


@pytest.mark.parametrize("count", [1, 3, 5, 8])
def test_an_exact_number_of_effects_in_strip_order(count):
    rng = np.random.default_rng(count)
    for _ in range(20):
        kinds = sample_chain(rng, count=count).kinds
        assert len(set(kinds)) == count
        assert list(kinds) == [k for k in DEFAULT_KINDS if k in kinds]


def test_a_number_no_chain_can_have_is_refused():
    with pytest.raises(ValueError, match="1 to 8 effects, not 9"):
        sample_chain(np.random.default_rng(0), count=9)


def test_random_order_is_drawn_too():
    rng = np.random.default_rng(0)
    orders = {sample_chain(rng, count=8, random_order=True).kinds for _ in range(10)}
    assert len(orders) > 5


def test_a_chain_survives_json():
    chain = sample_chain(np.random.default_rng(1), count=5)
    assert PedalboardChain.from_json(json.loads(json.dumps(chain.to_json()))) == chain


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_heard_keeps_the_level_and_repeats_bit_for_bit(kind, x):
    chain = sample_chain(np.random.default_rng(0), [kind], 1)
    y = render(chain, x, SAMPLE_RATE)
    assert y.shape == x.shape and y.dtype == np.float32 and np.isfinite(y).all()
    assert abs(rms_db(y) - rms_db(x)) < 1e-3
    # A level-matched difference of more than -20 dB is plain to hear; the bitcrusher's noise is lower.
    assert rms_db(y - x) - rms_db(x) > (-40 if kind == "bitcrush" else -20)
    assert np.array_equal(y, render(chain, x, SAMPLE_RATE))


def test_silence_has_no_level_to_match():
    with pytest.raises(ValueError, match="silent"):
        match_rms(np.zeros((2, 100), np.float32), -20)
