"""Knobs that move: at rest they are the static effect, moving they do not click, and they have gradients."""

import numpy as np
import pytest
import torch

from reprs.effects import Chain, registry
from reprs.effects.automation import at_every_sample
from tests.effects.oracles import NONLINEAR, ORACLES
from tests.effects.signals import error_db, knobs, music

# Effects that play a whole clip with one setting and are not linear, and what they say.
NOT_AUTOMATED = {
    "distortion": "oversampling looks ahead",
    "loudness": "loudness is that of a whole clip",
    "waveshaper": "oversampling looks ahead",
}
AUTOMATED = sorted(set(registry) - set(NOT_AUTOMATED))
RATE = 44_100


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", AUTOMATED)
@pytest.mark.parametrize("frames", [1, 4])
def test_at_rest_it_is_the_static_effect(name, frames):
    effect = registry[name]
    x, z = music(2, samples=3_000).float(), knobs(effect, 2, seed=7).float()
    still = effect(x, RATE, z[..., None].expand(-1, -1, frames))
    assert error_db(still, effect(x, RATE, z)) < (-100 if name in NONLINEAR else -110)


def test_frames_are_joined_by_straight_lines():
    z = torch.tensor([[[0.0, 1.0, 0.5]]])
    assert at_every_sample(z, 5).tolist() == [[[0.0, 0.5, 1.0, 0.75, 0.5]]]
    assert at_every_sample(z, 1).tolist() == [[[0.0]]]
    assert at_every_sample(z[..., :1], 3).tolist() == [[[0.0, 0.0, 0.0]]]


def test_every_sample_hears_its_own_gain():
    x, z = music(3, samples=1_000), knobs(registry["gain"], 3)[..., None] * torch.linspace(0, 1, 9)
    gain_db = -24 + 48 * at_every_sample(z, 1_000)
    assert error_db(registry["gain"](x, RATE, z), x * 10 ** (gain_db / 20)) < -200


def test_a_moving_filter_is_the_recursion_with_moving_coefficients():
    """Against a loop over samples in the coordinates that docs/decisions names."""
    effect = registry["state_variable"]
    x, z = (
        music(1, 1, 800),
        torch.rand(1, len(effect), 5, generator=torch.Generator().manual_seed(0)).double(),
    )
    y = effect(x, RATE, z)[0, 0]
    natural = {n: v[0].numpy() for n, v in at_each(effect, z, 800).items()}
    state, expected = np.zeros(2), np.zeros(800)
    for n in range(800):
        a, b, c, d = input_normal(*svf_row(**{k: v[n] for k, v in natural.items()}))
        expected[n] = c @ state + d * float(x[0, 0, n])
        state = a @ state + b * float(x[0, 0, n])
    assert error_db(y, expected) < -150


def at_each(effect, z, samples):
    path = at_every_sample(z, samples).transpose(1, 2).flatten(0, 1)
    return {name: v.view(len(z), samples) for name, v in effect.from_unit(path).items()}


def svf_row(cutoff_hz, q, low, band, high):
    w = 2 * np.pi * min(cutoff_hz, 0.49 * RATE) / RATE
    alpha, cos = np.sin(w) / (2 * q), np.cos(w)
    b = low * np.array([1 - cos, 2 - 2 * cos, 1 - cos]) / 2 + band * np.array([alpha, 0, -alpha])
    b += high * np.array([1 + cos, -2 - 2 * cos, 1 + cos]) / 2
    return b / (1 + alpha), np.array([1, -2 * cos / (1 + alpha), (1 - alpha) / (1 + alpha)])


def input_normal(b, a):
    """Controllable form, then the Cholesky factor of its Gramian by summing the series."""
    big_a, big_b = np.array([[-a[1], -a[2]], [1, 0]]), np.array([1.0, 0])
    gramian, power = np.outer(big_b, big_b), big_a
    for _ in range(40):
        gramian, power = gramian + power @ gramian @ power.T, power @ power
    t = np.linalg.cholesky(gramian)
    c = np.array([b[1] - b[0] * a[1], b[2] - b[0] * a[2]])
    inverse = np.linalg.inv(t)
    return inverse @ big_a @ t, inverse @ big_b, c @ t, b[0]


def test_a_moving_threshold_is_the_compressor_with_a_moving_threshold():
    """With everything else at rest the oracle's recursion is written out here, sample by sample."""
    effect = registry["compressor"]
    x = music(1, 1, 1_500)
    z = effect.to_unit(1, ratio=6.0, knee_db=0.0, attack_ms=5.0, release_ms=50.0, dtype=torch.float64)
    z = z[..., None].repeat(1, 1, 2)
    z[0, 0] = torch.tensor([0.2, 0.9])
    threshold = (-60 + 60 * np.linspace(0.2, 0.9, 1_500)).clip(-60, 0)
    level = 20 * np.log10(np.maximum(np.abs(x[0, 0].numpy()), 1e-6))
    wanted, state, expected = (1 - 1 / 6) * np.maximum(level - threshold, 0), 0.0, np.zeros(1_500)
    for n in range(1_500):
        keep = np.exp(-1 / ((0.005 if wanted[n] > state else 0.05) * RATE))
        state = keep * state + (1 - keep) * wanted[n]
        expected[n] = x[0, 0, n] * 10 ** (-state / 20)
    assert error_db(effect(x, RATE, z)[0, 0], expected) < -150


def far_from_the_tone_db(y, hz):
    """The strongest part of the spectrum more than two octaves above a tone, below its peak."""
    window = np.blackman(len(y))
    spectrum = np.abs(np.fft.rfft(y * window))
    frequency = np.fft.rfftfreq(len(y), 1 / RATE)
    return 20 * np.log10(spectrum[frequency > 4 * hz].max() / spectrum.max())


# From one unit position to the other and back, within a second.
SWEPT = [
    ("gain", "gain_db", 0.1, 0.9),
    ("lowpass", "cutoff_hz", 0.1, 0.9),
    ("highpass", "cutoff_hz", 0.1, 0.9),
    ("parametric_eq", "peak2_gain_db", 0.1, 0.9),
    ("parametric_eq", "peak2_hz", 0.3, 0.7),
    ("state_variable", "cutoff_hz", 0.1, 0.9),
    ("compressor", "threshold_db", 0.1, 0.9),
    ("delay", "mix", 0.1, 0.9),
    ("delay", "delay_ms", 0.5, 0.55),
    ("reverb", "decay_s", 0.1, 0.9),
    ("stereo_width", "width", 0.1, 0.9),
]


@pytest.mark.parametrize(("name", "knob", "low", "high"), SWEPT, ids=["-".join(row[:2]) for row in SWEPT])
def test_a_swept_knob_does_not_click(name, knob, low, high):
    """A tone: no energy appears where the jump of the knob, made at once, puts it."""
    effect, hz = registry[name], 441.0
    angle = 2 * np.pi * hz * torch.arange(RATE, dtype=torch.float64) / RATE
    x = 0.25 * torch.stack([torch.sin(angle), torch.cos(angle)])[None]
    settings = {
        "parametric_eq": dict(peak2_gain_db=12.0),
        "compressor": dict(attack_ms=50.0, release_ms=500.0),
    }
    z = effect.to_unit(1, dtype=torch.float64, **settings.get(name, {}))[..., None].repeat(1, 1, 3)
    z[0, list(effect.params).index(knob)] = torch.tensor([low, high, low], dtype=torch.float64)
    heard = slice(12_000, -1)
    y = effect(x, RATE, z)[0, 0, heard].numpy()
    assert error_db(y, effect(x, RATE, z[..., 0])[0, 0, heard]) > -60
    jump = [effect(x, RATE, z[..., i])[0, 0] for i in (0, 1)]
    jump = torch.cat([jump[0][: RATE // 2], jump[1][RATE // 2 :]])[heard].numpy()
    smooth, clicked = far_from_the_tone_db(y, hz), far_from_the_tone_db(jump, hz)
    assert smooth < -75 and smooth < clicked - 10, (smooth, clicked)


@pytest.mark.parametrize("name", ["gain", "tilt_eq", "compressor", "delay", "phaser", "chorus", "reverb"])
def test_gradcheck_in_audio_and_moving_knobs(name):
    effect = registry[name]
    x = music(2, samples=250, sample_rate=8_000).requires_grad_()
    z = knobs(effect, 2, low=0.3, high=0.7)[..., None] + 0.1 * torch.randn(2, len(effect), 3).double().clamp(
        -1, 1
    )
    z.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: effect(a, 8_000, b), (x, z), fast_mode=True, atol=1e-4)


def test_a_filter_stays_bounded_however_fast_it_moves():
    effect = registry["lowpass"]
    generator = torch.Generator().manual_seed(0)
    z = torch.rand(1, len(effect), 3_000, generator=generator)
    y = effect(music(1, samples=3_000).float(), RATE, z)
    assert y.isfinite().all() and y.abs().max() < 20


def test_a_chain_takes_moving_knobs():
    chain = Chain([registry["tilt_eq"], registry["compressor"], registry["gain"]])
    x, z = music(3, samples=2_000).float(), torch.rand(3, len(chain), 4)
    y = chain(x, RATE, z, order=torch.tensor([[0, 1, 2], [2, 1, 0], [0, 1, 2]]))
    by_hand = x[1:2]
    for i in (2, 1, 0):
        by_hand = chain.effects[i](by_hand, RATE, z[1:2, chain.slices[i]])
    assert error_db(y[1], by_hand[0]) < -110


def test_a_side_chain_is_heard_while_knobs_move():
    effect = registry["compressor"]
    x, key, z = music(2).float(), music(2, seed=3).float(), knobs(effect, 2).float()
    moving = effect(x, RATE, z[..., None].expand(-1, -1, 2), sidechain=key)
    assert error_db(moving, effect(x, RATE, z, sidechain=key)) < -100


@pytest.mark.parametrize("name", sorted(NOT_AUTOMATED))
def test_what_cannot_be_automated_says_why(name):
    effect = registry[name]
    with pytest.raises(ValueError, match=f"cannot automate {name}: .*{NOT_AUTOMATED[name]}"):
        effect(music().float(), RATE, torch.rand(1, len(effect), 2))


def test_distortion_is_automated_without_oversampling():
    effect = registry["distortion"].with_options(oversample=1)
    x, z = music(1, samples=1_000), torch.rand(1, len(effect), 3, dtype=torch.float64)
    y, natural = effect(x, RATE, z), at_each(effect, z, 1_000)
    expected = [
        ORACLES["distortion"](
            x[0, :, n : n + 1].numpy(), RATE, **{k: float(v[0, n]) for k, v in natural.items()}, oversample=1
        )
        for n in range(1_000)
    ]
    assert error_db(y[0], np.concatenate(expected, axis=1)) < -200
