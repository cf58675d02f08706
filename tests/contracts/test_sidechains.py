"""What every effect with a side-chain promises."""

import pytest
import torch

from reprs.effects import Chain, registry
from tests.effects.oracles import ORACLES
from tests.effects.signals import error_db, knobs, music

LISTENERS = sorted(name for name, effect in registry.items() if effect.takes_sidechain)
every_listener = pytest.mark.parametrize("effect", [registry[n] for n in LISTENERS], ids=LISTENERS)


def example(effect, channels=2, samples=3_000):
    x, key = music(3, channels, samples).float(), music(3, channels, samples, seed=5).float()
    return x, key, knobs(effect, 3, seed=2).float()


def test_every_dynamics_processor_listens():
    assert {"compressor", "limiter"} <= set(LISTENERS)


@every_listener
def test_the_audio_itself_as_side_chain_changes_nothing(effect):
    x, _, z = example(effect)
    assert error_db(effect(x, 44_100, z, sidechain=x), effect(x, 44_100, z)) < -140


@every_listener
def test_matches_its_oracle_with_a_side_chain(effect):
    x, key, z = example(effect)
    y = effect(x, 44_100, z, sidechain=key)
    assert error_db(y, effect(x, 44_100, z)) > -60
    for i in range(len(x)):
        values = {name: float(v[i]) for name, v in effect.from_unit(z).items()}
        expected = ORACLES[effect.name](
            x[i].double().numpy(), 44_100, **values, **effect.options, sidechain=key[i].double().numpy()
        )
        assert error_db(y[i], expected) < -100


@every_listener
def test_one_channel_speaks_for_all(effect):
    x, key, z = example(effect)
    one = effect(x, 44_100, z, sidechain=key[:, :1])
    assert torch.equal(one, effect(x, 44_100, z, sidechain=key[:, :1].expand(-1, 2, -1)))


@every_listener
def test_gradcheck_in_the_side_chain(effect):
    x = music(2, samples=300, sample_rate=8_000)
    key = music(2, samples=300, sample_rate=8_000, seed=3).requires_grad_()
    z = knobs(effect, 2, low=0.2, high=0.8)
    run = lambda k: effect(x, 8_000, z, sidechain=k)  # noqa: E731
    assert torch.autograd.gradcheck(run, (key,), fast_mode=True, atol=1e-4)


def test_a_chain_passes_each_side_chain_to_the_effect_it_names():
    chain = Chain([registry["gain"], registry["compressor"], registry["compressor"]])
    x, key, z = music(3).float(), music(3, seed=5).float(), knobs(chain, 3).float()
    y = chain(x, 44_100, z, sidechain={"compressor_2": key})
    by_hand = x
    for i, effect in enumerate(chain.effects):
        by_hand = effect(by_hand, 44_100, z[:, chain.slices[i]], sidechain=key if i == 2 else None)
    assert error_db(y, by_hand) < -120


def test_items_keep_their_side_chain_when_their_orders_differ():
    chain = Chain([registry["gain"], registry["limiter"]])
    x, key, z = music(3).float(), music(3, seed=5).float(), knobs(chain, 3).float()
    orders = torch.tensor([[0, 1], [1, 0], [0, 1]])
    y = chain(x, 44_100, z, order=orders, sidechain={"limiter": key})
    for i in range(3):
        one = slice(i, i + 1)
        alone = chain(x[one], 44_100, z[one], order=orders[one], sidechain={"limiter": key[one]})
        assert error_db(y[one], alone) < -110


def test_what_cannot_be_listened_to_is_refused():
    x, compressor = music(2).float(), registry["compressor"]
    for key in (x[:1], x[..., 1:], x.expand(2, 2, -1)[:, :0], x.long()):
        with pytest.raises(ValueError, match=r"side-chain|audio is"):
            compressor(x, 44_100, sidechain=key)
    with pytest.raises(ValueError, match="takes no side-chain"):
        registry["gain"](x, 44_100, sidechain=x)
    with pytest.raises(ValueError, match="has no effect"):
        Chain([compressor])(x, 44_100, torch.rand(2, 6), sidechain={"limiter": x})
