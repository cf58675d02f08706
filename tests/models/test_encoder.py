"""The encoder's promises: any length, the same alone and in a batch, level and rate do not matter, clear
refusals.
"""

import numpy as np
import pytest
import torch
from scipy.fft import dct
from scipy.signal import resample_poly

from reprs.effects import registry
from reprs.models.encoder import READING_SHARE, EffectEncoder
from reprs.models.frontend import CepstralMotion, EchoCepstrum, MovingComb, StereoMel, mel_filterbank

RATE = 44_100


@pytest.fixture(scope="module")
def encoder() -> EffectEncoder:
    torch.manual_seed(0)
    return EffectEncoder(width=8, hidden=64, embedding_dim=32).eval()


@pytest.fixture(scope="module")
def reading() -> EffectEncoder:
    torch.manual_seed(0)
    return EffectEncoder(width=8, hidden=64, embedding_dim=32, readings=12, motion=True).eval()


def noise(seconds: float, channels: int = 2, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(channels, round(seconds * RATE), generator=generator)


@pytest.mark.parametrize("name", ["encoder", "reading"])
def test_shapes_and_unit_length(name, request):
    encoder = request.getfixturevalue(name)
    for audio, count in ((noise(1), 1), (noise(1)[None].repeat(3, 1, 1), 3), ([noise(0.1), noise(2, 1)], 2)):
        e = encoder.embed(audio, RATE)
        assert e.shape == (count, encoder.embedding_dim)
        assert torch.allclose(e.norm(dim=1), torch.ones(count), atol=1e-6)


@pytest.mark.parametrize("seconds", [0.1, 0.5, 2.972, 3.0, 4.6, 10.0])
def test_alone_equals_in_a_batch_and_twice(encoder, seconds):
    x = noise(seconds)
    alone = encoder.embed(x, RATE)[0]
    together = encoder.embed([noise(3, seed=1), x, noise(0.2, 1, seed=2)], RATE)[1]
    assert torch.equal(alone, encoder.embed(x, RATE)[0])
    assert (alone - together).abs().max() < 1e-5


def test_forward_of_a_batch_equals_one_by_one(encoder):
    x = torch.stack([noise(3, seed=s) for s in range(5)])
    with torch.no_grad():
        assert (encoder(x) - torch.cat([encoder(i[None]) for i in x])).abs().max() < 1e-5


def test_embedding_leaves_the_training_mode_alone(encoder):
    encoder.train()
    encoder.embed(noise(0.5), RATE)
    assert encoder.training
    encoder.eval()


def test_level_does_not_matter(encoder):
    x = noise(2)
    assert (encoder.embed(x, RATE) - encoder.embed(x * 0.05, RATE)).abs().max() < 1e-3


def test_in_the_readings_no_view_outweighs_another(reading):
    views = reading.views(noise(1)[None])

    @torch.no_grad()
    def reading_of_louder_echoes(factor: float) -> torch.Tensor:
        parts = reading.parts_of(views)
        return reading.read(reading.heard(parts | {"echo": factor * parts["echo"]}))

    # LayerNorm's epsilon is nothing to either.
    assert torch.allclose(reading_of_louder_echoes(1e2), reading_of_louder_echoes(1e4), atol=1e-4)


def test_readings_hardly_change_what_search_finds(reading):
    x = torch.stack([noise(1, seed=s) * (1 + s) for s in range(6)])
    with torch.no_grad():
        features = reading.features(x)
        e, search = reading.head(features), reading.search(x)
    assert e.shape[1] == reading.embedding_dim and search.shape[1] == reading.embedding_dim - reading.readings
    # (s + w r) / (1 + w) is at most 2 w / (1 + w) from s, for cosines s and r and w the square of the share.
    share = READING_SHARE**2
    assert (e @ e.T - search @ search.T).abs().max() <= 2 * share / (1 + share) + 1e-6


def test_readings_are_a_part_of_the_embedding():
    with pytest.raises(ValueError, match="readings are a part of embedding_dim"):
        EffectEncoder(embedding_dim=16, readings=16)


def test_motion_needs_readings():
    with pytest.raises(ValueError, match="motion needs readings"):
        EffectEncoder(motion=True)


@pytest.mark.parametrize("frames", [1, 2, 17, 180])
def test_motion_is_the_structure_function_of_the_cepstrum(frames):
    mel = torch.randn(2, 3, 24, frames, generator=torch.Generator().manual_seed(0))
    cepstrum = dct(mel[:, 0].double().numpy(), type=2, axis=1, norm="ortho")[:, 1:]
    motion = CepstralMotion(24)
    count = min(motion.coefficients, 23)
    changes = [cepstrum.std(axis=2)]
    for lag in motion.lags:
        apart = min(lag, frames - 1)
        change = cepstrum[..., apart:] - cepstrum[..., : frames - apart]
        changes.append(np.sqrt((change**2).mean(axis=2)))
    wanted = np.stack(changes, axis=1) + 1e-3
    found = motion(mel)
    assert found.shape == (2, *motion.shape)
    # Where hardly anything moves a logarithm would magnify rounding.
    np.testing.assert_allclose(found.exp()[..., :count], wanted[..., :count], atol=1e-5)


def test_a_phaser_moves_the_cepstrum(reading):
    x = torch.stack([noise(3, seed=s) for s in range(4)])
    phased = registry.get("phaser").with_options(stages=6)
    z = phased.to_unit(rate_hz=0.7, depth_octaves=3.0, mix=0.5)
    wet = phased(x, RATE, z.expand(len(x), -1))
    before, after = (reading.motion(reading.mel(y)) for y in (x, wet))
    # The deviation of the first coefficients, over what noise has by itself.
    assert bool((after[:, 0, :12].amax(1) > before[:, 0, :12].amax(1) + 0.5).all())


def test_mono_equals_two_equal_channels(encoder):
    x = noise(1, 1)
    assert torch.equal(encoder.embed(x, RATE), encoder.embed(x.repeat(2, 1), RATE))


def test_other_rates_are_resampled(encoder):
    x = noise(2)
    twice = torch.from_numpy(resample_poly(x.numpy(), 2, 1, axis=1, window=("kaiser", 12.0))).float()
    assert (encoder.embed(x, RATE) * encoder.embed(twice, 2 * RATE)).sum() > 0.99


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (torch.zeros(2, 4_000), "0.1 s"),
        (torch.zeros(8, RATE), "mono or stereo"),
        (torch.full((2, RATE), float("nan")), "NaN"),
        (torch.zeros(RATE), "mono or stereo"),
        ([], "empty"),
    ],
)
def test_refusals_are_one_line(encoder, audio, words):
    with pytest.raises(ValueError, match=words) as refusal:
        encoder.embed(audio, RATE)
    assert "\n" not in str(refusal.value)


def test_silence_is_finite(encoder):
    assert bool(encoder.embed(torch.zeros(2, RATE), RATE).isfinite().all())


def test_differentiable_in_the_audio(encoder):
    x = noise(1)[None].requires_grad_()
    encoder(x)[:, 0].sum().backward()
    assert bool(x.grad.isfinite().all()) and x.grad.abs().max() > 0


def test_size():
    for sizes in ({}, {"embedding_dim": 384, "readings": 128, "width": 24}):
        assert sum(p.numel() for p in EffectEncoder(**sizes).parameters()) <= 4_000_000


def test_an_echo_is_a_peak_at_its_delay():
    echo, delay = EchoCepstrum(RATE), 4_410
    x = noise(3)[None]
    wet = x.clone()
    wet[..., delay:] += 0.3 * x[..., :-delay]
    # Octave [4096, 8192) has 32 bins of 128 samples.
    expected = 32 * (12 - 5) + (delay - 4096) // 128
    assert int(echo(wet)[0, 0].argmax()) == expected
    assert echo(wet)[0, 0].max() > 2 * echo(x)[0, 0].max()


def test_the_cepstrum_of_noise_has_unit_energy():
    energy = EchoCepstrum(RATE)(noise(3)[None])[0, 4]
    assert energy[-64:].exp().mean() == pytest.approx(1.0, abs=0.15)


def test_the_stereo_mel_of_known_signals():
    mel = StereoMel(RATE)
    one, other = noise(1, 1), noise(1, 1, seed=1)
    mono, opposite = mel(one.repeat(2, 1)[None]), mel(torch.cat([one, -one])[None])
    apart = mel(torch.cat([one, other])[None])
    assert mono[0, 2].min() > 0.99 and opposite[0, 2].max() < -0.99
    assert apart[0, 2].mean().abs() < 0.1 and apart[0, 1].mean().abs() < 0.2
    assert mono[0, 1].max() < -6.9


def test_the_mel_filterbank_has_no_empty_band_and_unit_area():
    filters = mel_filterbank(RATE, 2048, 96, 20, 18_000)
    assert torch.allclose(filters.sum(0), torch.ones(96), atol=1e-5) and bool((filters >= 0).all())


def test_a_moving_comb_is_followed_from_frame_to_frame():
    """Noise beside a copy whose delay swings from 4 to 12 ms: the largest peak is where the delay then is."""
    view = MovingComb(RATE)
    x = noise(3)[:1].repeat(2, 1)
    at = torch.arange(x.shape[1])
    delay = RATE * (0.008 + 0.004 * torch.sin(2 * torch.pi * 0.4 * at / RATE))
    source = (at - delay).clamp(min=0)
    low = source.long()
    copy = x[:, low] * (1 - (source - low)) + x[:, (low + 1).clamp(max=len(at) - 1)] * (source - low)
    peaks = view((x + 0.9 * copy)[None])[0, 0]
    edges = torch.cat([2**o + torch.arange(16) * 2**o // 16 for o in view.octaves])
    frames = torch.arange(4, peaks.shape[1] - 4)
    found = edges[peaks[:, frames].argmax(0)]
    wanted = delay[frames * view.hop]
    assert ((found / wanted).log2().abs() < 0.15).float().mean() > 0.9  # two bins of 16 an octave


def test_the_comb_of_white_noise_is_about_one_at_any_level():
    view = MovingComb(RATE)
    x = noise(3)[None]
    assert 0.5 < view(x).mean() < 1.2
    assert (view(x) - view(100 * x)).abs().max() < 1e-3


def test_a_recording_of_more_than_six_minutes_is_cut_into_equal_windows(encoder):
    """387 s have more samples than single precision can count: the last window was one sample short."""
    total = 387 * RATE + 387
    windows = encoder._windows(torch.arange(2.0)[:, None].expand(2, total))
    assert windows.shape == (129 + 1, 2, 3 * RATE)
