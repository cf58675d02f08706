"""What a recording already has decides how much of a wish it gets."""

import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt, welch

from reprs.console.adapt import adapted, character_db
from reprs.console.band_fit import fit_frequencies
from reprs.console.spectrum import CENTRES_HZ, third_octaves_db
from tests.console.cookbook import pink

BRIGHT = 6 * np.clip(np.log2(fit_frequencies(44_100) / 1000) / 3, -1, 1)


def got(x, target=BRIGHT, rate=44_100):
    return adapted(target, fit_frequencies(rate), torch.from_numpy(np.asarray(x, np.float32)), rate)


def spread(response):
    """Treble minus bass."""
    return response[-30:].mean() - response[:30].mean()


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_third_octaves_agree_with_welch(rate):
    x = pink(4.0, rate)
    levels = third_octaves_db(torch.from_numpy(x), rate)
    hz, density = welch(x, rate, nperseg=2 ** round(np.log2(rate / 2)))
    for i, centre in enumerate(CENTRES_HZ):
        inside = (hz >= centre * 2 ** (-1 / 6)) & (hz < centre * 2 ** (1 / 6))
        if centre > 200 and centre * 2 ** (1 / 6) < rate / 2:
            expected = 10 * np.log10(density.sum(0)[inside].sum() * hz[1])
            assert abs(levels[i] - expected) < 0.7, centre
        elif centre > rate:
            assert levels[i] == -200


def test_power_is_the_sum_over_channels():
    x = np.random.default_rng(0).standard_normal((3, 40_000)).astype(np.float32)
    levels = third_octaves_db(torch.from_numpy(x), 40_000)
    assert 10 * np.log10((10 ** (levels / 10)).sum()) == pytest.approx(10 * np.log10(3), abs=0.1)


def test_dark_recordings_get_more_of_brighter_than_bright_ones():
    dark, even, bright = (spread(got(pink(tilt_db=t))) for t in (-5.0, -1.5, 2.0))
    assert dark > even + 1 > bright + 2


def test_the_same_holds_for_less():
    dark, bright = (spread(got(pink(tilt_db=t), -BRIGHT)) for t in (-5.0, 2.0))
    assert dark > bright + 1  # both negative: the bright one loses more


@pytest.mark.parametrize(
    "x", [np.zeros((2, 44_100)), np.sin(np.arange(44_100) / 10)[None], pink(0.05), [[0.3]]]
)
def test_silence_tones_and_snippets_are_average(x):
    if np.size(x) > 10_000:
        np.testing.assert_allclose(got(x), BRIGHT)
    assert np.isfinite(got(x)).all() and np.abs(got(x) - BRIGHT).max() < 3.5


def test_the_shape_of_a_wish_survives():
    for tilt_db in (-5.0, 0.0, 3.0):
        assert np.corrcoef(got(pink(tilt_db=tilt_db)), BRIGHT)[0, 1] > 0.97


def test_bands_without_content_are_not_boosted():
    x = sosfilt(butter(16, 4000, fs=44_100, output="sos"), pink(4.0))
    x = x + 1e-5 * np.random.default_rng(1).standard_normal(x.shape)
    _, content = character_db(torch.from_numpy(x.astype(np.float32)), 44_100)
    hz = fit_frequencies(44_100)
    assert (content[CENTRES_HZ > 8000] < 0.05).all() and (content[CENTRES_HZ < 3500] == 1).all()
    assert got(x)[hz > 8000].max() < 0.5 and got(x)[(hz > 2000) & (hz < 3000)].min() > 1
    assert got(x, -BRIGHT)[hz > 8000].max() < -1  # a cut does no harm there


def test_white_noise_has_content_everywhere():
    _, content = character_db(torch.from_numpy(pink(tilt_db=3.01)), 44_100)
    assert content[CENTRES_HZ > 40].min() > 0.7
