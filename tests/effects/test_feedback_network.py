"""The feedback delay network: its decay, its level, its two ways to run, and the plain delay before it."""

import numpy as np
import pytest
import scipy.signal
import torch

from reprs.effects import feedback_network, registry
from reprs.effects.delay_line import read_in_torch, shifted
from tests.effects.signals import error_db, knobs, music

fdn = registry["fdn"]


def _decay_s(y, sample_rate, hz):
    """Time to -60 dB of the octave around `hz`, by a line through the decay from 0.1 to 0.5 s."""
    octave = scipy.signal.butter(4, [hz / 1.41, hz * 1.41], "bandpass", fs=sample_rate, output="sos")
    power = np.square(scipy.signal.sosfilt(octave, y.numpy())).sum(axis=0)
    # Schroeder (1965): the energy still to come falls as the mean of many decays does.
    rest_db = 10 * np.log10(power[::-1].cumsum()[::-1])
    first, last = sample_rate // 10, sample_rate // 2
    return -60 / np.polyfit(np.arange(first, last) / sample_rate, rest_db[first:last], 1)[0]


@pytest.mark.parametrize("lines", [8, 16])
def test_lows_and_highs_decay_as_told(lines):
    x = torch.nn.functional.pad(torch.ones(1, 2, 1, dtype=torch.float64), (0, 44_099 * 2))
    settings = dict(decay_s=1.2, high_decay=0.5, crossover_hz=1_500.0, size=0.8, mix=1.0)
    y = fdn.with_options(lines=lines)(x, 44_100, **settings)[0]
    assert _decay_s(y, 44_100, 125) == pytest.approx(1.2, rel=0.06)
    assert _decay_s(y, 44_100, 1_500) == pytest.approx(0.8, rel=0.06)
    assert _decay_s(y, 44_100, 14_000) == pytest.approx(0.6, rel=0.03)


def test_without_filters_no_energy_is_lost():
    """Lossless for any delays: an impulse rings on as loud as it began."""
    v = torch.nn.functional.pad(torch.ones(1, 1, 1, dtype=torch.float64), (0, 30_000))
    delays = torch.tensor([[71.3, 93.1, 117.7, 140.9]], dtype=torch.float64)
    shelves = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).expand(1, 4, 3)
    power = feedback_network.network(v, delays, shelves)[0, 0].square().unfold(0, 5_000, 5_000).mean(1)
    assert (10 * torch.log10(power[1:] / power[0])).abs().max() < 1


@pytest.mark.parametrize("decay_s", [0.2, 2.0])
def test_noise_keeps_its_level(decay_s):
    noise = torch.randn(1, 2, 200_000, generator=torch.Generator().manual_seed(0))
    y = fdn(noise, 44_100, decay_s=decay_s, high_decay=1.0, mix=1.0)[:, :, 100_000:]
    assert abs(10 * torch.log10(y.square().mean())) < 0.3


def test_silence_after_sound_does_not_linger_in_denormal_numbers():
    x = torch.nn.functional.pad(torch.ones(1, 2, 1), (0, 99_999))
    y = fdn(x, 8_000, decay_s=0.2, mix=1.0).abs()
    assert y[..., -10_000:].max() == 0 and ((y > 0) & (y < 1e-37)).sum() < 1_000


@pytest.mark.parametrize("lines", [4, 8, 16])
def test_the_way_of_other_devices_agrees(lines, monkeypatch):
    effect, x = fdn.with_options(lines=lines), music(3, samples=6_001).float().requires_grad_()
    z = knobs(effect, 3).float().requires_grad_()
    compiled = effect(x, 44_100, z)
    monkeypatch.setattr(feedback_network, "_network", feedback_network.network_in_torch)
    plain = effect(x, 44_100, z)
    assert error_db(compiled.detach(), plain.detach()) < -110
    weight = music(3, samples=6_001, seed=1).float()
    pairs = [torch.autograd.grad((y * weight).sum(), [x, z]) for y in (compiled, plain)]
    for one, other in zip(*pairs, strict=True):
        assert error_db(one, other) < -80


@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_threads(threads):
    before = torch.get_num_threads()
    x, z = music(5, samples=3_000).float(), knobs(fdn, 5).float()
    expected = fdn(x, 44_100, z)
    torch.set_num_threads(threads)
    y = fdn(x, 44_100, z)
    torch.set_num_threads(before)
    assert torch.equal(y, expected)


def test_only_known_numbers_of_lines():
    with pytest.raises(ValueError, match="4, 8 or 16"):
        fdn.with_options(lines=6)(music(samples=100).float(), 44_100)


def test_a_shift_is_a_delay_line_that_does_not_move():
    x, delay = music(2, 2, 300).flatten(0, 1), torch.tensor([1.0, 5.25, 7.999, 400.5], dtype=torch.float64)
    x, delay = x.requires_grad_(), delay.requires_grad_()
    expected = read_in_torch(x, delay[:, None].expand(x.shape))
    torch.testing.assert_close(shifted(x, delay), expected)
    assert torch.autograd.gradcheck(shifted, (x, delay), fast_mode=True)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("clips, samples", [(6, 1), (6, 97), (17, 6_001)])
def test_clips_in_lanes_are_clips_one_by_one(channels, clips, samples, monkeypatch):
    x, z = music(clips, channels, samples).float(), knobs(fdn, clips).float()
    in_lanes = fdn(x, 44_100, z)
    monkeypatch.setattr(feedback_network, "CLIPS_FOR_LANES", 10**9)
    exact = fdn.function(x.double(), 44_100, **{n: v.double() for n, v in fdn.from_unit(z).items()})
    for i in range(clips):
        assert error_db(in_lanes[i], exact[i]) < -110
        assert error_db(in_lanes[i], fdn(x, 44_100, z)[i]) < -110


def test_silence_in_lanes_ends_in_zeros():
    x = torch.nn.functional.pad(torch.ones(6, 2, 1), (0, 99_999))
    y = fdn(x, 44_100, decay_s=0.2, size=0.2, mix=1.0).abs()
    assert y[..., -10_000:].max() == 0 and ((y > 0) & (y < 1e-37)).sum() < 1_000
