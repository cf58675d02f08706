"""The neural proxy and its recipe."""

import pytest
import torch

from reprs.models import hub
from reprs.models.proxy import NeuralProxy
from reprs.training.proxy import ProxyRecipe, error_of, loudest
from tests.effects.signals import music

PARAMS = {"threshold_db": [-50, 0, -20, "linear"], "ratio": [1, 20, 4, "log"]}


def proxy(trained=True):
    torch.manual_seed(0)
    model = NeuralProxy("Compressor", PARAMS, width=4, kernel=3, blocks=3)
    if trained:
        torch.nn.init.normal_(model.leave.weight, std=0.1)
    return model


KNOBS = {"threshold_db": torch.tensor([-30.0, -10.0]), "ratio": torch.tensor([2.0, 8.0])}


def test_untrained_it_is_a_wire():
    x = music(2).float()
    assert torch.equal(proxy(trained=False)(x, 44_100, **KNOBS), x)


def test_the_past_alone_decides():
    x = music(2, samples=400).float()
    changed = x.clone()
    changed[..., 200:] = 0
    y, z = (proxy()(v, 44_100, **KNOBS) for v in (x, changed))
    assert torch.allclose(y[..., :200], z[..., :200], atol=1e-6) and not torch.allclose(y, z, atol=1e-3)


def test_every_item_has_its_knobs_and_every_channel_the_same():
    x = music(2, 1, 400).float().expand(-1, 2, -1)
    y = proxy()(x, 44_100, **KNOBS)
    assert torch.allclose(y[:, 0], y[:, 1], atol=1e-6)
    alone = proxy()(x[1:], 44_100, **{name: value[1:] for name, value in KNOBS.items()})
    assert torch.allclose(y[1:], alone, atol=1e-6)


def test_gradients_reach_knobs_and_audio():
    x, knobs = (
        music(2, samples=400).float().requires_grad_(),
        {n: v.clone().requires_grad_() for n, v in KNOBS.items()},
    )
    proxy()(x, 44_100, **knobs).square().sum().backward()
    assert x.grad.abs().sum() > 0 and all((v.grad != 0).all() for v in knobs.values())


def test_another_sample_rate_is_refused():
    with pytest.raises(ValueError, match="44100 Hz, not 48000"):
        proxy()(music(2).float(), 48_000, **KNOBS)


def test_a_saved_proxy_plays_the_same(tmp_path):
    model = proxy().eval()
    hub.save(model, tmp_path / "mine")
    x = music(2, samples=400).float()
    assert torch.equal(hub.load(tmp_path / "mine")(x, 44_100, **KNOBS), model(x, 44_100, **KNOBS))


def test_the_recipe_learns_to_follow_the_plugin():
    """Forty steps on one batch: nearer to the plugin than a wire is, by a wide margin."""
    torch.manual_seed(0)
    recipe = ProxyRecipe(
        ranges={"threshold_db": [-40, -30], "ratio": [8, 20], "release_ms": [50, 60]},
        width=6,
        kernel=5,
        blocks=3,
        seconds=0.1,
    )
    x, z, wet = recipe.example(music(4, samples=6_000).float(), torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(recipe.proxy.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        error_of(recipe._play(recipe.proxy, x, z), wet).mean().backward()
        optimizer.step()
    assert error_of(recipe._play(recipe.proxy, x, z), wet).mean() < 0.3 * error_of(x, wet).mean()


def test_the_loudest_stretch_is_taken():
    x = torch.zeros(2, 1, 1_000)
    x[0, 0, 900:], x[1, 0, :100] = 1, 1
    assert (loudest(x, 100).sum((1, 2)) == 100).all()
    assert loudest(x, 2_000) is x
