"""What every effect of the registry promises."""

import numpy as np
import pytest
import torch

from reprs.effects import registry
from tests.effects.oracles import NONLINEAR, ORACLES, STRAIGHT_THROUGH, VARIANTS
from tests.effects.signals import error_db, knobs, music

EFFECTS = sorted(registry)
CHOICES = [(name, options) for name in EFFECTS for options in [{}, *VARIANTS.get(name, [])]]


def choices(pairs):
    effects = [registry[name].with_options(**options) for name, options in pairs]
    names = ["-".join([name, *(f"{k}={v}" for k, v in options.items())]) for name, options in pairs]
    return pytest.mark.parametrize("effect", effects, ids=names)


every_effect = choices([(name, {}) for name in EFFECTS])
every_choice = choices(CHOICES)
# Rounding to a grid, with a gradient that passes straight through: finite differences disagree by design.
every_smooth_choice = choices([(name, options) for name, options in CHOICES if name not in STRAIGHT_THROUGH])


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_every_effect_has_an_oracle():
    assert set(ORACLES) == set(registry)


@every_effect
def test_unit_knobs_survive_the_round_trip(effect):
    z = knobs(effect, batch=16)
    natural = effect.from_unit(z)
    for name, param in effect.params.items():
        assert (natural[name] >= param.min).all() and (natural[name] <= param.max).all()
    torch.testing.assert_close(effect.to_unit(16, dtype=torch.float64, **natural), z)


@every_choice
@pytest.mark.parametrize("samples", [1, 2, 100, 101, 4_096, 8_821])
def test_matches_its_oracle(effect, samples):
    limit_db = -100 if effect.name in NONLINEAR else -110
    x = music(batch=4, samples=samples, seed=samples).float()
    for sample_rate in (8_000, 44_100) if samples == 4_096 else (44_100,):
        z = knobs(effect, batch=4, seed=samples).float()
        y = effect(x, sample_rate, z)
        _compare(effect, x, sample_rate, z, y, limit_db)


@every_choice
def test_matches_its_oracle_at_both_ends_of_every_range(effect):
    limit_db = -100 if effect.name in NONLINEAR else -110
    z = corners(effect).float()
    x = music(samples=3_000).float().expand(len(z), -1, -1)
    _compare(effect, x, 44_100, z, effect(x, 44_100, z), limit_db)


@every_effect
@pytest.mark.parametrize("channels", [1, 2])
def test_an_item_of_a_batch_equals_a_single_run(effect, channels):
    x, z = music(5, channels, samples=5_000).float(), knobs(effect, 5).float()
    together = effect(x, 44_100, z)
    assert together.shape == x.shape and together.dtype == x.dtype
    for i in range(len(x)):
        alone = effect(x[i : i + 1], 44_100, z[i : i + 1])
        assert error_db(together[i], alone[0]) < -110


@every_effect
def test_float32_is_close_to_float64(effect):
    x, z = music(6, samples=8_000).float(), knobs(effect, 6, seed=1).float()
    double = effect.function(
        x.double(), 44_100, **{n: v.double() for n, v in effect.from_unit(z).items()}, **effect.options
    )
    limit_db = -100 if effect.name in NONLINEAR else -110
    assert error_db(effect(x, 44_100, z), double) < limit_db


@every_effect
def test_repeats_itself_and_leaves_random_state_alone(effect):
    x, z = music(2, samples=3_000).float(), knobs(effect, 2).float()
    torch.manual_seed(1)
    first = effect(x, 44_100, z)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == drawn
    assert torch.equal(effect(x, 44_100, z), first)


@every_effect
def test_leaves_its_input_alone(effect):
    x, z = music(2, samples=3_000).float(), knobs(effect, 2).float()
    before = x.clone(), z.clone()
    effect(x, 44_100, z)
    assert torch.equal(x, before[0]) and torch.equal(z, before[1])


@every_smooth_choice
def test_gradcheck(effect):
    x = music(2, samples=300, sample_rate=8_000).requires_grad_()
    z = knobs(effect, 2, low=0.2, high=0.8).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: effect(a, 8_000, b), (x, z), fast_mode=True, atol=1e-4)


@every_effect
def test_every_knob_has_a_gradient(effect):
    x = with_a_quiet_middle(music(3, samples=66_150)).float()
    z = knobs(effect, 3, seed=2, low=0.25, high=0.6).float().requires_grad_()
    y = effect(x, 44_100, z)
    (y * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    missing = [name for name, g in zip(effect.params, z.grad.abs().amin(dim=0), strict=True) if g < 1e-6]
    assert not missing


@every_effect
def test_every_knob_changes_the_output(effect):
    x = with_a_quiet_middle(music(samples=66_150)).float().expand(2, -1, -1)
    for i, name in enumerate(effect.params):
        z = knobs(effect, 1, seed=3, low=0.4, high=0.6).float().repeat(2, 1)
        z[:, i] = torch.tensor([0.3, 0.7])
        y = effect(x, 44_100, z)
        assert error_db(y[0], y[1]) > -80, name


@every_choice
@pytest.mark.parametrize("signal", ["music", "silence", "full scale", "impulse"])
def test_finite_at_both_ends_of_every_range(effect, signal):
    z = corners(effect).float().requires_grad_()
    x = {
        "music": music(samples=2_000).float(),
        "silence": torch.zeros(1, 2, 2_000),
        "full scale": torch.ones(1, 2, 2_000) * (1 - 2 * (torch.arange(2_000) // 50 % 2)),
        "impulse": torch.nn.functional.pad(torch.ones(1, 2, 1), (0, 1_999)),
    }[signal]
    x = x.repeat(len(z), 1, 1).requires_grad_()
    y = effect(x, 44_100, z)
    assert y.isfinite().all()
    y.square().sum().backward()
    assert x.grad.isfinite().all() and z.grad.isfinite().all()
    if signal == "silence":
        assert y.abs().max() < 1e-6


def with_a_quiet_middle(x):
    """`x` faded by 80 dB and back, so that a gate closes and opens."""
    fade = (3 * torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype).abs() - 1).clamp(max=0)
    return x * 10 ** (4 * fade)


def corners(effect):
    """Every knob at both ends with the others in the middle, and all knobs at each end: `(2P + 2, P)`."""
    count = len(effect)
    z = torch.full((2 * count + 2, count), 0.5, dtype=torch.float64)
    for i in range(count):
        z[2 * i, i], z[2 * i + 1, i] = 0, 1
    z[-2], z[-1] = 0, 1
    return z


def _compare(effect, x, sample_rate, z, y, limit_db):
    natural = effect.from_unit(z)
    assert y.shape == x.shape and y.dtype == torch.float32
    for i in range(len(x)):
        values = {name: float(value[i]) for name, value in natural.items()}
        expected = ORACLES[effect.name](x[i].double().numpy(), sample_rate, **values, **effect.options)
        assert np.isfinite(expected).all()
        assert error_db(y[i], expected) < limit_db, values
