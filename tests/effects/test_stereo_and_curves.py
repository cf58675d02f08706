"""What the newer effects promise beyond their oracles: bad files, declared gradients, transparency, pitch."""

import numpy as np
import pytest
import soundfile
import torch

from reprs.audio.loudness import integrated
from reprs.effects import registry
from reprs.effects.processors.tempo_delay import quarters
from reprs.effects.processors.waveshaper import _slopes
from tests.effects.signals import error_db, music

RATE = 44_100


@pytest.fixture
def hall(tmp_path):
    """A stereo response at another rate: an echo of each side, and a decay of 0.4 s."""
    time = np.arange(12_000) / 24_000
    noise = np.random.default_rng(0).standard_normal((12_000, 2)) * 10 ** (-3 * time / 0.4)[:, None]
    path = tmp_path / "hall.wav"
    soundfile.write(path, 0.2 * noise, 24_000, subtype="FLOAT")
    return path


def test_a_response_from_a_file_is_brought_to_the_rate_of_the_audio(hall):
    x = torch.nn.functional.pad(torch.ones(1, 2, 1), (0, RATE // 2))
    y = registry["convolution"].with_options(impulse=str(hall))(x, RATE, mix=1.0)[0]
    power = y.square().sum(0)
    rest_db = 10 * torch.log10(power.flip(0).cumsum(0).flip(0) / power.sum())
    assert rest_db[int(0.2 * RATE)] == pytest.approx(-30, abs=1)
    assert y.square().sum(1).max() == pytest.approx(1, rel=0.02)
    assert error_db(y[0], y[1]) > -3


def test_decay_shortens_a_response(hall):
    x = torch.nn.functional.pad(torch.ones(1, 2, 1), (0, RATE // 2))
    y = registry["convolution"].with_options(impulse=hall)(x, RATE, decay=0.5, mix=1.0)[0]
    power = y.square().sum(0)
    rest_db = 10 * torch.log10(power.flip(0).cumsum(0).flip(0) / power.sum())
    assert rest_db[int(0.1 * RATE)] == pytest.approx(-30, abs=1)


@pytest.mark.parametrize("content", [None, b"", b"not audio"])
def test_a_bad_response_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "response.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"response\.wav: ") as error:
        registry["convolution"].with_options(impulse=str(path))(music().float(), RATE)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("response", [torch.ones(3, 50), torch.full((10,), torch.nan), torch.ones(0)])
def test_a_response_that_does_not_fit_is_refused(response):
    with pytest.raises(ValueError, match="impulse response"):
        registry["convolution"].with_options(impulse=response)(music().float(), RATE)


def test_the_declared_slope_of_the_rate_is_the_error_over_the_period():
    x = music(1, samples=2_000)
    z = registry["rate_crush"].to_unit(1, rate_hz=5_000.0, dtype=torch.float64).requires_grad_()
    y = registry["rate_crush"](x, RATE, z)
    weight = music(1, samples=2_000, seed=1)
    (gradient,) = torch.autograd.grad((y * weight).sum(), z)
    # d log(period) / dz over a logarithmic knob from 500 Hz to 20 kHz.
    expected = -np.log(40) * ((y.detach() - x) * weight).sum()
    assert gradient[0, 0] == pytest.approx(float(expected), rel=1e-9)


def test_a_rate_above_that_of_the_audio_changes_nothing():
    x = music(2, samples=3_000).float()
    assert torch.equal(registry["rate_crush"](x, 16_000, rate_hz=20_000.0), x)


def test_equal_slopes_are_a_straight_line():
    x = 2 * music(2, samples=3_000).float()
    straight = dict.fromkeys(_slopes(), -6.0)
    y = registry["waveshaper"].with_options(oversample=1)(x, RATE, drive_db=0.0, **straight)
    assert error_db(y, x * 10 ** (-6 / 20)) < -120


def test_a_drawn_curve_always_rises():
    ramp = torch.linspace(-3, 3, 5_001, dtype=torch.float64)[None, None].expand(32, 1, -1)
    z = torch.rand(32, len(registry["waveshaper"]), generator=torch.Generator().manual_seed(0))
    z[:, 2] = 1
    y = registry["waveshaper"].with_options(oversample=1)(ramp, RATE, z.double())
    assert (y.diff(dim=2) > 0).all()


def test_an_imager_of_width_one_and_a_centred_pan_are_transparent():
    x = music(2, samples=3_000).float()
    assert error_db(registry["imager"](x, RATE, low_width=1.0, mid_width=1.0, high_width=1.0), x) < -130
    assert error_db(registry["pan"](x, RATE, position=0.0), x) < -130


def test_an_imager_makes_the_lows_mono_and_leaves_the_highs():
    time = torch.arange(RATE) / RATE
    left = torch.sin(2 * torch.pi * 30 * time) + torch.sin(2 * torch.pi * 8_000 * time)
    x = torch.stack([left, -left])[None]
    side = registry["imager"](x, RATE, low_width=0.0, mid_width=1.0, high_width=1.0, low_hz=300.0)[0, 0]
    level_db = 20 * torch.log10(torch.fft.rfft(side).abs() / torch.fft.rfft(left).abs())
    assert level_db[30] < -19 and abs(level_db[8_000]) < 0.1


@pytest.mark.parametrize("position", [-1.0, -0.3, 0.5, 1.0])
def test_a_pan_keeps_the_power_of_what_both_sides_share(position):
    mono = music(1, 1, 2_000).expand(-1, 2, -1)
    y = registry["pan"](mono, RATE, position=position)
    assert y.square().sum() == pytest.approx(float(mono.square().sum()), rel=1e-9)


def test_loudness_lands_on_its_target():
    x = music(3, samples=2 * RATE).float() * torch.tensor([1.0, 0.1, 0.01])[:, None, None]
    y = registry["loudness"](x, RATE, target_lufs=torch.tensor([-14.0, -23.0, -30.0]))
    assert integrated(y, RATE).tolist() == pytest.approx([-14, -23, -30], abs=0.01)


def test_vibrato_bends_the_pitch_as_far_as_it_says():
    time = torch.arange(2 * RATE, dtype=torch.float64) / RATE
    tone = torch.exp(2j * torch.pi * 1_000 * time)
    y = registry["vibrato"](torch.stack([tone.real, tone.imag])[None], RATE, rate_hz=5.0, depth_ms=1.0)[0]
    phase = np.unwrap(torch.angle(torch.complex(y[0], y[1])).numpy()[RATE:])
    hz = np.diff(phase) * RATE / (2 * np.pi)
    bend = 2 * np.pi * 5 * 1e-3
    assert hz.max() == pytest.approx(1_000 * (1 + bend), rel=1e-4)
    assert hz.min() == pytest.approx(1_000 * (1 - bend), rel=1e-4)


def test_a_flanger_at_rest_is_a_comb():
    x = torch.nn.functional.pad(torch.ones(1, 1, 1, dtype=torch.float64), (0, 999))
    y = registry["flanger"](x, 8_000, delay_ms=5.0, depth_ms=0.0, feedback=-0.5, mix=1.0)[0, 0]
    expected = np.zeros(1_000)
    expected[40::40] = (-0.5) ** np.arange(24)
    np.testing.assert_allclose(y, expected, atol=1e-12)


def test_note_values():
    assert [quarters(n) for n in ("1/1", "1/4", "1/8.", "1/4t")] == pytest.approx([4, 1, 0.75, 2 / 3])
    for wrong in ("1/3", "2/4", "1/8..", "eighth"):
        with pytest.raises(ValueError, match="note value"):
            quarters(wrong)
