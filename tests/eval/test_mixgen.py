"""The scores of mix generators on made-up trials: what is right scores right, what is wrong does not."""

import numpy as np
import pytest
import torch

from eval import mixgen_rows as rows
from eval import mixgen_scores as scores
from eval.mix_trials import Trial
from eval.mixgen import main
from reprs.console.knobs import Knobs
from reprs.console.standard import standard_console

TRACKS = 2


def knobs_of(count, dice, spread=1.0):
    """Settings that differ from the middle by a normal deviate of a tenth, times `spread`."""
    console = standard_console()
    rest = console.neutral(count, TRACKS)

    def normal(x):
        return (0.5 + 0.1 * spread * torch.randn(x.shape, generator=dice)).clamp(0, 1)

    flips = [torch.rand(x.shape, generator=dice) < 0.25 for x in (rest.tracks_on, rest.shared_on)]
    return Knobs(normal(rest.tracks), normal(rest.shared), *flips)


@pytest.fixture(scope="module")
def heard():
    dice = torch.Generator().manual_seed(0)
    x = 0.1 * torch.randn(TRACKS, 2, 8000, generator=dice)
    trials = [Trial(f"song {i}", x, x[0], x[0], knobs_of(1, dice)) for i in range(30)]
    return [rows.Heard(t, None, torch.zeros(1, 1)) for t in trials]


def row(spread, answers=None):
    return rows.Row(
        f"spread {spread:g}",
        lambda h, n, seed: knobs_of(n, torch.Generator().manual_seed(5), spread),
        answers,
    )


def test_intervals_of_the_truth_cover_as_they_should_and_others_do_not(heard):
    found = scores.calibration(heard, [row(1.0), row(0.4), row(3.0), row(1.0, answers=1)], seed=0)
    assert set(found) == {"spread 1", "spread 0.4", "spread 3"}
    cover = {name: figures["80 % intervals cover"] for name, figures in found.items()}
    assert abs(cover["spread 1"] - 0.8) < 0.04
    assert cover["spread 0.4"] < 0.5 and cover["spread 3"] > 0.95
    assert abs(found["spread 1"]["chance of the true switch"] - (0.75**2 + 0.25**2)) < 0.04


def test_a_knob_that_stays_put_is_a_spike():
    values = torch.cat([torch.zeros(30), torch.linspace(0.1, 1, 70)])
    assert scores._spike(values) == pytest.approx(0.29)
    assert scores._spike(torch.rand(20)) == 0


def test_the_best_of_more_is_nearer():
    apart = torch.from_numpy(np.random.default_rng(0).uniform(size=(40, 8)))
    found = scores.nearness("STFT", apart, [f"song {i}" for i in range(40)])
    assert list(found) == ["STFT", "STFT, best of 2", "STFT, best of 4", "STFT, best of 8"]
    means = [value[0] for value in found.values()]
    assert means == sorted(means, reverse=True) and abs(means[0] - 0.5) < 0.15 and means[3] < 0.2
    assert found["STFT, best of 8"][0] == pytest.approx(float(apart.amin(1).mean()))


def test_random_settings_are_anywhere(heard):
    k = rows._random(heard[0], 200, 3)
    assert abs(float(k.tracks.mean()) - 0.5) < 0.01 and abs(float(k.tracks.std()) - 12**-0.5) < 0.01
    assert abs(float(k.tracks_on.float().mean()) - 0.5) < 0.05


def test_mixes_are_rendered_at_one_level(heard):
    mixes = rows.rendered(heard[0], knobs_of(3, torch.Generator().manual_seed(1)))
    level_db = 20 * torch.log10(mixes.square().mean((1, 2)).sqrt())
    assert mixes.shape == (3, 2, 8000)
    assert torch.allclose(level_db, torch.full((3,), rows.LOUDNESS_DB), atol=1e-3)


def test_calls_that_cannot_be_are_refused(tmp_path, capsys):
    assert main(["--songs", "2", "-o", str(tmp_path)]) == 2
    assert "--songs" in capsys.readouterr().err
    assert main(["--parts", "words", "--model", "nothing", "-o", str(tmp_path)]) == 2
    assert "no checkpoint 'nothing'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
