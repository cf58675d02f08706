"""Defects seen in other differentiable effects, one test each."""

import numpy as np
import pytest
import scipy.signal
import torch

from reprs.audio.lti import filter_sections
from reprs.effects import Chain, biquad, registry, unit_of
from reprs.effects.estimators import spsa
from tests.effects.oracles import MAKES_STEREO, UNITLESS
from tests.effects.oracles import eq as oracle
from tests.effects.signals import error_db, knobs, music

compressor, limiter, parametric_eq = (registry[n] for n in ("compressor", "limiter", "parametric_eq"))


def test_release_knob_is_not_ignored():
    x = music(samples=20_000).float().expand(2, -1, -1)
    y = compressor(x, 44_100, release_ms=torch.tensor([20.0, 800.0]), threshold_db=-40.0)
    assert error_db(y[0], y[1]) > -30


def test_hard_knee_has_a_finite_gradient():
    x = torch.cat([torch.zeros(1, 1, 50), torch.full((1, 1, 50), 0.1), music(1, 1, 500).float()], dim=2)
    z = compressor.to_unit(1, knee_db=0.0, threshold_db=-20.0).requires_grad_()
    x.requires_grad_()
    compressor(x, 44_100, z).sum().backward()
    assert z.grad.isfinite().all() and x.grad.isfinite().all()


def test_low_shelf_at_20_hz_is_exact_in_float32():
    x = music(samples=44_100).float()
    y = parametric_eq(x, 44_100, low_shelf_hz=20.0, low_shelf_gain_db=18.0, low_shelf_q=2.0)
    row = oracle.low_shelf(44_100, 18.0, 20.0, 2.0)
    assert error_db(y[0], scipy.signal.sosfilt([row], x[0].double().numpy())) < -110


def test_narrow_20_hz_peaks_are_exact_in_float32():
    x = music(samples=100_000).float()
    row = oracle.peak(44_100, 18.0, 20.0, 10.0)
    sections = torch.tensor(np.array([[row, row]]))
    assert error_db(filter_sections(x, sections)[0], scipy.signal.sosfilt([row, row], x[0].numpy())) < -110


def test_a_short_clip_does_not_alias_in_time():
    x = music(samples=4_096).float()
    y = parametric_eq(x, 44_100, peak1_hz=30.0, peak1_q=10.0, peak1_gain_db=18.0)
    row = oracle.peak(44_100, 18.0, 30.0, 10.0)
    assert error_db(y[0], scipy.signal.sosfilt([row], x[0].numpy())) < -110


def test_a_cascade_keeps_every_section():
    x = music(samples=2_000)
    settings = [(6.0, 100.0), (-9.0, 1_000.0), (12.0, 5_000.0)]
    one = torch.ones(1)
    rows = [biquad.peak(44_100, gain_db * one, hz * one, one) for gain_db, hz in settings]
    y = x
    for row in rows:
        y = filter_sections(y, row[:, None])
    assert error_db(filter_sections(x, torch.stack(rows, dim=1)), y) < -200


@pytest.mark.parametrize("name", ["delay", "reverb"])
def test_even_and_odd_lengths_align(name):
    x, z = music(samples=6_001).float(), knobs(registry[name], 1).float()
    odd, even = registry[name](x, 44_100, z), registry[name](x[..., :6_000], 44_100, z)
    assert error_db(even, odd[..., :6_000]) < -110


@pytest.mark.parametrize("name", sorted(registry))
@pytest.mark.parametrize("channels", [1, 2])
def test_mono_and_stereo_are_welcome(name, channels):
    y = registry[name](music(2, channels, 1_000).float(), 44_100, knobs(registry[name], 2).float())
    assert y.shape == (2, channels, 1_000) and y.isfinite().all()


@pytest.mark.parametrize("name", sorted(registry))
def test_knobs_stay_with_their_clip_in_a_stereo_batch(name):
    effect = registry[name]
    x, z = music(3, samples=3_000).float(), knobs(effect, 3).float()
    swapped = effect(x[[2, 0, 1]], 44_100, z[[2, 0, 1]])
    assert error_db(swapped, effect(x, 44_100, z)[[2, 0, 1]]) < -110


@pytest.mark.parametrize("name", ["parametric_eq", "highpass", "lowpass", "state_variable", "tilt_eq"])
def test_filters_do_not_clip(name):
    effect, x = registry[name], music(2, samples=3_000).float()
    z = knobs(effect, 2).float()
    assert error_db(effect(1_000 * x, 44_100, z), 1_000 * effect(x, 44_100, z)) < -110


@pytest.mark.parametrize("name", sorted(set(registry) - MAKES_STEREO))
def test_duplicated_mono_sounds_like_mono(name):
    effect, mono = registry[name], music(2, 1, 6_000).float()
    z = knobs(effect, 2).float()
    assert (
        error_db(effect(mono.expand(-1, 2, -1), 44_100, z), effect(mono, 44_100, z).expand(-1, 2, -1)) < -110
    )


def test_a_knob_name_means_one_thing_everywhere():
    for effect in registry.values():
        for knob in effect.params:
            assert unit_of(knob) or knob in UNITLESS or knob.endswith("_q"), knob
    drives = {knob for effect in registry.values() for knob in effect.params if "drive" in knob}
    assert drives <= {"drive_db"}
    assert "gain_db" not in registry["distortion"].params


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.float32])
def test_an_integer_mask_does_not_flip_polarity(dtype):
    chain = Chain([registry["gain"], parametric_eq])
    x = music(2, samples=500).float()
    y = chain(x, 44_100, knobs(chain, 2).float(), mask=torch.zeros(2, 2, dtype=dtype))
    assert torch.equal(y, x)


@pytest.mark.parametrize("effect", [compressor, limiter], ids=lambda e: e.name)
def test_dynamics_delay_nothing(effect):
    quiet = 1e-3 * music(1, samples=3_000).float()
    assert error_db(effect(quiet, 44_100), quiet) < -110


def test_the_limiter_never_exceeds_its_ceiling():
    x, z = 4 * music(16, samples=4_000).float(), knobs(limiter, 16).float()
    peaks = limiter(x, 44_100, z).abs().amax(dim=(1, 2))
    assert (peaks.double() <= 10 ** (limiter.from_unit(z)["ceiling_db"].double() / 20)).all()


def test_attack_and_release_are_times_to_63_percent():
    """A step 20 dB over the threshold at ratio 20, and back."""
    x = torch.cat([torch.full((1, 1, 44_100), 1.0), torch.full((1, 1, 44_100), 0.01)], dim=2)
    settings = dict(threshold_db=-20.0, ratio=20.0, knee_db=0.0, attack_ms=20.0, release_ms=200.0)
    gain_db = 20 * torch.log10(compressor(x.double(), 44_100, **settings) / x)[0, 0]
    full = -19.0
    assert gain_db[int(0.020 * 44_100) - 1] == pytest.approx(full * (1 - np.exp(-1)), abs=0.02)
    start = gain_db[44_099]
    assert gain_db[44_100 + int(0.2 * 44_100) - 1] == pytest.approx(float(start) * np.exp(-1), abs=0.02)


@pytest.mark.parametrize("bound", [0.0, 1.0])
def test_spsa_at_a_bound_divides_by_the_perturbation_it_applied(bound):
    """Clipping to [0, 1] and still dividing by 2ε halves the gradient of every knob at an end."""
    z = torch.full((1, 3), bound, dtype=torch.float64)
    z[0, 2] = 0.5
    x = music(1, 1, 400)
    slope = torch.tensor([3.0, -5.0, 2.0], dtype=torch.float64)
    estimates = [spsa(lambda z: x * (z @ slope)[:, None, None], z, x, step=0.01) for _ in range(2_000)]
    mean = torch.cat(estimates).mean(0) / x.square().sum()
    assert ((mean - slope).abs() < 5 * 6 / 2_000**0.5).all() and (mean / slope > 0.8).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_knob_has_a_gradient_at_both_ends(dtype):
    """Rounding takes exp(log(max)) past max, and clamping it there would take the gradient."""
    for effect in registry.values():
        for name, param in effect.params.items():
            z = torch.tensor([0.0, 1.0], dtype=dtype, requires_grad=True)
            value = param.from_unit(z)
            assert value.tolist() == pytest.approx([param.min, param.max], rel=1e-6), name
            assert (value.detach() >= param.min).all() and (value.detach() <= param.max).all()
            value.sum().backward()
            assert (z.grad > 0).all(), name
