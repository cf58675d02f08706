"""Two engines under one set of settings, the five styles, and the page of results."""

import json

import numpy as np
import pytest

from eval.chains import DRY_RMS_DB, KINDS, PedalboardChain, match_rms, sample_chain
from eval.engines import fingerprint, render, translated
from eval.results_page import write_page
from eval.styles import SETTINGS, STYLES, sample_style

RATE = 44_100


@pytest.fixture(scope="module")
def noise():
    return match_rms(np.random.default_rng(0).standard_normal((2, RATE)), DRY_RMS_DB)


def error_db(chain, x):
    a, b = (render(engine, chain, x, RATE).astype(np.float64) for engine in ("pedalboard", "reprs"))
    return 10 * np.log10(np.mean((a - b) ** 2) / np.mean(a**2))


@pytest.mark.parametrize("kind", ["eq", "filter"])
def test_linear_kinds_are_the_same_sound_in_both_engines(noise, kind):
    assert error_db(sample_chain(np.random.default_rng(1), [kind], 1), noise) < -60


def test_distortion_differs_by_aliasing_alone():
    """A low tone makes no harmonic that folds back: oversampled or not, tanh is tanh."""
    tone = 0.1 * np.sin(2 * np.pi * 60 * np.arange(RATE) / RATE)[None].repeat(2, axis=0).astype(np.float32)
    chain = PedalboardChain(("distortion",), (("Distortion", {"drive_db": 12.0}),))
    assert error_db(chain, tone) < -50


def test_an_echo_comes_at_the_same_time_in_both_engines():
    click = np.zeros((2, RATE), np.float32)
    click[:, 100] = 1.0
    settings = {"delay_seconds": 0.25, "feedback": 0.0, "mix": 0.5}
    chain = PedalboardChain(("delay",), (("Delay", settings),))
    for engine in ("pedalboard", "reprs"):
        wet = np.abs(render(engine, chain, click, RATE)[0])
        assert abs(int(np.argmax(wet[5_000:])) + 5_000 - (100 + RATE // 4)) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_heard_in_our_engine(noise, kind):
    wet = render("reprs", sample_chain(np.random.default_rng(2), [kind], 1), noise, RATE)
    assert wet.shape == noise.shape and np.isfinite(wet).all()
    assert np.mean((wet - noise) ** 2) > 1e-3 * np.mean(noise**2)


def test_bands_share_one_equaliser():
    (eq,) = translated(sample_chain(np.random.default_rng(0), ["eq"], 1).steps)
    assert eq[0] == "parametric_eq"
    assert {k for k in eq[1] if k.endswith("_hz")} == {
        "low_shelf_hz",
        "peak1_hz",
        "peak2_hz",
        "high_shelf_hz",
    }


def test_the_fingerprint_changes_with_an_effect_and_not_with_rounding(monkeypatch):
    import reprs
    from eval import engines

    before = fingerprint()
    plain = render

    def slightly(engine, chain, x, sample_rate):
        return plain(engine, chain, x, sample_rate) * np.float32(1 + 1e-6)

    monkeypatch.setattr(engines, "render", slightly)
    assert fingerprint() == before
    monkeypatch.setattr(engines, "render", plain)
    delay = reprs.effects.registry["delay"]
    monkeypatch.setitem(reprs.effects.registry, "delay", delay.narrow(mix=(0.0, 0.1)))
    assert fingerprint() != before


@pytest.mark.parametrize("style", STYLES)
def test_a_style_stays_within_its_settings(style):
    bands, ratio, below_db = SETTINGS[style]
    for seed in range(20):
        chain = sample_style(np.random.default_rng(seed), style)
        plugin, compressor = chain.steps[-1]
        assert plugin == "Compressor" and ratio[0] <= compressor["ratio"] <= ratio[1]
        assert below_db[0] <= DRY_RMS_DB - compressor["threshold_db"] <= below_db[1]
        steps = list(dict.fromkeys((name, tuple(settings.items())) for name, settings in chain.steps[:-1]))
        for (name, hz, gain_db), (plugin, settings) in zip(bands, steps, strict=True):
            said = dict(settings)
            assert plugin == name and hz[0] <= said["cutoff_frequency_hz"] <= hz[1]
            assert gain_db is None or gain_db[0] <= said["gain_db"] <= gain_db[1]


def test_the_page_of_results_holds_every_figure(tmp_path):
    rows = {"effect": {"AP": [0.91, 0.9, 0.92], "seconds": 3.0, "by kind": {"eq": 0.5}, "remarks": []}}
    result = {"task": "probes", "music": "noise", "plan": "abc", "command": "reprs eval probes", "rows": rows}
    (tmp_path / "probes.json").write_text(json.dumps(result))
    (tmp_path / "bench.json").write_text(json.dumps({"torch": "2", "the_eq": {"ours": {"ns": 3.25}}}))
    page = write_page(tmp_path, tmp_path / "docs" / "results.md").read_text()
    assert "| effect | 0.910 (0.900 to 0.920) | 3 |" in page and "`reprs eval probes`" in page
    assert "| ours | 3.25 |" in page and "**the eq**" in page and "remarks" not in page
    wide = {"effect": {f"figure {i}": 0.5 for i in range(12)}}
    (tmp_path / "probes.json").write_text(json.dumps({"rows": wide}))
    assert "| figure 11 | 0.5 |" in write_page(tmp_path, tmp_path / "results.md").read_text()
