"""Drive, tanh and mix in one compiled pass, against torch in float64."""

import pytest
import torch

from reprs.effects import registry
from reprs.effects.saturation import saturate
from tests.effects.signals import error_db, knobs, music


def problem(level, samples):
    knob = torch.tensor([[1.0, 3.0, 250.0], [0.0, 0.3, 0.5], [1.0, 0.7, 2.0]])
    return [level * music(3, samples=samples).float(), *knob]


@pytest.mark.parametrize("samples", [1, 511, 512, 3_001])
@pytest.mark.parametrize("level", [1e-5, 0.1, 10.0])
def test_is_the_tangent(level, samples):
    x, drive, dry, wet = problem(level, samples)
    exact = saturate(*(t.double() for t in (x, drive, dry, wet)))
    y = saturate(x, drive, dry, wet)
    for i in range(3):
        assert error_db(y[i], exact[i]) < -135


def test_far_outside_it_is_one_and_at_zero_zero():
    x = torch.tensor([[[0.0, -0.0, 1e-30, 1e4, -1e4, 3e38]]])
    y = saturate(x, torch.tensor([10.0]), torch.zeros(1), torch.ones(1))[0, 0]
    assert y.tolist() == pytest.approx([0, 0, 1e-29, 1, -1, 1], rel=1e-6)


@pytest.mark.parametrize("level", [1e-3, 0.1, 3.0])
def test_its_gradients_are_those_of_the_tangent(level):
    inputs = [t.requires_grad_() for t in problem(level, 2_000)]
    doubles = [t.detach().double().requires_grad_() for t in inputs]
    weight = music(3, samples=2_000, seed=1)
    given = torch.autograd.grad((saturate(*inputs) * weight.float()).sum(), inputs)
    exact = torch.autograd.grad((saturate(*doubles) * weight).sum(), doubles)
    for one, other in zip(given, exact, strict=True):
        assert error_db(one, other) < -100


def test_the_distortion_is_the_same_in_one_pass_and_in_several():
    effect, x = registry["distortion"].with_options(oversample=1), music(3, samples=4_000).float()
    z = knobs(effect, 3).float()
    knob = {name: value[:, None, None] for name, value in effect.from_unit(z).items()}
    wet = torch.tanh(x * 10 ** (knob["drive_db"] / 20)) * 10 ** (knob["output_db"] / 20)
    assert error_db(effect(x, 44_100, z), (1 - knob["mix"]) * x + knob["mix"] * wet) < -130
