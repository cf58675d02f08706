"""The scores of mix generators on made-up trials: what is right scores right, what is wrong does not."""

import numpy as np
import pytest
import torch

from eval import mixgen_calibration as intervals
from eval import mixgen_finished
from eval import mixgen_rows as rows
from eval import mixgen_scores as scores
from eval import mixgen_songs as songs
from eval.mix_trials import Trial
from eval.mixgen import main
from eval.mixgen_judges import Judge
from reprs.console.knobs import Knobs
from reprs.console.standard import standard_console
from reprs.models import hub
from reprs.models.encoder import EffectEncoder

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
    return [rows.Heard(t, None, torch.zeros(1, 1), i) for i, t in enumerate(trials)]


def row(spread, answers=None):
    return rows.Row(
        f"spread {spread:g}",
        lambda h, n, seed, first: knobs_of(n, torch.Generator().manual_seed(h.noise(seed)), spread),
        answers,
    )


def test_intervals_of_the_truth_cover_as_they_should_and_others_do_not(heard):
    found = intervals.calibration(heard, [row(1.0), row(0.4), row(3.0), row(1.0, answers=1)], seed=5)
    assert set(found) == {"spread 1", "spread 0.4", "spread 3"}
    cover = {name: figures["80 % intervals cover"] for name, figures in found.items()}
    assert abs(cover["spread 1"] - 0.8) < 0.015
    assert cover["spread 0.4"] < 0.5 and cover["spread 3"] > 0.95
    assert abs(found["spread 1"]["chance of the true switch"] - (0.75**2 + 0.25**2)) < 0.04


@pytest.mark.parametrize("count", [19, 49])
def test_ends_of_intervals_hold_the_next_draw_as_often_as_they_say(count):
    dice = torch.Generator().manual_seed(1)
    samples = torch.randn(count, 20_000, generator=dice).exp()
    assert abs(float(intervals.held(samples, torch.randn(20_000, generator=dice).exp()).mean()) - 0.8) < 0.01


def test_nobody_is_asked_for_the_knobs_of_a_silent_track(heard):
    silent = []
    for h in heard:
        x, k = h.trial.tracks.clone(), h.trial.knobs
        x[0] = 0
        silent.append(rows.Heard(Trial(h.trial.content, x, x[1], x[1], k), None, h.style, h.number))

    def neutral_where_silent(h, n, seed, first):
        k = row(1.0).draw(h, n, seed, first)
        k.tracks[:, ~h.trial.tracks.any(-1).any(-1)] = 0
        return k

    found = intervals.calibration(silent, [rows.Row("as it should", neutral_where_silent)], seed=5)
    assert abs(found["as it should"]["tracks: 80 % intervals cover"] - 0.8) < 0.02


def test_a_knob_that_stays_put_is_a_spike():
    values = torch.cat([torch.zeros(30), torch.linspace(0.1, 1, 70)])
    assert intervals._spike(values) == pytest.approx(0.29)
    assert intervals._spike(torch.rand(20)) == 0


def test_the_best_of_more_is_nearer(heard):
    apart = torch.from_numpy(np.random.default_rng(0).uniform(size=(30, 2, 8)))
    found = scores.nearness({"STFT": apart}, [[h] for h in heard])
    assert list(found) == ["STFT, best of 2", "STFT, best of 4", "STFT, best of 8"]
    means = [value[0] for value in found.values()]
    assert means == sorted(means, reverse=True) and abs(means[0] - 1 / 3) < 0.1 and means[2] < 0.2
    assert found["STFT, best of 8"][0] == pytest.approx(float(apart.amin(2).mean()))


def test_random_settings_are_anywhere_and_other_trials_have_others(heard):
    k = rows._random(heard[0], 200, 3)
    assert abs(float(k.tracks.mean()) - 0.5) < 0.01 and abs(float(k.tracks.std()) - 12**-0.5) < 0.01
    assert abs(float(k.tracks_on.float().mean()) - 0.5) < 0.05
    for draw in (rows._random, rows._prior):
        assert torch.equal(draw(heard[0], 2, 3).tracks, draw(heard[0], 2, 3).tracks)
        assert not torch.equal(draw(heard[0], 2, 3).shared, draw(heard[1], 2, 3).shared)


def test_a_set_of_mixes_holds_every_number_of_a_call_once_and_begins_with_another_in_every_song(heard):
    asked = []

    def draw(h, samples, seed, first):
        asked.append((h.number, samples, first))
        return knobs_of(1, torch.Generator().manual_seed(h.number))

    mixes = scores.sampled([heard[:3], heard[3:6]], rows.Row("numbered", draw), 0)
    assert asked == [(0, 1, 0), (1, 1, 1), (2, 1, 2), (3, 1, 1), (4, 1, 2), (5, 1, 0)]
    assert [len(x) for x in mixes] == [3, 3]
    assert torch.equal(mixes[1][0], rows.rendered(heard[3], draw(heard[3], 1, 0, 0))[0])


def test_mixes_are_rendered_at_one_level(heard):
    mixes = rows.rendered(heard[0], knobs_of(3, torch.Generator().manual_seed(1)))
    level_db = 20 * torch.log10(mixes.square().mean((1, 2)).sqrt())
    assert mixes.shape == (3, 2, 8000)
    assert torch.allclose(level_db, torch.full((3,), songs.LOUDNESS_DB), atol=1e-3)


class Reads:
    """Ears that hear the first numbers of a recording."""

    name = "reader"

    def __call__(self, x):
        return x[:, 0, :6]

    def distance(self, a, b):
        return (a - b).square().mean(1).sqrt()


def test_a_judge_finds_the_targets_right_and_the_prior_only_without_the_references():
    dice = torch.Generator().manual_seed(0)
    x = torch.zeros(1, 2, 400)

    def made(place):
        """A mix at the song's place in the style of its reference."""
        style = torch.randn(2, 400, generator=dice)
        return Trial(str(place[0, 0]), x, style, place + style + 0.3 * torch.randn(2, 400, generator=dice))

    places = torch.randn(30, 2, 400, generator=dice)
    cases = [
        songs.Case(str(i), tuple(made(p) for _ in range(8)), tuple(made(p) for _ in range(8)))
        for i, p in enumerate(places)
    ]
    judge = Judge(Reads(), cases)
    again = judge.embed([torch.stack([made(p).target for _ in range(8)]) for p in places])
    dull = judge.targets.mean(1, keepdim=True).expand_as(judge.targets)
    right, prior, mean = (judge.figures(e) for e in (judge.targets, again, dull))
    assert right["reader distance"][0] == 0 < prior["reader distance"][1]
    assert right["Fréchet, reader"][1] < 0 and right["joint Fréchet, reader"][1] < 0
    assert prior["Fréchet, reader"][1] < 0 < prior["joint Fréchet, reader"][1]
    assert mean["Fréchet, reader"][1] > 0 and mean["MMD, reader"][1] > 0
    leads = judge.leads(judge.targets, dull, "the mean")
    assert leads["Fréchet below the mean, reader"][1] > 0.5
    assert leads["joint Fréchet below the mean, reader"][1] > 0.5


def test_references_have_the_settings_of_their_targets():
    dice = torch.Generator().manual_seed(3)
    first = 0.1 * torch.randn(3, 2, 6000, generator=dice)
    case = songs._case("song", first, first, 2, np.random.default_rng(0))
    assert len(case.trials) == len(case.others) == 2
    for trial in (*case.trials, *case.others):
        assert torch.allclose(songs.levelled(trial.reference[None])[0], trial.target, atol=1e-5)
    knobs = [t.knobs.tracks for t in (*case.trials, *case.others)]
    assert not any(torch.equal(a, b) for i, a in enumerate(knobs) for b in knobs[:i])


def test_songs_to_judge_on_are_neither_those_looked_at_nor_any_of_training():
    builtin = songs.BUILTIN["seed"]
    assert builtin != songs.TRAINED_ON.get("seed", 0), "training composes with seed 0"
    assert all(content.startswith("midi/planetblupi") for content in songs.LOOKED_AT)


def test_calls_that_cannot_be_are_refused(tmp_path, capsys):
    assert main(["--songs", "2", "-o", str(tmp_path)]) == 2
    assert "--songs" in capsys.readouterr().err
    assert main(["--parts", "words", "--model", "nothing", "-o", str(tmp_path)]) == 2
    assert "no checkpoint 'nothing'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_missing_checkpoint_is_named_before_the_known_truth_is_learnt(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("eval.known_truth_rows.rows", lambda *_: pytest.fail("learnt for minutes"))
    assert main(["--model", "nothing", "-o", str(tmp_path)]) == 2
    assert "nothing" in capsys.readouterr().err


def test_the_energy_score_is_least_for_the_true_distribution():
    dice = torch.Generator().manual_seed(0)
    truths = torch.randn(300, 5, generator=dice)

    def score(spread, shift):
        samples = shift + spread * torch.randn(300, 40, 5, generator=dice)
        return float(
            torch.stack([mixgen_finished.energy(s, t) for s, t in zip(samples, truths, strict=True)]).mean()
        )

    right = score(1, 0)
    assert right < min(score(0.5, 0), score(2, 0), score(1, 0.7))
    # In closed form for one number: E|x - y| - E|x - x'| / 2 = 1 / sqrt(pi) for standard normals.
    one = torch.stack([mixgen_finished.energy(torch.randn(40, 1, generator=dice), t[:1]) for t in truths])
    assert abs(float(one.mean()) - 3.141592653589793**-0.5) < 0.06


def test_a_generator_is_asked_with_its_own_ears(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRS_CACHE", str(tmp_path))
    ears = EffectEncoder(embedding_dim=16, width=8, hidden=16, bands=32).half()
    loaded = hub.load(mixgen_finished.named(ears))
    for name, value in ears.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.to(loaded.state_dict()[name])), name


def test_what_is_told_of_finished_music_are_gains_width_fader_and_switches():
    console = standard_console()
    knobs = console.neutral(2, 1)
    assert mixgen_finished.told(knobs).shape == (2, 6 + 1 + 1 + 3)
