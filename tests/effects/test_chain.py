"""A chain against the same effects called by hand."""

import pytest
import torch

from reprs.effects import Chain, registry
from tests.effects.signals import error_db, knobs, music

EFFECTS = [registry[name] for name in ("parametric_eq", "compressor", "gain")]
CHAIN = Chain(EFFECTS)


def by_hand(x, z, order, active):
    for position in order:
        if active[position]:
            x = EFFECTS[position](x, 44_100, z[:, CHAIN.slices[position]])
    return x


@pytest.fixture
def inputs():
    return music(4, samples=3_000).float(), knobs(CHAIN, 4).float()


def test_a_chain_is_its_effects_in_sequence(inputs):
    x, z = inputs
    assert error_db(CHAIN(x, 44_100, z), by_hand(x, z, [0, 1, 2], [1, 1, 1])) < -110


def test_every_item_has_its_own_order_and_bypasses(inputs):
    x, z = inputs
    orders = [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]]
    masks = [[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 0, 0]]
    y = CHAIN(x, 44_100, z, mask=torch.tensor(masks), order=torch.tensor(orders))
    for i in range(4):
        expected = by_hand(x[i : i + 1], z[i : i + 1], orders[i], masks[i])
        assert error_db(y[i], expected[0]) < -110
    assert torch.equal(y[3], x[3])


def test_order_is_audible(inputs):
    x, z = inputs
    assert error_db(CHAIN(x, 44_100, z, order=[0, 1, 2]), CHAIN(x, 44_100, z, order=[1, 0, 2])) > -60


def test_gradients_reach_every_active_knob_and_no_other(inputs):
    x, z = inputs
    z.requires_grad_()
    y = CHAIN(x, 44_100, z, mask=torch.tensor([[1, 0, 1]]).expand(4, 3))
    y.square().sum().backward()
    assert (z.grad[:, CHAIN.slices[0]] != 0).all() and (z.grad[:, CHAIN.slices[1]] == 0).all()


def test_names_of_repeated_effects_stay_apart():
    chain = Chain([registry["gain"], registry["gain"]])
    assert list(chain.params) == ["gain.gain_db", "gain_2.gain_db"]
    z = chain.to_unit({"gain.gain_db": 6.0, "gain_2.gain_db": -6.0})
    x = music(samples=100).float()
    torch.testing.assert_close(chain(x, 44_100, z), x)


@pytest.mark.parametrize("wrong", [dict(order=[0, 0, 1]), dict(mask=torch.ones(4, 2))])
def test_a_wrong_order_or_mask_is_refused(inputs, wrong):
    with pytest.raises(ValueError, match=r"for this chain|permutation"):
        CHAIN(*inputs[:1], 44_100, inputs[1], **wrong)


def test_a_fixed_knob_is_gone_and_stays_put():
    x, fixed = music(2, samples=2_000), registry["delay"].fix(mix=1.0, feedback=0.5)
    assert list(fixed.params) == ["delay_ms", "ping_pong", "damping_hz"]
    expected = registry["delay"](x, 44_100, delay_ms=30.0, mix=1.0, feedback=0.5)
    assert torch.equal(fixed(x, 44_100, delay_ms=30.0), expected)
    assert "mix" in registry["delay"].params
    with pytest.raises(ValueError, match="no knob"):
        fixed.fix(mix=0.5)
