"""What a clip's statistics measure beside its bands, by closed forms."""

import math

import pytest
import torch

from reprs.models.fault_statistics import (
    HARMONICS,
    PARTIAL_BANDS,
    WIDTH_BANDS,
    StatisticsView,
)

RATE = 44_100
view = StatisticsView(RATE)


def noise(seconds: float, seed: int = 0, channels: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, round(seconds * RATE), generator=generator)


def tone(hz: float, seconds: float = 4.0) -> torch.Tensor:
    return torch.sin(2 * math.pi * hz * torch.arange(round(seconds * RATE)) / RATE)[None, None]


def width_of(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean level of the side in dB of the mid's, and mean of log10(1 - coherence), a band."""
    mean = view.stereo(x)[0, : 2 * WIDTH_BANDS]
    return mean[:WIDTH_BANDS] * 15 - 20, mean[WIDTH_BANDS:] - 1.5


def test_width_of_channels_that_share_all_nothing_and_a_known_part():
    side_db, apart = width_of(noise(4, channels=1).expand(1, 2, -1))
    assert float(side_db.max()) == pytest.approx(-60) and float(apart.max()) == pytest.approx(-4, abs=0.1)
    side_db, apart = width_of(noise(4))
    # The upper bands have the bins to average over.
    assert float(side_db[16:].abs().max()) < 1 and float(apart[16:].min()) > math.log10(0.5)
    # mid m, side m' / 10, both noise of one level: -20 dB, and a coherence of (1 - 0.01) / (1 + 0.01).
    mid, side = noise(4).split(1, dim=1)
    side_db, apart = width_of(torch.cat([mid + side / 10, mid - side / 10], dim=1))
    assert float(side_db[16:].mean()) == pytest.approx(-20, abs=0.5)
    assert float(apart[16:].mean()) == pytest.approx(math.log10(1 - 0.99 / 1.01), abs=0.1)


def test_panning_is_no_difference_between_channels():
    x = noise(4, channels=1)
    assert float(width_of(torch.cat([x, 0.3 * x], dim=1))[1].max()) == pytest.approx(-4, abs=0.1)


def test_partials_are_sharp_and_noise_has_the_logarithm_of_an_exponential():
    flat = 6 * view.partials(noise(4)[:, 0])[0, :PARTIAL_BANDS]
    # The mean of the logarithm of an exponential variable is minus Euler's constant.
    assert float(flat[24:].mean()) == pytest.approx(-10 * 0.5772 / math.log(10), abs=0.15)
    steady = 6 * view.partials(tone(3_000)[:, 0])[0, :PARTIAL_BANDS]
    assert float(steady.min()) < -20


@pytest.mark.parametrize(("mains_hz", "first"), [(50, 0), (60, HARMONICS)])
def test_lines_of_the_mains_stand_out_at_their_own_frequency(mains_hz, first):
    x = noise(4, channels=1) + sum(tone(mains_hz * k) for k in (1, 2, 3, 7))
    lines_db = 10 * view.mains(x[:, 0])[0]
    own = lines_db[first : first + HARMONICS]
    assert all(float(own[k - 1]) > 15 for k in (1, 2, 3, 7))
    others = [k for k in range(HARMONICS) if k + 1 not in (1, 2, 3, 7)]
    assert float(own[others].max()) < 8


def test_lines_that_come_and_go_are_music():
    bass = tone(100) * (torch.arange(4 * RATE) // (RATE // 2) % 2)
    x = noise(4, channels=1)
    steady, plucked = (float(10 * view.mains((x + y)[:, 0])[0, 1]) for y in (tone(100), bass))
    assert steady > 15 and plucked < steady - 10


@pytest.mark.parametrize("seconds", [0.1, 0.5, 4.0])
def test_a_fader_changes_nothing_and_any_length_will_do(seconds):
    x = noise(seconds)
    got = view(x)
    assert got.shape == (1, StatisticsView.width, 1) and bool(got.isfinite().all())
    torch.testing.assert_close(view(0.01 * x), got, atol=2e-3, rtol=0)
