"""Figures of text retrieval against brute force, simulation and rows whose figures are known."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from eval import text_retrieval, text_rows, text_tasks
from reprs.corpora.general_midi import FAMILIES
from reprs.corpora.named import NamedItem

LABELS = ["kick", "snare", "flute", "violin", "tuba", "gong"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRS_CACHE", str(tmp_path / "cache"))


def items(count=3, source="font", families=("Piano", "Pipe", "Brass")):
    return [
        NamedItem(
            path=Path(f"/{source}/{label}/{take}.flac"),
            content=f"{source}/{label}",
            source=source,
            family=families[i % len(families)],
            label=label,
        )
        for i, label in enumerate(LABELS)
        for take in range(count)
    ]


def test_the_rank_of_the_first_match_is_that_of_a_slow_definition():
    rng = np.random.default_rng(0)
    # Few levels make many ties; the slow definition breaks them by lot, again and again.
    scores = rng.integers(0, 4, (20, 12)).astype(float)
    matches = rng.random((20, 12)) < 0.3
    matches[:, 0] = True
    drawn = []
    for _ in range(4_000):
        order = np.argsort(-(scores + 0.5 * rng.random(scores.shape)), axis=1)
        drawn.append(np.argmax(np.take_along_axis(matches, order, axis=1), axis=1) + 1)
    slow = np.mean(drawn, axis=0)
    assert text_tasks.first_match_ranks(scores, matches) == pytest.approx(slow, abs=0.15)
    exact = rng.permuted(np.tile(np.arange(12.0), (20, 1)), axis=1)
    place = (-exact).argsort(axis=1)
    expected = [next(r for r, i in enumerate(row, 1) if m[i]) for row, m in zip(place, matches, strict=True)]
    assert text_tasks.first_match_ranks(exact, matches).tolist() == expected


def test_chance_is_what_random_orders_give():
    matches = np.zeros((3, 15), bool)
    matches[0, :1] = matches[1, :3] = matches[2, :6] = True
    rng = np.random.default_rng(1)
    ranks = np.array([text_tasks.first_match_ranks(rng.random((3, 15)), matches) for _ in range(20_000)])
    chance = text_tasks.chance_values(matches)
    for k in (1, 5, 10):
        assert chance[f"R@{k}"] == pytest.approx((ranks <= k).mean(axis=0), abs=0.02)
    assert chance["first match"] == pytest.approx(ranks.mean(axis=0), abs=0.1)


def test_galleries_hold_the_takes_asked_for_and_depend_on_the_seed_alone():
    several = items(5) + items(2, "other")
    first = text_tasks.make_galleries(several, 3, 0)
    assert [g.source for g in first] == ["font", "other"]
    assert [len(g.items) for g in first] == [18, 12]
    assert text_tasks.make_galleries(several[::-1], 3, 0) == first
    assert text_tasks.make_galleries(several, 3, 1) != first
    # Two contents of one name both take part before either has a second take.
    double = [NamedItem(i.path.with_suffix(".wav"), f"{i.content}2", "font", label=i.label) for i in items(5)]
    (mixed,) = text_tasks.make_galleries(items(5) + double, 2, 0)
    assert all(len({mixed.items[2 * i].content, mixed.items[2 * i + 1].content}) == 2 for i in range(6))


def test_every_family_has_the_same_say():
    groups = ["Guitar"] * 98 + ["Bass"] * 2
    right = np.array([1.0] * 98 + [0.0] * 2)
    assert (right * text_tasks.balance(groups)).mean() == pytest.approx(0.5)
    assert text_tasks.balance(groups).mean() == pytest.approx(1)


class Knows:
    """A row that hears the label of an item; `blur` mixes in noise, `constant` hears nothing."""

    def __init__(self, name, constant=False):
        self.name, self.constant = name, constant

    def embed(self, items):
        return np.stack([self._of(f"{item.label} {item.family}") for item in items])

    def embed_text(self, texts):
        return np.stack([self._of(text) for text in texts])

    def _of(self, text):
        if self.constant:
            return np.ones(16)
        words = [*LABELS, *(f.lower() for f in FAMILIES)]
        return np.array([float(word in text.lower()) for word in words])


def test_a_row_that_knows_scores_all_and_one_that_does_not_scores_chance():
    result = text_retrieval.compare([Knows("knows"), Knows("deaf", True)], {"soundfonts": items()}, 3, 0)
    knows, deaf, chance = (result["rows"][name]["soundfonts"] for name in ("knows", "deaf", "chance"))
    for figure in ("family", "name", "R@1", "R@5", "R@10", "first match"):
        assert knows[figure] == (1.0, 1.0, 1.0)
    assert chance["family"][0] == pytest.approx(1 / 16) and chance["name"][0] == pytest.approx(
        1 / 6, abs=1e-4
    )
    assert deaf["family"][0] == pytest.approx(1 / 16) and deaf["name"][0] == pytest.approx(1 / 6, abs=1e-4)
    assert deaf["first match"][0] == pytest.approx(chance["first match"][0], abs=1e-3)
    assert result["rows"]["knows"]["font"] == knows
    assert result["galleries"] == {"font": {"names": 6, "clips": 18}}


class Tower:
    """Six texts, six directions."""

    def encode(self, texts):
        rows = [[float(label in text) for label in LABELS] for text in texts]
        return torch.tensor(rows) + 0.3


def sounds(folder, takes):
    """Each label its own band of noise, so that MFCCs tell them apart."""
    rng = np.random.default_rng(3)
    made = []
    for i, label in enumerate(LABELS):
        for take in range(takes):
            t = np.arange(22_050) / 44_100
            x = np.sin(2 * np.pi * 200 * 2**i * t + rng.random()) + 0.02 * rng.standard_normal(len(t))
            path = folder / f"{label}{take}.flac"
            soundfile.write(path, 0.3 * x, 44_100)
            made.append(NamedItem(path, f"{label}{take}", "sounds", label=label, family="Pipe"))
    return made


def test_the_ridge_row_learns_names_from_mfccs_and_remembers_them(tmp_path, monkeypatch):
    made = sounds(tmp_path, 6)
    row = text_rows.RidgeRow([i for i in made if i.path.stem[-1] != "0"], Tower())
    heldout = [i for i in made if i.path.stem[-1] == "0"]
    scores = row.embed(heldout) @ row.embed_text(LABELS).T
    assert scores.argmax(axis=1).tolist() == list(range(6))
    monkeypatch.setattr(text_rows, "clip", None)  # a second time nothing is read
    assert np.array_equal(row.embed(heldout) @ row.embed_text(LABELS).T, scores)


def test_clips_have_one_level_and_two_channels(tmp_path):
    for i, (seconds, channels) in enumerate([(0.03, 1), (0.5, 2), (9.0, 1)]):
        path = tmp_path / f"{i}.wav"
        x = 0.5 * np.random.default_rng(i).standard_normal((round(44_100 * seconds), channels))
        soundfile.write(path, x.clip(-1, 1), 44_100)
        y = text_rows.clip(NamedItem(path, "a", "b"))
        assert y.shape == (2, min(max(round(44_100 * seconds), 4_410), 3 * 44_100))
        assert 20 * torch.log10(y.square().mean().sqrt()) == pytest.approx(-20, abs=0.01)


def test_soundfonts_that_share_samples_with_training_are_refused(capsys):
    for call in (["--soundfonts", "fluid-soundfont-gs"], ["--packs", "lmms-common"], ["--takes", "0"]):
        assert text_retrieval.main(["--model", "--no-baselines", *call]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert text_retrieval.main(["--model", "effect"]) == 2
    assert "does not read text" in capsys.readouterr().err


def test_the_result_is_printed_plotted_and_written(tmp_path, monkeypatch, capsys):
    result = text_retrieval.compare(
        [Knows("knows")], {"soundfonts": items(), "sample packs": items(1, "x")}, 3, 0
    )
    monkeypatch.setattr(text_retrieval, "judge", lambda options: dict(result))
    assert text_retrieval.main(["-o", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "knows" in out and "chance" in out and str(tmp_path / "text_retrieval.json") in out
    assert (tmp_path / "text_retrieval.png").stat().st_size > 5_000
