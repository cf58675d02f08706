"""The quality model: what its view measures, by closed forms; invariance to level; windows and curves."""

import math

import numpy as np
import pytest
import torch

import reprs
from reprs.models import hub
from reprs.models.ears import EffectEar, Standardised, ears, looked_at
from reprs.models.fault_view import BANDS, HIGH_HZ, HOP, SIZE, FaultView, marks
from reprs.models.frontend import mel_filterbank
from reprs.models.quality import CURVE_S, ORDER, QualityModel

RATE = 44_100


@pytest.fixture(scope="module")
def shipped():
    return reprs.load("quality")


def noise(seconds: float, seed: int = 0, channels: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(channels, round(seconds * RATE), generator=generator)


def test_levels_and_holes_of_noise():
    """One frame in NumPy, by the definition."""
    x = noise(4)[:1].expand(2, -1)[None]
    level, hole, _ = FaultView(RATE)(x)[0].split((BANDS, BANDS, 7))
    frame = (x[0, 0] / x.square().mean().sqrt())[5 * HOP : 5 * HOP + SIZE].double().numpy()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / SIZE)
    power = np.abs(np.fft.rfft(frame * window)) ** 2 / np.sum(window**2) / SIZE + 1e-10 / SIZE
    weights = mel_filterbank(RATE, SIZE, BANDS, 30, HIGH_HZ).double().numpy()
    expected = 10 * np.log10(power @ weights)
    np.testing.assert_allclose(level[:, 5] * 20 - 60, expected, atol=1e-3)
    np.testing.assert_allclose(hole[:, 5] * 5 - 5, 10 * np.log10(power) @ weights - expected, atol=2e-3)
    assert (level.mean(-1) * 20 - 60).std() < 1.0


def test_an_emptied_band_is_a_hole_or_a_floor():
    x = noise(4)
    spectrum = torch.fft.rfft(x)
    spectrum[:, 12_000 * 4 :] = 0
    cut = FaultView(RATE)(torch.fft.irfft(spectrum, x.shape[1])[None])[0].mean(-1)
    whole = FaultView(RATE)(x[None])[0].mean(-1)
    assert float(cut[BANDS - 5] - whole[BANDS - 5]) * 20 < -40


def test_marks_tell_a_clipped_sine_a_gap_and_a_click():
    t = torch.arange(RATE) / RATE
    sine = torch.sin(2 * math.pi * 500 * t).expand(1, 2, -1)
    plain = marks(sine)[0].mean(-1)
    assert float(plain[0] * 6 + 12) == pytest.approx(3.01, abs=0.05)  # the crest of a sine in dB
    clipped = marks(sine.clamp(-0.5, 0.5))[0].mean(-1)
    # Half-way clipping flattens two thirds of a sine's samples.
    assert 10 ** (float(clipped[1]) - 2.5) == pytest.approx(2 / 3, abs=0.02)
    gap, click = sine.clone(), sine.clone()
    gap[..., 20_000:20_500] = 0
    click[..., 20_000] += 0.8
    assert float(marks(gap)[0, 4].max()) > float(plain[4]) + 1
    assert float(marks(click)[0, 3].max()) > float(marks(sine)[0, 3].max()) + 1


def test_a_fader_changes_nothing(shipped):
    x = noise(5)
    loud, quiet = shipped.judge(x, RATE), shipped.judge(0.05 * x, RATE)
    assert loud.score == pytest.approx(quiet.score, abs=2e-3)
    np.testing.assert_allclose(loud.curve, quiet.curve, atol=5e-3)


@pytest.mark.parametrize("seconds", [0.1, 0.9, 1.5, 4.0, 9.3])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_any_length_mono_or_stereo(shipped, seconds, rate):
    x = noise(seconds)[:, : round(seconds * rate)]
    for audio in (x, x[:1]):
        found = shipped.judge(audio, rate)
        assert 1 <= found.score <= 4.75 and len(found.curve) == max(1, int(seconds)) == len(found.times_s)
        assert set(found.faults) == set(shipped.kinds)
        e = shipped.embed(audio, rate)
        assert e.shape == (1, shipped.embedding_dim) and float(e.norm()) == pytest.approx(1, abs=1e-5)


def test_the_curve_is_the_forward_pass_on_the_window_around_a_second(shipped):
    x = noise(8)
    curve = shipped.judge(x, RATE).curve
    half = round(CURVE_S * RATE) // 2
    middle = round(3.5 * RATE)
    with torch.inference_mode():
        alone = float(shipped(x[None, :, middle - half : middle + half]).score)
    assert curve[3] == pytest.approx(alone, abs=1e-4)


def test_silent_seconds_have_no_score_and_do_not_count(shipped):
    x = torch.cat([noise(8), torch.zeros(2, 8 * RATE)], dim=1)
    found = shipped.judge(x, RATE)
    assert all(math.isnan(v) for v in found.curve[10:]) and not math.isnan(found.curve[3])
    assert found.score == pytest.approx(shipped.judge(noise(8), RATE).score, abs=1e-4)
    with pytest.raises(ValueError, match="it is silent"):
        shipped.judge(torch.zeros(2, RATE), RATE)


def test_scores_and_shares_are_two_sides_of_the_scale():
    model = QualityModel(["hum"], ["statistics"], hidden=8, embedding_dim=4)
    model.scale.copy_(
        torch.tensor(np.quantile(np.random.default_rng(0).uniform(1, 4, 1000) ** 0.5, np.linspace(0, 1, 257)))
    )
    scores = torch.tensor([1.2, 1.6, 1.9])
    torch.testing.assert_close(model._scored(model.shares(scores)), scores, atol=0.01, rtol=0)
    # Of a square root of what is uniform from 1 to 4, a share of (s² - 1) / 3 is worse than s.
    torch.testing.assert_close(model.shares(scores), (scores**2 - 1) / 3, atol=0.04, rtol=0)
    model.scale.fill_(4.73)
    assert model.shares(torch.tensor([4.0, 4.73, 5.0])).tolist() == [0, 0.5, 1]


def test_where_training_scores_tie_what_it_judges_keeps_its_order():
    """An eighth of the scale is one score, that of clean clips; no score is off by what can be read."""
    model = QualityModel(["hum"], ["statistics"], hidden=8, embedding_dim=4)
    model.scale.copy_(torch.linspace(1, 4.73 / 0.875, 257).clamp(max=4.73))
    shares = torch.linspace(0, 1, 1_000)
    scores = model._scored(shares)
    assert (scores.diff() > 0).all()
    expected = np.interp(shares.numpy(), np.linspace(0, 1, 257), model.scale.numpy())
    np.testing.assert_allclose(scores.numpy(), expected, atol=1.001e-3)


def test_it_is_saved_and_loaded_whatever_the_ear(tmp_path):
    x = noise(4)[None]
    small = {"encoder": {"embedding_dim": 16, "width": 8, "hidden": 32, "bands": 32}}
    options = {"own": {"channels": 8}, "effect": small}
    for hearing in (["own"], ["statistics", "own", "own"], ["effect"]):
        model = QualityModel(["hum", "noise"], hearing, options, hidden=8, inner=4, embedding_dim=4).eval()
        hub.save(model, tmp_path / "-".join(hearing))
        loaded = hub.load(tmp_path / "-".join(hearing))
        with torch.inference_mode():
            torch.testing.assert_close(loaded(x).score, model(x).score)
    with pytest.raises(ValueError, match="no ear is called 'cat'"):
        QualityModel(["hum"], ["cat"])


def test_views_are_standardised_by_what_was_measured():
    views = 3 + 2 * torch.randn(40, 5, 30, generator=torch.Generator().manual_seed(0))
    norm = Standardised(5)
    norm.fit(list(views.split(10)))
    expected = (views - views.mean((0, 2), keepdim=True)) / views.std((0, 2), keepdim=True)
    torch.testing.assert_close(norm(views), expected.clamp(-6, 6), atol=5e-3, rtol=0)


@pytest.mark.parametrize("weights", [None, [3, 1]])
def test_members_judge_together_by_the_weighted_mean_of_their_logits(weights):
    sizes = {"hidden": 8, "inner": 4, "embedding_dim": 4}
    model = QualityModel(["hum", "noise"], ["own", "own"], **sizes, weights=weights).eval()
    x = noise(2)[None]
    with torch.inference_mode():
        together = model(x)
        alone = model.verdicts({"own": model.members[0].ear.view(x)})
    assert float(alone[0].logit) != float(alone[1].logit)
    first = 0.5 if weights is None else 0.75
    expected = first * float(alone[0].logit) + (1 - first) * float(alone[1].logit)
    assert float(together.logit) == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="2 members need as many weights"):
        QualityModel(["hum"], ["own", "own"], weights=[1.0])
    share = 1 / (1 + math.exp(-float(together.logit)))
    assert float(together.score) == pytest.approx(1 + (3.75 + ORDER) * share, abs=1e-6)
    assert together.embedding.shape == (1, 8) and float(together.embedding.norm()) == pytest.approx(
        1, abs=1e-5
    )


@pytest.mark.parametrize("names", [("own", "statistics"), ("statistics",), ("own",)])
def test_ears_that_begin_with_the_same_bands_share_them(names, monkeypatch):
    hearing = {name: ears[name]() for name in names}
    x, made = noise(1)[None], []
    apart = {name: ear.view(x) for name, ear in hearing.items()}
    forward = FaultView.forward
    monkeypatch.setattr(FaultView, "forward", lambda self, x: made.append(1) or forward(self, x))
    together = looked_at(hearing, x)
    assert list(together) == list(names) and len(made) == 1
    assert all(torch.equal(together[name], apart[name]) for name in names)


def test_a_tuned_effect_ear_is_the_encoder_and_learns_it():
    small = {"embedding_dim": 16, "width": 8, "hidden": 32, "bands": 32}
    frozen, tuned = (EffectEar(small, tuned=t).eval() for t in (False, True))
    tuned.load_state_dict(frozen.state_dict())
    x = noise(4)[None]
    torch.testing.assert_close(frozen(frozen.view(x)), tuned(tuned.view(x)), atol=1e-4, rtol=1e-4)
    assert tuned(tuned.view(x[..., :30_000])).isfinite().all()  # a recording shorter than a clip
    tuned(tuned.view(x)).square().sum().backward()
    assert tuned.encoder.project.weight.grad is not None
    assert not any(p.requires_grad for p in frozen.parameters())
