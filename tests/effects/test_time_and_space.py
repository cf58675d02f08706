"""Delay, chorus, reverbs, distortion: slow oracles, and both paths of each compiled loop."""

import numpy as np
import pytest
import torch

from reprs.effects import registry
from tests.effects.oracles import nonlinear, space, time

ORACLES = time.ORACLES | nonlinear.ORACLES | space.ORACLES
NAMES = sorted(set(ORACLES) & set(registry))
LINEAR = {"delay", "reverb", "room", "stereo_width"}


def _noise(*shape, seed=0, dtype=torch.float64):
    return (
        torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype) * 0.2
    )


def _knobs(effect, batch, seed=1):
    return torch.rand(batch, len(effect), generator=torch.Generator().manual_seed(seed)).to(torch.float32)


def _error_db(y, expected):
    return 20 * np.log10(np.abs(y - expected).max() / max(np.abs(expected).max(), 1e-2) + 1e-30)


def _oracle(effect, x, sample_rate, z):
    values = effect.from_unit(z)
    return np.stack(
        [
            ORACLES[effect.name](
                x[b].double().numpy(),
                sample_rate,
                **{k: float(v[b]) for k, v in values.items()},
                **effect.options,
            )
            for b in range(len(x))
        ]
    )


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_float32_matches_the_oracle(name, channels):
    effect, x = registry[name], _noise(3, channels, 4001, dtype=torch.float32)
    z = _knobs(effect, 3)
    y = effect(x, 8_000, z).numpy()
    assert _error_db(y, _oracle(effect, x, 8_000, z)) < (-110 if name in LINEAR else -100)


@pytest.mark.parametrize("sample_rate", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("name", NAMES)
def test_both_ends_of_every_range(name, sample_rate):
    effect, x = registry[name], _noise(2, 2, 900, dtype=torch.float32)
    x[1] = 0
    for z in (torch.zeros(2, len(effect)), torch.ones(2, len(effect))):
        audio, knobs = x.clone().requires_grad_(), z.clone().requires_grad_()
        y = effect(audio, sample_rate, knobs)
        assert _error_db(y.detach().numpy(), _oracle(effect, x, sample_rate, z)) < -90
        gradients = torch.autograd.grad(y.square().sum(), [audio, knobs])
        assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("length", [1, 2, 100, 101])
@pytest.mark.parametrize("name", NAMES)
def test_short_clips(name, length):
    effect, x = registry[name], _noise(2, 2, length)
    z = _knobs(effect, 2).double()
    y = effect(x, 44_100, z)
    assert y.shape == x.shape
    assert np.allclose(y, _oracle(effect, x, 44_100, z), atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(NAMES) - nonlinear.STRAIGHT_THROUGH))
def test_gradients(name):
    effect, x = registry[name], _noise(2, 2, 1400)
    z = _knobs(effect, 2).double() * 0.3 + 0.1
    audio, knobs = x.requires_grad_(), z.requires_grad_()
    torch.autograd.gradcheck(lambda a, k: effect(a, 8_000, k), (audio, knobs), fast_mode=True)
    y = effect(audio, 8_000, knobs)
    (gradient,) = torch.autograd.grad(y.square().sum(), knobs)
    assert (gradient != 0).all()


@pytest.mark.parametrize("oversample", [1, 2, 4])
@pytest.mark.parametrize("shape", ["tanh", "hard", "soft", "asymmetric", "arctan", "rectify"])
def test_every_shape_of_distortion(shape, oversample):
    effect = registry["distortion"].with_options(shape=shape, oversample=oversample)
    x = _noise(2, 2, 1000)
    z = _knobs(effect, 2).double()
    assert _error_db(effect(x, 44_100, z).numpy(), _oracle(effect, x, 44_100, z)) < -200


def test_distortion_names_what_it_knows():
    with pytest.raises(ValueError, match="asymmetric"):
        registry["distortion"].with_options(shape="fuzz")(_noise(1, 1, 10), 44_100)


def test_oversampling_removes_aliasing():
    """A 9 kHz tone, clipped: its third harmonic folds to 17.1 kHz unless the curve runs at a higher rate."""
    tone = (
        0.5 * torch.sin(2 * torch.pi * 9_000 * torch.arange(44_100, dtype=torch.float64) / 44_100)[None, None]
    )
    folded = []
    for oversample in (1, 2, 4):
        effect = registry["distortion"].with_options(shape="hard", oversample=oversample)
        y = effect(tone, 44_100, drive_db=12.0)[0, 0]
        folded.append(torch.fft.rfft(y)[17_100].abs().log10().item() * 20)
    assert folded[1] < folded[0] - 30 and folded[2] < folded[0] - 30


def test_ping_pong_changes_sides():
    x = torch.zeros(1, 2, 8_000, dtype=torch.float64)
    x[:, :, 0] = 1
    y = registry["delay"](x, 8_000, delay_ms=100.0, feedback=0.5, ping_pong=1.0, damping_hz=16_000.0, mix=1.0)
    energy = y[0].square().unfold(1, 800, 800).sum(-1)
    assert (energy[0, 1::2] > 0).all() and (energy[1, 2::2] > 0).all()
    assert energy[1, 1::2].max() < 1e-9 * energy[0, 1] and energy[0, 2::2].max() < 1e-3 * energy[0, 1]


def test_echoes_by_fft_equal_the_recursion():
    from reprs.effects.delay_line import catmull_rom
    from reprs.effects.echoes import _echoes, echoes_by_fft

    v = _noise(4, 3000).requires_grad_()
    whole = torch.tensor([3, 40, 999, 5000])
    knobs = [
        catmull_rom(torch.tensor([0.0, 0.3, 0.5, 0.9], dtype=torch.float64)),
        torch.tensor([0.9, -0.9, 0.5, 0.7], dtype=torch.float64),
        torch.tensor([0.9, 0.0, 0.3, 0.6], dtype=torch.float64),
    ]
    knobs = [k.requires_grad_() for k in knobs]
    one, other = (run(v, whole, *knobs) for run in (_echoes, echoes_by_fft))
    assert torch.allclose(one, other, atol=1e-9)
    weight = _noise(4, 3000, seed=5)
    for a, b in zip(
        *(torch.autograd.grad((y * weight).sum(), [v, *knobs]) for y in (one, other)), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-7)


def test_delay_line_in_torch_equals_the_compiled_loop():
    from reprs.effects.delay_line import read, read_in_torch

    x = _noise(3, 500).requires_grad_()
    delay = (
        1 + 60 * torch.rand(3, 500, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    ).requires_grad_()
    one, other = read(x, delay), read_in_torch(x, delay)
    assert torch.allclose(one, other, atol=1e-12)
    weight = _noise(3, 500, seed=5)
    for a, b in zip(
        *(torch.autograd.grad((y * weight).sum(), [x, delay]) for y in (one, other)), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-12)


def test_decaying_noise_in_torch_equals_the_compiled_loop():
    from reprs.effects.decaying_noise import CENTRES_HZ, decaying_noise, decaying_noise_in_torch

    generator = torch.Generator().manual_seed(3)
    gain = torch.rand(2, len(CENTRES_HZ), generator=generator).requires_grad_()
    rate = (torch.rand(2, len(CENTRES_HZ), generator=generator) * 1e-3 + 1e-4).requires_grad_()
    one, other = (make(gain, rate, 3000, 8_000, 0) for make in (decaying_noise, decaying_noise_in_torch))
    assert torch.allclose(one, other, atol=1e-5)
    for a, b in zip(
        *(torch.autograd.grad(y.square().sum(), [gain, rate]) for y in (one, other)), strict=True
    ):
        assert torch.allclose(a, b, rtol=1e-3)


@pytest.mark.parametrize("name", ["chorus", "delay", "reverb", "room"])
def test_the_way_of_other_devices_agrees(name, monkeypatch):
    """What a GPU runs, on the CPU: plain torch in place of every compiled loop, gradients included."""
    from reprs.effects import decaying_noise, delay_line, echoes

    effect, x = registry[name], _noise(3, 2, 12_001, dtype=torch.float32)
    audio, knobs = x.requires_grad_(), _knobs(effect, 3).requires_grad_()
    compiled = effect(audio, 8_000, knobs)
    monkeypatch.setattr(echoes, "_echoes", echoes.echoes_by_fft)
    monkeypatch.setattr(delay_line, "_read", delay_line.read_in_torch)
    monkeypatch.setattr(decaying_noise, "_decay", decaying_noise.decaying_noise_in_torch)
    plain = effect(audio, 8_000, knobs)
    assert _error_db(compiled.detach().numpy(), plain.detach().numpy()) < -110
    weight = _noise(*x.shape, seed=7, dtype=torch.float32)
    pairs = [torch.autograd.grad((y * weight).sum(), [audio, knobs]) for y in (compiled, plain)]
    for one, other in zip(*pairs, strict=True):
        assert _error_db(one.numpy(), other.numpy()) < -80


def test_phaser_needs_a_stage():
    with pytest.raises(ValueError, match="at least 1"):
        registry["phaser"].with_options(stages=0)(_noise(1, 1, 10), 44_100)


def test_reverb_seeds_differ_and_repeat():
    reverb, x = registry["reverb"], _noise(1, 2, 4000)
    again = [reverb.with_options(seed=s)(x, 8_000) for s in (0, 0, 1)]
    assert torch.equal(again[0], again[1]) and not torch.allclose(again[0], again[2])


def test_reverb_keeps_the_level_of_noise():
    """The wet signal of an undamped, uncut room has the power of white noise that went in."""
    x = _noise(2, 2, 24_000)
    y = registry["reverb"](x, 8_000, decay_s=0.2, damping=0.0, low_cut_hz=20.0, high_cut_hz=20_000.0, mix=1.0)
    change = 10 * torch.log10(y[:, :, 8_000:].square().mean() / x.square().mean())
    assert abs(change) < 1


def test_fft_convolution_is_never_a_sample_off():
    from reprs.effects.fft import convolve, good_size

    for length, size in ((1, 1), (7, 4), (8, 4), (101, 100), (64, 300)):
        x, response = _noise(length), _noise(size, seed=1)
        expected = np.convolve(x.numpy(), response.numpy())[:length]
        assert np.allclose(convolve(x, response), expected)
    fast = sorted(
        2**a * 3**b * 5**c * 7**d for a in range(1, 12) for b in range(7) for c in range(5) for d in range(4)
    )
    for n in (1, 2, 3, 7, 31, 97, 1_000, 1_999):
        assert good_size(n) == next(size for size in fast if size >= n)


def test_width_knows_two_channels_only():
    with pytest.raises(ValueError, match="downmix"):
        registry["stereo_width"](_noise(1, 3, 10), 44_100)
