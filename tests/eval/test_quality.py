"""The quality task: its figures against SciPy, planted models, the plan, and a user's listening test."""

import csv
import json
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from eval import quality, quality_heads
from eval.quality_clips import CutClips
from eval.quality_labels import read_labels
from eval.quality_plan import judged_cuts, ladder_cuts, speech_cuts
from eval.quality_scores import in_order, mapped, over_contents, pearson, spearman
from eval.quality_tasks import distance_figures, ladder_figures, scores_of, teacher_row
from reprs.audio import files
from reprs.corpora.item import Item
from reprs.models import hub
from reprs.models.quality import QualityModel
from reprs.views.degradations import UNSEEN, kinds, seen_kinds
from reprs.views.degraded import Cut, Fault

RATE = 44_100


@pytest.fixture(scope="module")
def items(tmp_path_factory) -> list[Item]:
    folder = tmp_path_factory.mktemp("music")
    generator = torch.Generator().manual_seed(0)
    for i in range(8):
        files.write(folder / f"{i}.wav", 0.1 * torch.randn(2, 6 * RATE, generator=generator), RATE)
    return [Item(folder / f"{i}.wav", f"piece {i}", "made", duration_s=6.0) for i in range(8)]


@pytest.fixture(scope="module")
def clips(items, tmp_path_factory) -> CutClips:
    """Eight pieces with two seen kinds and an unseen one; the scores fall with strength."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRS_CACHE", str(tmp_path_factory.mktemp("cache")))
        names = ("noise", "clipping", "quantisation")
        renders = tuple((Fault(kind, u),) for kind in names for u in (0.3, 0.9))
        cuts = [Cut(str(i.path), i.content, (0.2,), renders, 5, 0) for i in items]
        found = CutClips(cuts, False, "")
        found.scores = np.array([4.7 if not f else 4.5 - 2 * f[0].strength for f in found.faults])
        yield found


class Planted:
    """A row that knows a number of every clip."""

    kinds = ()

    def __init__(self, values: np.ndarray) -> None:
        self.values = np.asarray(values, float).reshape(len(values), -1)

    def of(self, clips: CutClips, monkeypatch) -> "Planted":
        monkeypatch.setattr(clips, "embeddings", lambda row, most=None: row.values)
        return self


def test_correlations_are_those_of_scipy():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 9, 60).astype(float)
    y = x + 3 * rng.standard_normal(60)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)
    slope, intercept = np.polyfit(x, y, 1)
    np.testing.assert_allclose(mapped(x, y), slope * x + intercept, atol=1e-9)
    assert spearman(np.ones(5), np.arange(5.0)) == 0


def test_the_interval_comes_from_contents_not_from_clips():
    rng = np.random.default_rng(1)
    x, noise = rng.standard_normal(40), rng.standard_normal(40)
    y = x + noise
    mean, low, high = over_contents(spearman, x, y, [str(i) for i in range(40)])
    _, low_few, high_few = over_contents(
        spearman, np.tile(x, 4), np.tile(y, 4), [str(i) for i in range(40)] * 4
    )
    assert low < mean < high and (high_few - low_few) == pytest.approx(high - low, rel=0.35)


@pytest.mark.parametrize(
    ("scores", "share"), [([4, 3, 2, 1], 1.0), ([1, 2, 3], 0.0), ([3, 3, 3], 0.5), ([4, 2, 3], 2 / 3)]
)
def test_pairs_in_order_by_hand(scores, share):
    assert in_order(np.array(scores, float)) == pytest.approx(share)


def test_the_clips_are_those_of_the_cuts(clips):
    assert len(clips) == 8 * 7 and clips[0].shape == (2, 4 * RATE)
    assert clips.clean[:9].tolist() == [0] * 7 + [7] * 2
    assert len(clips.of_kinds(["noise"])) == 16 and len(clips.of_kinds(UNSEEN)) == 16
    assert teacher_row(clips)["pairs in order, seen kinds"][0] == 1.0


def test_a_planted_teacher_is_right_and_a_constant_is_at_chance(clips, monkeypatch):
    knows = Planted(clips.scores).of(clips, monkeypatch)
    found = scores_of(knows, clips, clips)
    assert pearson(found, clips.scores) > 0.999
    on_ladders = ladder_figures(knows, clips, clips)
    assert on_ladders["pairs in order, seen kinds"][0] == 1
    ladder = [i for i, f in enumerate(clips.faults) if not f or f[0].kind == "quantisation"]
    agreement = stats.spearmanr(found[ladder], clips.scores[ladder]).statistic
    assert agreement > 0.9
    assert on_ladders["SRCC, ladders of unseen kinds"][0] == pytest.approx(agreement, abs=1e-9)
    constant = ladder_figures(Planted(np.ones(len(clips))), clips, clips)
    assert (
        constant["pairs in order, seen kinds"][0] == 0.5 and constant["SRCC, ladders of seen kinds"][0] == 0
    )


def test_ladders_without_a_teacher_are_judged_by_their_order_alone(clips, monkeypatch):
    knows = Planted(clips.scores).of(clips, monkeypatch)
    unasked = copy(clips)
    unasked.scores = np.full(len(clips), np.nan, np.float32)
    figures = ladder_figures(knows, clips, unasked)
    assert figures["pairs in order, seen kinds"][0] == 1 and not any(
        "SRCC, ladders" in name for name in figures
    )


def test_a_row_that_only_knows_the_piece_scores_nothing(clips, monkeypatch):
    """Its one-hot of the content says nothing of a piece that the ridge has not met."""
    content = Planted(np.eye(8)[clips.cut_of]).of(clips, monkeypatch)
    chosen = clips.of_kinds(seen_kinds())
    assert abs(spearman(scores_of(content, clips, clips)[chosen], clips.scores[chosen])) < 0.3


def test_distance_to_the_clean_clip_ranks(clips, monkeypatch):
    far = Planted(np.array([[c, 4.7 - s] for c, s in zip(clips.cut_of, clips.scores, strict=True)]))
    figures = distance_figures(far.of(clips, monkeypatch), clips)
    assert figures["SRCC with reference, seen kinds"][0] == pytest.approx(1)


def test_the_plan_is_balanced_and_its_sets_apart(items):
    cuts = judged_cuts(items, 5, 0)
    assert cuts == judged_cuts(items, 5, 0) != judged_cuts(items, 5, 1)
    assert all(sum(r[0].kind in UNSEEN for r in cut.renders) == 2 for cut in cuts)
    ladders = ladder_cuts(items, 3, 0, cuts)
    assert not {c.content for c in ladders} & {c.content for c in cuts}
    assert all({r[0].kind for r in cut.renders} == set(kinds) for cut in ladders)
    assert not {r[0].kind for cut in speech_cuts(items, 4, 0) for r in cut.renders} & set(UNSEEN)


def test_no_speech_is_no_cuts_and_no_music_is_an_error(items):
    short = [replace(item, duration_s=2.0) for item in items]
    assert speech_cuts([], 4, 0) == speech_cuts(short, 4, 0) == []
    with pytest.raises(ValueError, match="none of 8 recordings is longer than"):
        judged_cuts(short, 5, 0)
    cuts = judged_cuts(items[:1], 2, 0)
    assert {cut.content for cut in ladder_cuts([*items[:1], *short[1:]], 2, 0, cuts)} == {"piece 0"}


def test_a_listening_test_is_judged_and_bad_rows_are_named(items, tmp_path, capsys):
    rows = [
        {"path": str(item.path), "mos": 1 + i / 2, "reference": str(items[0].path)}
        for i, item in enumerate(items)
    ]
    rows += [{"path": "gone.wav", "mos": 3, "reference": ""}, {"path": str(items[0].path), "mos": "good"}]
    table = tmp_path / "labels.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "mos", "reference"])
        writer.writeheader()
        writer.writerows(rows)
    assert quality.main(["--labels", str(table), "-o", str(tmp_path / "out")]) == 1
    _, err = capsys.readouterr()
    assert "gone.wav: no such file" in err and "line 11: mos is a number, not 'good'" in err
    result = json.loads((tmp_path / "out" / "quality.json").read_text())
    figures = result["rows"]["quality"]
    assert result["sizes"]["files"] == 8 and len(figures["SRCC"]) == 3 and figures["RMSE"] > 0
    assert {"PCC", "SRCC"} <= set(result["rows"]["MFCC statistics"])


def test_a_csv_without_the_columns_is_refused(tmp_path, capsys):
    table = tmp_path / "labels.csv"
    table.write_text("file,score\na.wav,3\n")
    assert quality.main(["--labels", str(table)]) == 2
    assert "needs the columns path and mos" in capsys.readouterr().err
    table.write_text("path,mos\na.wav,3\n")
    assert read_labels(table)[0][0].path == tmp_path / "a.wav"


def test_a_head_keeps_what_it_says_at_half_precision(tmp_path, capsys):
    torch.manual_seed(0)
    model = QualityModel(["noise", "hum"], ["own"]).eval()
    model.scale.copy_(torch.linspace(4.60, 4.63, len(model.scale)))  # steps that half precision has not
    hub.save(model, tmp_path / "tuned", {"recipe": "quality", "effect": "x"})
    kept = hub.load(quality_heads.keep(tmp_path / "tuned", tmp_path / "heads"))
    assert torch.equal(kept.scale, model.scale) and kept.metadata["recipe"] == "quality"
    sizes = [(folder / "tuned.safetensors").stat().st_size for folder in (tmp_path, tmp_path / "heads")]
    assert sizes[1] < 0.55 * sizes[0]
    x = 0.1 * torch.randn(3, 2, RATE)
    said, whole = kept(x), model(x)
    torch.testing.assert_close(said.logit, whole.logit, atol=5e-3, rtol=0)
    torch.testing.assert_close(said.embedding, whole.embedding, atol=5e-3, rtol=0)
    assert quality_heads.main([str(tmp_path / "nothing")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_heads_on_effect_come_with_the_code_and_judge():
    rows = quality_heads.head_rows()
    assert [row.name.partition(" (")[0] for row in rows] == list(quality_heads.NAMES.values())
    for row, name in zip(rows, quality_heads.NAMES, strict=True):
        assert (quality_heads.FOLDER / f"{name}.safetensors").stat().st_size <= 16 * 2**20
        said = row.embed(0.1 * torch.randn(2, 2, RATE), RATE)
        assert said.shape == (2, 1 + len(row.kinds) + row.model.embedding_dim) and said.isfinite().all()
        assert not row.model.members[0].ear.encoder.training
