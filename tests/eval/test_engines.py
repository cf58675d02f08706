"""Two engines under one set of settings, the five styles, and the page of results."""

import json

import numpy as np
import pedalboard
import pytest

from eval.chains import DRY_RMS_DB, KINDS, PedalboardChain, match_rms, sample_chain
from eval.engines import fingerprint, render, translated
from eval.results_page import write_page
from eval.styles import PUBLISHED, STYLE_TASKS, STYLES, sample_style

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


def test_styles_are_named_as_in_the_paper():
    for settings in STYLE_TASKS.values():
        assert set(settings) == set(STYLES) == {"telephone", "bright", "warm", "broadcast", "neutral"}


@pytest.mark.parametrize("task", STYLE_TASKS)
@pytest.mark.parametrize("name", STYLES)
def test_a_style_stays_within_its_settings(task, name):
    style = STYLE_TASKS[task][name]
    for seed in range(20):
        steps = list(sample_style(np.random.default_rng(seed), name, style).steps)
        if style.level_db:
            plugin, settings = steps.pop(0)
            assert plugin == "Gain" and within(settings["gain_db"], style.level_db)
        if style.compressor:
            plugin, settings = steps.pop()
            below_db = DRY_RMS_DB - settings.pop("threshold_db")
            assert plugin == "Compressor" and within(below_db, style.compressor.below_db)
            assert all(within(value, getattr(style.compressor, key)) for key, value in settings.items())
        bands = list(dict.fromkeys((plugin, tuple(settings.items())) for plugin, settings in steps))
        for band, (plugin, drawn) in zip(style.bands, bands, strict=True):
            settings = dict(drawn)
            assert plugin == band.plugin and within(settings["cutoff_frequency_hz"], band.hz)
            assert band.gain_db is None or within(settings["gain_db"], band.gain_db)


def within(value, limits):
    return limits[0] <= value <= limits[1]


@pytest.mark.parametrize(
    ("name", "low_db", "middle_db", "high_db"),
    [
        ("telephone", (-26, -20), (8, 17), (-26, -20)),
        ("bright", (-26, -19), (-1, 2), (18, 26)),
        ("warm", (20, 26), (-2, 4), (12, 20)),
        ("broadcast", (2, 6), (-1, 1), (1, 6)),
        ("neutral", (1, 3), (-1, 1), (0.5, 3)),
    ],
)
def test_published_styles_do_to_a_spectrum_what_their_script_does(name, low_db, middle_db, high_db):
    """The response of the bands alone at 30 Hz, 1.4 kHz and 15 kHz."""
    impulse = np.zeros((2, 44_100), np.float32)
    impulse[:, 0] = 1e-3
    for seed in range(8):
        steps = sample_style(np.random.default_rng(seed), name, PUBLISHED[name]).steps
        bands = tuple(step for step in steps if step[0] not in ("Gain", "Compressor"))
        board = pedalboard.Pedalboard([getattr(pedalboard, plugin)(**settings) for plugin, settings in bands])
        response_db = 20 * np.log10(np.abs(np.fft.rfft(board(impulse, 44_100)[0])) / 1e-3)
        for hz, limits in ((30, low_db), (1_400, middle_db), (15_000, high_db)):
            assert within(response_db[hz], limits), (name, hz, response_db[hz])


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
