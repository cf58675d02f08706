"""The recipe `quality` on a tiny folder, with a teacher that is a formula: trains, exports, is loaded."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from reprs.audio import files
from reprs.cli import main
from reprs.models import hub
from reprs.models.fault_view import BANDS
from reprs.models.quality import POINTS, Verdict
from reprs.training import ladders
from reprs.training.ladders import Ladders
from reprs.training.quality import FARTHEST, QualityRecipe, bent, cropped, departure, in_turn
from reprs.views.degradations import training_kinds

CONFIG = Path(__file__).parents[2] / "configs" / "quality.yaml"
RATE = 44_100


@pytest.mark.parametrize(
    ("hearing", "weights", "added_cuts"),
    [("[statistics, own, own]", "[2, 1, 1]", 2), ("[effect]", "null", 0)],
)
def test_it_trains_and_the_checkpoint_judges(tmp_path, monkeypatch, hearing, weights, added_cuts):
    monkeypatch.setenv("REPRS_CACHE", str(tmp_path / "cache"))
    said = {"band_scores": lambda a, clips, rate: 1 - np.abs(clips - a).mean((1, 2))[:, None].repeat(32, 1)}
    said["score"] = lambda bands: 4.7 * float(bands.mean())
    for name, function in said.items():
        monkeypatch.setattr(ladders, name, function)
    generator = torch.Generator().manual_seed(0)
    for i in range(4):
        files.write(
            tmp_path / "music" / f"{i}.wav", 0.1 * torch.randn(2, 6 * RATE, generator=generator), RATE
        )
    corpora = json.dumps([{"corpus": "folder", "options": {"path": str(tmp_path / "music")}}])
    run = tmp_path / "run"
    export = {
        "class_path": "reprs.training.export.ExportEncoder",
        "init_args": {"path": str(run / "quality")},
    }
    options = {
        "model.hearing": hearing, "model.weights": weights, "data.corpora": corpora, "data.cuts": 4,
        "data.added": corpora, "data.added_cuts": added_cuts, "data.cuts_per_batch": 2,
        "trainer.max_steps": 2, "trainer.val_check_interval": 1,
        "trainer.default_root_dir": run, "trainer.callbacks": json.dumps([export]), "trainer.logger": "false",
        "trainer.enable_checkpointing": "false", "trainer.enable_progress_bar": "false",
    }  # fmt: skip
    assert main(["fit", "-c", str(CONFIG), *(f"--{k}={v}" for k, v in options.items())]) == 0
    model = hub.load(run / "quality")
    assert model.metadata["recipe"] == "quality" and "val/SRCC" in model.metadata["curve"][-1]
    assert 1 <= model.judge(0.1 * torch.randn(2, RATE), RATE).score <= 4.75


def test_augmentation_keeps_what_it_should():
    views = torch.randn(4, 2 * BANDS + 7, 40)
    assert cropped(views).shape[-1] in range(16, 41) and cropped(views[..., :1]).shape[-1] == 1
    changed = bent(views, torch.tensor([0, 0, 1, 1]), 4.0) - views
    assert not changed[:, BANDS:].any() and changed[:, :BANDS].any()
    # One bend a cut, the same at every frame.
    torch.testing.assert_close(changed[0], changed[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(changed[..., 0], changed[..., 9], atol=1e-5, rtol=0)


def test_the_distance_to_the_clean_clip_follows_the_share_that_was_lost():
    """Two cuts on a circle: the first is where it should be, the second stays at its clean clip."""
    shares = torch.tensor([0.8, 0.4, 0.0, 0.9, 0.45])
    cuts = torch.tensor([0, 0, 0, 1, 1])
    apart = FARTHEST * torch.tensor([0.0, 0.5, 1.0, 0.0, 0.0])
    angle = 2 * torch.asin(apart / 2)
    loss = departure(torch.stack([angle.cos(), angle.sin()], dim=1), shares, cuts)
    assert float(loss) == pytest.approx((FARTHEST * 0.5) ** 2 / 5, abs=1e-3)


def test_a_member_of_single_faults_learns_no_other_score():
    recipe = QualityRecipe(["statistics"], hidden=8, inner=4, embedding_dim=4)
    recipe.model.scale.copy_(torch.linspace(0, 1, POINTS))
    kinds = len(training_kinds())
    strengths = torch.zeros(4, kinds)
    strengths[1, 0] = strengths[2, 1] = strengths[3, 0] = strengths[3, 1] = 0.5
    logit = torch.tensor([0.0, 0.0, 2.0, -3.0])
    verdict = Verdict(logit, logit, torch.zeros(4, kinds), strengths, torch.eye(4))
    scores = torch.tensor([0.9, 0.75, 0.25, 0.6])
    batch = Ladders({}, scores, strengths, torch.zeros(4, dtype=torch.long), torch.tensor([[0, 1]]))
    errors = (1 / (1 + np.exp(-logit.numpy())) - scores.numpy()) ** 2
    found = [float(recipe.losses(verdict, batch, single)["score"]) for single in (True, False)]
    assert found == pytest.approx([errors[1:3].mean(), errors.mean()], abs=5e-3)


def test_members_with_one_ear_take_turns():
    hearing = ["statistics", "own", "own"]
    assert [in_turn(hearing, step) for step in range(3)] == [[0, 1], [0, 2], [0, 1]]
