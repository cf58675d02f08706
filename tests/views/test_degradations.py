"""Degradations: what each does, by closed forms and SciPy; ladders rise; one seed is one ladder."""

import numpy as np
import pytest
from scipy import signal

from reprs.views import codecs
from reprs.views.broader import broader
from reprs.views.degradations import UNSEEN, degrade, kinds, seen_kinds, training_kinds

RATE = 44_100


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Two seconds of decaying chords and noise bursts, stereo, rms 0.1."""
    rng = np.random.default_rng(0)
    t = np.arange(2 * RATE) / RATE
    x = np.zeros((2, len(t)))
    for start in np.arange(0, 2, 0.25):
        env = np.exp(-(t - start) * 6) * (t >= start)
        for hz in rng.choice([110, 220, 277, 330, 440, 554, 880, 1760], 4):
            x += env * np.sin(2 * np.pi * hz * t + rng.uniform(0, 6, (2, 1))) / 4
        x += 0.1 * env**4 * rng.standard_normal(x.shape)
    return (0.1 * x / x.std()).astype(np.float32)


def snr_db(x, y):
    return 10 * np.log10(np.sum(np.square(x)) / np.sum(np.square(np.asarray(y, float) - x)))


@pytest.mark.parametrize("kind", [*kinds, *broader])
def test_every_kind_keeps_the_shape_and_a_seed_repeats_it(music, kind):
    first, again = (degrade(music, RATE, kind, 0.6, seed=3) for _ in range(2))
    assert first.shape == music.shape and first.dtype == np.float32 and np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("kind", [k for k in [*kinds, *broader] if k not in ("wow", "mp3", "opus", "vorbis")])
def test_a_stronger_fault_is_a_larger_error(music, kind):
    """The error's energy rises with the strength; codecs and wow are judged by other means below."""
    errors = [snr_db(music, degrade(music, RATE, kind, u, seed=1)) for u in (0.0, 0.35, 0.7, 1.0)]
    assert errors == sorted(errors, reverse=True) and errors[0] > errors[-1] + 3


@pytest.mark.parametrize("kind", ["noise", "hum", "reverb", "whistle", "comb", "chorus", "asymmetry"])
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_added_sounds_have_the_level_their_docstring_states(music, kind, strength):
    low, high = {"noise": (72, 30), "hum": (40, -10), "reverb": (24, -6), "whistle": (60, 6),
                 "comb": (36, 0), "chorus": (30, -6), "asymmetry": (40, 0)}[kind]  # fmt: skip
    assert snr_db(music, degrade(music, RATE, kind, strength)) == pytest.approx(
        low + (high - low) * strength, abs=0.1
    )


def test_clipping_flattens_the_stated_share(music):
    y = degrade(music, RATE, "clipping", 1.0)
    assert np.mean(np.abs(y) >= np.abs(y).max() * (1 - 1e-6)) == pytest.approx(0.3, abs=0.01)


def test_quantisation_leaves_the_stated_number_of_values(music):
    y = degrade(music, RATE, "quantisation", 1.0)
    assert len(np.unique(y)) <= 2**8 + 1
    step = 2 * np.abs(music).max() / 2**8
    assert np.abs(y - music).max() <= step / 2 * 1.001


def test_band_limit_empties_the_band_above_its_edge(music):
    rng = np.random.default_rng(0)
    white = rng.standard_normal((2, RATE)).astype(np.float32)
    f, power = signal.welch(degrade(white, RATE, "band_limit", 1.0, seed=2), RATE, nperseg=2048)
    level_db = 10 * np.log10(power.mean(0))
    assert level_db[(f > 400) & (f < 1000)].mean() > level_db[f > 4000].mean() + 30


def test_wow_swings_the_speed_by_the_stated_share():
    t = np.arange(4 * RATE) / RATE
    y = degrade(np.sin(2 * np.pi * 1000 * t)[None].repeat(2, 0).astype(np.float32), RATE, "wow", 1.0, seed=1)
    phase = np.unwrap(np.angle(signal.hilbert(y[0])))
    speed = np.diff(phase)[RATE // 10 : -RATE // 10] * RATE / (2 * np.pi * 1000)
    assert speed.max() == pytest.approx(1.06, abs=0.01) and speed.min() == pytest.approx(0.94, abs=0.01)


def test_companding_leaves_the_stated_number_of_values(music):
    # 3 bits: two steps to either side of 0, and 0.
    assert len(np.unique(np.abs(degrade(music, RATE, "companding", 1.0)).round(6))) <= 2**2 + 1


def test_resonances_reach_the_stated_gain_and_a_dead_zone_its_width(music):
    y = degrade(music, RATE, "resonances", 1.0, seed=1)
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(y[0])) / np.abs(np.fft.rfft(music[0])))
    f = np.fft.rfftfreq(music.shape[1], 1 / RATE)
    assert np.abs(gain_db[(f > 20) & (f < 16_000)]).max() == pytest.approx(24, abs=0.3)
    lost = np.abs(degrade(music, RATE, "dead_zone", 1.0) - music)
    assert lost.max() == pytest.approx(np.sqrt(np.mean(music**2)) * 10 ** (-6 / 20), rel=1e-3)


def test_stutter_repeats_what_was_there(music):
    ramp = np.arange(2 * RATE, dtype=np.float32)[None].repeat(2, 0)
    y = degrade(ramp, RATE, "stutter", 1.0, seed=1)
    behind = (ramp - y)[0]
    assert set(np.unique(np.sign(behind))) == {0.0, 1.0} and behind.max() <= 0.06 * RATE


def test_drop_outs_are_silent_for_the_stated_share():
    y = degrade(np.ones((2, 20 * RATE), np.float32), RATE, "drop_outs", 1.0)
    # Gaps may overlap, so that a little less is lost than their sum.
    assert 0.25 < np.mean(y[0] < 0.01) <= 0.35


@pytest.mark.parametrize("kind", ["mp3", "opus", "vorbis"])
def test_codecs_are_in_place_and_lose_more_at_lower_rates(music, kind):
    mild, gross = (degrade(music, RATE, kind, u) for u in (0.0, 1.0))
    middle = slice(RATE // 2, RATE)
    lags = signal.correlate(mild.mean(0)[middle], music.mean(0)[middle])
    assert abs(int(np.argmax(lags)) - (RATE // 2 - 1)) <= 2
    assert snr_db(music, mild) > snr_db(music, gross)


@pytest.mark.parametrize("lag", [-700, 0, 1105])
def test_the_delay_of_a_shifted_signal_is_found(lag):
    x = np.random.default_rng(0).standard_normal(20_000)
    y = np.roll(np.pad(x, 3000), lag)[3000:-3000]
    assert codecs.delay(x, y) == lag


def test_seen_and_unseen_kinds_are_apart_and_bad_calls_are_refused(music):
    assert not set(seen_kinds()) & set(UNSEEN) and set(seen_kinds()) | set(UNSEEN) == set(kinds)
    assert set(training_kinds()) == set(seen_kinds()) | set(broader) and not set(broader) & set(kinds)
    with pytest.raises(ValueError, match="no degradation is called 'rust'"):
        degrade(music, RATE, "rust", 0.5)
    with pytest.raises(ValueError, match="from 0 to 1"):
        degrade(music, RATE, "noise", 1.5)
