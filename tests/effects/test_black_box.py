"""Plugins behind the face of an effect."""

import subprocess
import sys

import numpy as np
import pedalboard
import pytest
import torch

from reprs.effects import Chain, Param, black_box, registry
from reprs.effects.black_box import from_function, from_pedalboard
from tests.effects.signals import error_db, knobs, music

BUILT_IN = [
    "Bitcrush", "BrickwallLimiter", "Chorus", "Clipping", "Compressor", "Delay", "Distortion", "Gain",
    "HighShelfFilter", "HighpassFilter", "LadderFilter", "Limiter", "LowShelfFilter", "LowpassFilter",
    "NoiseGate", "PeakFilter", "Phaser", "PitchShift", "Reverb",
]  # fmt: skip


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("channels", [1, 2])
def test_an_effect_plays_what_the_plugin_plays(name, channels):
    effect = from_pedalboard(name)
    x, z = music(3, channels, 4_000).float(), knobs(effect, 3).float()
    y = effect(x, 44_100, z)
    assert y.shape == x.shape and y.dtype == x.dtype and len(effect) > 0
    for i in range(3):
        plugin = getattr(pedalboard, name)()
        for knob, value in effect.from_unit(z).items():
            setattr(plugin, knob, float(value[i]))
        plugin.process(np.zeros((channels, 4_410), dtype=np.float32), 44_100)
        assert error_db(y[i], plugin.process(x[i].numpy(), 44_100)) < -110


@pytest.mark.parametrize("name", ["Reverb", "Chorus", "Phaser", "Delay", "Compressor", "LadderFilter"])
def test_a_clip_does_not_hear_the_clip_before(name):
    effect = from_pedalboard(name)
    x, z = music(3, samples=4_000).float(), knobs(effect, 3).float()
    assert error_db(effect(x[[2, 0, 1]], 44_100, z[[2, 0, 1]]), effect(x, 44_100, z)[[2, 0, 1]]) < -110


def test_a_gain_is_a_gain():
    x = music(2, samples=3_000).float()
    y = from_pedalboard("Gain")(x, 44_100, gain_db=torch.tensor([6.0, -3.0]))
    assert error_db(y, x * 10 ** (torch.tensor([6.0, -3.0])[:, None, None] / 20)) < -110


def test_the_defaults_are_the_plugins_own():
    effect = from_pedalboard(pedalboard.PeakFilter(cutoff_frequency_hz=700, gain_db=5, q=2))
    assert {name: p.default for name, p in effect.params.items()} == pytest.approx(
        {"cutoff_frequency_hz": 700, "gain_db": 5, "q": 2}
    )
    x = music(samples=2_000).float()
    same = pedalboard.PeakFilter(700, 5, 2).process(x[0].numpy(), 44_100)
    assert error_db(effect(x, 44_100)[0], same) < -110


def test_modes_stay_as_they_are_set():
    x = music(samples=3_000).float()
    low, high = (
        from_pedalboard(pedalboard.LadderFilter(mode=mode))(x, 44_100, cutoff_hz=500.0)
        for mode in (pedalboard.LadderFilter.LPF24, pedalboard.LadderFilter.HPF24)
    )
    assert error_db(low, high) > -10


@pytest.mark.parametrize("samples", [1, 2, 3, 15])
def test_tiny_clips_keep_their_shape(samples):
    y = from_pedalboard("Gain")(music(1, 2, samples).float() + 0.1, 44_100, gain_db=6.0)
    assert y.shape == (1, 2, samples)


def test_ranges_may_be_replaced_and_narrowed():
    effect = from_pedalboard("Compressor", name="squash", ranges={"ratio": Param(2, 8, default=3)})
    assert effect.name == "squash" and effect.params["ratio"].max == 8
    assert effect.narrow(ratio=(2, 4)).params["ratio"].max == 4
    with pytest.raises(ValueError, match="has no knob"):
        from_pedalboard("Gain", ranges={"loudness": Param(0, 1, default=0)})


def test_runs_in_a_chain_beside_our_own():
    plugin = from_pedalboard("PeakFilter", audio_gradient="straight_through")
    chain = Chain([registry["gain"], plugin])
    x, z = music(2, samples=2_000).float(), knobs(chain, 2).float().requires_grad_()
    y = chain(x, 44_100, z, mask=torch.tensor([[1, 1], [0, 1]]))
    by_hand = plugin(x[1:], 44_100, z[1:, 1:].detach())
    assert error_db(y[1].detach(), by_hand[0]) < -110
    y.square().sum().backward()
    assert (z.grad[0] != 0).all() and z.grad[1, 0] == 0 and (z.grad[1, 1:] != 0).all()


def test_audio_may_go_without_a_gradient():
    x, z = music(1, samples=500).float().requires_grad_(), torch.full((1, 1), 0.7, requires_grad=True)
    GAIN.with_options(audio_gradient="none")(x, 44_100, z).sum().backward()
    assert x.grad is None and z.grad is not None


GAIN = from_pedalboard("Gain")


@pytest.mark.parametrize("options", [{}, {"gradient": "spsa", "draws": 2}], ids=["differences", "spsa"])
@pytest.mark.parametrize("z", [0.0, 0.4, 1.0])
def test_the_gradient_of_a_gain_has_a_closed_form(options, z):
    """d/dz of 10^(gain/20): with one knob even SPSA has no noise."""
    effect = GAIN.with_options(step=1e-3, **options)
    x, z = music(1, samples=2_000).float(), torch.full((1, 1), z, requires_grad=True)
    y = effect(x, 44_100, z)
    (y * x).sum().backward()
    slope = 48 * np.log(10) / 20
    expected = slope * float((y.detach() * x).sum())
    assert float(z.grad) == pytest.approx(expected, rel=5e-3)


def test_gradient_descent_finds_the_knobs_of_a_plugin():
    plugin = from_pedalboard("PeakFilter", ranges={"q": Param(0.5, 2, default=1)})
    x = music(1, samples=8_000).float()
    wanted = plugin(x, 44_100, gain_db=9.0, cutoff_frequency_hz=1_500.0)
    logits = torch.zeros(1, len(plugin), requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.1)
    loss_of = lambda: (plugin(x, 44_100, logits.sigmoid()) - wanted).square().sum() / wanted.square().sum()  # noqa: E731
    start = float(loss_of().detach())
    for _ in range(60):
        optimiser.zero_grad()
        loss_of().backward()
        optimiser.step()
    assert float(loss_of().detach()) < 0.02 * start


def stand_in(x, sample_rate, gain_db):
    return x * (gain_db / 24)[:, None, None]


def test_full_hybrid_is_the_plugin_forward_and_the_proxy_backward():
    effect = GAIN.with_options(gradient="full_hybrid", proxy=stand_in)
    x, z = music(2, samples=500).float().requires_grad_(), torch.full((2, 1), 0.7, requires_grad=True)
    y = effect(x, 44_100, z)
    assert torch.equal(y, GAIN(x.detach(), 44_100, z.detach()))
    y.sum().backward()
    torch.testing.assert_close(z.grad[:, 0], 2 * x.detach().sum((1, 2)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(x.grad, torch.full_like(x, 0.4))


def test_half_hybrid_is_the_proxy_in_training_and_the_plugin_after():
    effect = GAIN.with_options(gradient="half_hybrid", proxy=stand_in)
    x, z = music(2, samples=500).float(), torch.full((2, 1), 0.7, requires_grad=True)
    torch.testing.assert_close(effect(x, 44_100, z), 0.4 * x)
    with torch.no_grad():
        assert torch.equal(effect(x, 44_100, z), GAIN(x, 44_100, z))


def test_no_gradient_costs_one_render():
    calls = []
    play = lambda x, sample_rate, knobs: calls.append(1) or x  # noqa: E731
    effect = from_function("same", play, {"mix": Param(0, 1, default=0)})
    effect(music(3).float(), 44_100, torch.rand(3, 1))
    assert len(calls) == 3
    effect.with_options(gradient="none")(music(3).float(), 44_100, torch.rand(3, 1, requires_grad=True))
    assert len(calls) == 6


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (lambda x, z: GAIN.with_options(gradient="guess")(x, 44_100, z), "gradient is one of"),
        (lambda x, z: GAIN(x.requires_grad_(), 44_100, z), "only a proxy"),
        (lambda x, z: GAIN.with_options(gradient="full_hybrid")(x, 44_100, z), "give the proxy"),
        (lambda x, z: GAIN(x.expand(-1, 3, -1), 44_100, z), "one or two channels"),
        (lambda x, z: from_pedalboard("Nonsense"), "neither a plugin's file"),
        (lambda x, z: from_function("cut", lambda x, *_: x[:, 1:], {})(x, 44_100), "came back"),
    ],
)
def test_what_cannot_be_done_is_said(run, says):
    with pytest.raises(ValueError, match=says):
        run(music(1, 1, 100).float(), torch.rand(1, 1, requires_grad=True))


def test_without_pedalboard_one_line_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pedalboard", None)
    with pytest.raises(ImportError, match=r"reprs\[eval\]"):
        from_pedalboard("Gain")


def test_importing_the_module_does_not_import_pedalboard():
    program = "import sys, reprs.effects.black_box; assert 'pedalboard' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


class HostedParameter:
    """What pedalboard shows of a VST3's parameter: texts over a raw position in [0, 1]."""

    def __init__(self, kind, values, raw):
        edges = np.linspace(0, 1, len(values) + 1)
        self.type, self.raw_value = kind, raw
        self.ranges = {(edges[i], edges[i + 1]): v for i, v in enumerate(values)}
        numbers = [v for v in values if not isinstance(v, str)]
        self.min_value, self.max_value = (min(numbers), max(numbers)) if numbers else (None, None)


class Hosted:
    """A plugin with a gain in dB, a gliding frequency, a falling knob and a mode."""

    name = "Big Comp"

    def __init__(self):
        decibels = np.linspace(-12, 12, 241).round(1).tolist()
        self.parameters = {
            "gain_db": HostedParameter(float, decibels, 0.5),
            "cutoff_hz": HostedParameter(float, (20 * 1_000 ** np.linspace(0, 1, 500)).tolist(), 0.25),
            "softness": HostedParameter(float, np.linspace(10, 0, 300).tolist(), 0.0),
            "mode": HostedParameter(str, ["Clean", "Warm"], 0.0),
        }

    def process(self, x, sample_rate, reset):
        return x * np.float32(10 ** ((24 * self.parameters["gain_db"].raw_value - 12) / 20))


def test_a_hosted_plugins_knobs_come_from_its_parameters():
    effect = from_pedalboard(Hosted())
    assert effect.name == "big_comp" and list(effect.params) == ["gain_db", "cutoff_hz", "softness"]
    assert (effect.params["gain_db"].min, effect.params["gain_db"].max) == (-12, 12)
    assert effect.params["gain_db"].scale == "linear" and effect.params["cutoff_hz"].scale == "log"
    assert effect.params["cutoff_hz"].default == pytest.approx(20 * 1_000**0.25, rel=0.02)
    assert effect.params["softness"].default == pytest.approx(10)


def test_a_hosted_plugin_moves_smoothly_between_its_texts():
    """A tenth of a decibel is the text's step; the slope must not be that of a staircase."""
    effect = from_pedalboard(Hosted(), step=1e-3)
    x = music(1, samples=100).float()
    for z0 in (0.3, 0.5001, 0.77):
        z = torch.tensor([[z0, 0.5, 0.5]], requires_grad=True)
        y = effect(x, 44_100, z)
        y.sum().backward()
        expected = 24 * np.log(10) / 20 * float(y.detach().sum())
        assert float(z.grad[0, 0]) == pytest.approx(expected, rel=0.02)


def test_the_ends_of_a_falling_knob_are_its_ends():
    hosted = Hosted()
    effect = from_pedalboard(hosted)
    effect(music(1, samples=50).float(), 44_100, softness=0.0)
    assert hosted.parameters["softness"].raw_value == 1.0
    effect(music(1, samples=50).float(), 44_100, softness=10.0)
    assert hosted.parameters["softness"].raw_value == 0.0


def test_the_module_names_its_gradients():
    for gradient in black_box.GRADIENTS:
        assert gradient in black_box.__doc__
