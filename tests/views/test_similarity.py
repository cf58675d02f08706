"""The aligned teacher against visqol-python itself, and NSIM against its formula cell by cell."""

import numpy as np
import pytest

from reprs.views.similarity import BANDS, PATCH, RATE_HZ, nsim, similarity
from reprs.views.visqol import band_scores, visqol

WEIGHTS = np.array([0.0113033910173052, 0.0838251475442633, 0.619485845753726])


def chords(seconds: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    x = sum(
        np.sin(2 * np.pi * hz * t + p) for hz, p in zip(rng.uniform(80, 9_000, 40), range(40), strict=True)
    )
    return 0.02 * x * (1.2 + np.sin(2 * np.pi * 3 * t)) + 1e-3 * rng.standard_normal(len(t))


def faults(x: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    spectrum = np.fft.rfft(x)
    return {
        "noise": x + 0.01 * rng.standard_normal(len(x)),
        "dull": np.fft.irfft(np.where(np.arange(len(spectrum)) < len(spectrum) // 8, spectrum, 0), len(x)),
        "clipped": np.clip(x, -0.05, 0.05),
        "quieter": 0.3 * x,
    }


@pytest.mark.parametrize("fault", ["noise", "dull", "clipped", "quieter"])
def test_it_is_visqol_without_its_search(fault):
    """A filter's tail beyond its frame is all that differs: 0.02 of a score, and 0.02 of a band."""
    package = pytest.importorskip("visqol")
    api = package.VisqolApi()
    api.create(mode="audio", disable_realignment=True, disable_global_alignment=True)
    x = chords()
    y = faults(x)[fault]
    theirs = api.measure_from_arrays(x, y, RATE_HZ)
    assert visqol(x[None], y[None], RATE_HZ, realign=False) == pytest.approx(theirs.moslqo, abs=0.02)
    np.testing.assert_allclose(band_scores(x[None], [y[None]], RATE_HZ)[0], theirs.fvnsim, atol=0.02)


def test_nsim_is_its_formula():
    rng = np.random.default_rng(0)
    r, d = rng.uniform(0, 40, (2, 6, 7))

    def window(x: np.ndarray, i: int, j: int) -> np.ndarray:
        rows, columns = ([min(max(k + s, 0), n - 1) for s in (-1, 0, 1)] for k, n in ((i, 6), (j, 7)))
        return x[np.ix_(rows, columns)]

    weights = WEIGHTS[[[0, 1, 0], [1, 2, 1], [0, 1, 0]]]
    found = nsim(r, d)
    for i in range(6):
        for j in range(7):
            a, b = window(r, i, j), window(d, i, j)
            ma, mb = (weights * a).sum(), (weights * b).sum()
            va, vb = (weights * a * a).sum() - ma * ma, (weights * b * b).sum() - mb * mb
            shared = (weights * a * b).sum() - ma * mb
            luminance = (2 * ma * mb + 1e-4) / (ma**2 + mb**2 + 1e-4)
            structure = (shared + 4.5e-4) / (np.sqrt(max(va * vb, 0)) + 4.5e-4)
            assert found[i, j] == pytest.approx(luminance * structure, abs=2e-3)


def test_the_same_is_wholly_alike_and_a_moment_is_refused():
    levels = np.abs(np.random.default_rng(0).standard_normal((BANDS, 120)))
    found = similarity(levels, levels)
    assert found.shape == (3, BANDS, PATCH)
    np.testing.assert_allclose(found, 1, atol=1e-6)
    with pytest.raises(ValueError, match="more than a second"):
        similarity(levels[:, :40], levels[:, :40])
