"""The compiled pass of a compressor against the same effect in float64, made of torch operations."""

import pytest
import torch

from reprs.effects import compression, registry

RATE = 44_100
COMPRESSOR = registry["compressor"]


def error_db(y: torch.Tensor, exact: torch.Tensor) -> float:
    return float(10 * torch.log10((y - exact).detach().square().sum() / exact.detach().square().sum()))


def audio(items: int, channels: int, length: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    level = 10 ** (-3 * torch.rand(items, 1, length // 100 + 1, generator=generator))
    level = level.repeat_interleave(100, dim=2)[..., :length]
    return (level * torch.randn(items, channels, length, generator=generator)).float()


def run(x, z, key, stereo_link, dtype):
    """Output and the gradients in audio, knobs and side-chain of a weighted sum of it."""
    effect = COMPRESSOR.with_options(stereo_link=stereo_link)
    x, z = (t.detach().to(dtype).requires_grad_() for t in (x, z))
    key = None if key is None else key.detach().to(dtype).requires_grad_()
    y = effect(x, RATE, z, sidechain=key)
    weight = torch.randn(y.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    wanted = [x, z] + ([] if key is None else [key])
    return [y, *torch.autograd.grad((y * weight.to(dtype)).sum(), wanted)]


@pytest.mark.parametrize("channels, stereo_link", [(1, True), (2, True), (2, False)])
@pytest.mark.parametrize("sidechain", [False, True])
def test_output_and_gradients(channels, stereo_link, sidechain):
    # 19 items need a second group of lanes, 1,301 samples a second tile, and neither is full.
    x = audio(19, channels, 1_301)
    x[:, :, 600:700] = 0
    key = audio(19, channels, 1_301, seed=1) if sidechain else None
    z = torch.rand(19, len(COMPRESSOR), generator=torch.Generator().manual_seed(2))
    z[0, 1], z[1, 4] = 0, 0  # ratio 1 and a hard knee
    assert compression._fits_one_pass(x)
    found, exact = (run(x, z, key, stereo_link, dtype) for dtype in (torch.float32, torch.float64))
    for name, a, b in zip(("y", "x", "z", "key"), found, exact, strict=False):
        assert error_db(a.double(), b) < (-100 if name == "y" else -80), name


def test_without_a_gradient_it_is_the_same():
    x, z = audio(8, 2, 999), torch.rand(8, len(COMPRESSOR))
    with torch.no_grad():
        silent = COMPRESSOR(x, RATE, z)
    assert torch.equal(silent, COMPRESSOR(x.clone().requires_grad_(), RATE, z).detach())


def test_doubled_mono_shares_the_gradient_between_its_channels():
    mono = audio(6, 1, 500)
    x = mono.expand(6, 2, 500).clone().requires_grad_()
    z = torch.full((6, len(COMPRESSOR)), 0.4)
    COMPRESSOR(x, RATE, z).square().sum().backward()
    assert torch.allclose(x.grad[:, 0], x.grad[:, 1])


def test_an_item_does_not_depend_on_its_neighbours():
    x, z = audio(20, 2, 700), torch.rand(20, len(COMPRESSOR))
    many = COMPRESSOR(x, RATE, z)
    for i in (0, 15, 16, 19):
        assert torch.allclose(
            COMPRESSOR(x[i : i + 1], RATE, z[i : i + 1]), many[i : i + 1], rtol=2e-5, atol=1e-8
        )


def test_quiet_and_loud_extremes_stay_finite():
    x = torch.stack([torch.full((2, 300), v) for v in (0.0, 1e-38, 1e-7, 1.0, 1e4, -1.0)]).requires_grad_()
    z = torch.rand(6, len(COMPRESSOR)).requires_grad_()
    y = COMPRESSOR(x, RATE, z)
    y.sum().backward()
    assert y.isfinite().all() and x.grad.isfinite().all() and z.grad.isfinite().all()


@pytest.mark.parametrize("items", [1, 3, 4])
def test_few_items_are_smoothed_one_by_one(items):
    x, z = (
        audio(items, 2, 1_301),
        torch.rand(items, len(COMPRESSOR), generator=torch.Generator().manual_seed(3)),
    )
    found, exact = (run(x, z, None, True, dtype) for dtype in (torch.float32, torch.float64))
    for name, a, b in zip(("y", "x", "z"), found, exact, strict=True):
        assert error_db(a.double(), b) < (-100 if name == "y" else -80), name
