"""The recipe `effect` as it is shipped, for two steps on a tiny folder: trains, exports, resumes, repeats."""

import csv
import json
import math
from pathlib import Path

import pytest
import torch

from reprs.audio import files
from reprs.cli import main
from reprs.models import hub

CONFIG = Path(__file__).parents[2] / "configs" / "effect.yaml"
RATE = 44_100


@pytest.fixture(scope="module")
def music(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    generator = torch.Generator().manual_seed(0)
    time_s = torch.arange(2 * RATE) / RATE
    for i in range(6):
        tone = torch.sin(2 * torch.pi * 110 * (i + 1) * time_s) * (time_s * 4 % 1 < 0.5)
        x = 0.2 * tone + 0.05 * torch.randn(2, 2 * RATE, generator=generator)
        files.write(folder / f"piece-{i}.wav", x, RATE)
    return folder


def fit(run: Path, music: Path, steps: int, *more: str) -> int:
    corpus = json.dumps([{"corpus": "folder", "options": {"path": str(music)}}])
    options = {
        "data.corpora": corpus,
        "data.weights": "{}",
        "data.segment_s": "0.5",
        "data.groups": "2",
        "data.validation_groups": "1",
        "data.validation_segments": "4",
        "data.decode_once": "false",
        "data.workers": "0",
        "model.preroll_s": "0.1",
        "model.width": "8",
        "model.hidden": "32",
        "model.embedding_dim": "16",
        "model.readings": "4",
        "model.motion": "true",
        "model.reading_chains": "4",
        "model.chains_per_group": "2",
        "model.replay": "1",
        "trainer.accelerator": "cpu",
        "trainer.max_steps": str(steps),
        "trainer.val_check_interval": "1",
        "trainer.log_every_n_steps": "1",
        "trainer.enable_progress_bar": "false",
        "trainer.enable_model_summary": "false",
        "trainer.default_root_dir": str(run),
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    loggers = [{"class_path": "pytorch_lightning.loggers.CSVLogger", "init_args": {"save_dir": str(run)}}]
    callbacks = [
        {
            "class_path": "pytorch_lightning.callbacks.ModelCheckpoint",
            "init_args": {"dirpath": str(run / "checkpoints"), "save_last": True},
        },
        {"class_path": "reprs.training.effect.ExportEncoder", "init_args": {"path": str(run / "effect")}},
    ]
    arguments += [f"--trainer.logger={json.dumps(loggers)}", f"--trainer.callbacks={json.dumps(callbacks)}"]
    return main(["fit", "-c", str(CONFIG), *arguments, *more])


def losses(run: Path, name: str = "train/loss") -> list[float]:
    path = max(run.rglob("metrics.csv"), key=lambda p: p.stat().st_mtime)
    return [float(row[name]) for row in csv.DictReader(path.open()) if row[name]]


@pytest.fixture(scope="module")
def trained(music, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("run")
    assert fit(run, music, 2) == 0
    return run


def test_it_exports_an_encoder_that_embeds_the_same_after_a_restart(trained):
    encoder = hub.load(trained / "effect.safetensors")
    x = torch.randn(2, RATE, generator=torch.Generator().manual_seed(1))
    e = encoder.embed(x, RATE)
    assert e.shape == (1, 16) and torch.equal(e, hub.load(trained / "effect").embed(x, RATE))
    curve = encoder.metadata["curve"]
    assert [point["step"] for point in curve] == [1, 2] and 0 <= curve[-1]["val/20-way"] <= 1
    assert curve[-1]["val/20-way-single"] >= 0
    assert encoder.metadata["recipe"] == "effect"
    assert encoder.metadata["hyperparameters"]["effects"][0]["effect"] == "highpass"


def test_the_same_seed_trains_the_same(trained, music, tmp_path):
    assert fit(tmp_path, music, 2) == 0
    assert losses(tmp_path) == pytest.approx(losses(trained), rel=1e-4)


def test_a_run_goes_on_where_it_stopped(music, tmp_path):
    assert fit(tmp_path, music, 1) == 0
    assert fit(tmp_path, music, 3, "--ckpt_path", "last") == 0
    curve = hub.load(tmp_path / "effect").metadata["curve"]
    assert [point["step"] for point in curve] == [1, 2, 3]


def test_what_was_rendered_once_is_learned_from_again(music, tmp_path, monkeypatch):
    from reprs.training import effect

    rendered = []
    look = effect.EffectRecipe._look
    monkeypatch.setattr(effect, "VARIETY", 1)
    monkeypatch.setattr(effect.EffectRecipe, "_look", lambda self, v: rendered.append(v) or look(self, v))
    assert fit(tmp_path, music, 5, "--model.replay=4", "--model.replay_groups=8") == 0
    assert len(rendered) == 2 and len(losses(tmp_path)) == 5


def test_training_can_start_from_weights_and_normalise(trained, music, tmp_path):
    start = str(trained / "effect.safetensors")
    assert fit(tmp_path, music, 1, f"--model.start_from={start}", "--model.normalise=true") == 0
    assert losses(tmp_path)[0] > 0


def moved(before: Path, after: Path) -> set[str]:
    """The modules whose weights differ."""
    one, other = (hub.load(path).state_dict() for path in (before, after))
    return {name.split(".")[0] for name in one if not torch.allclose(one[name], other[name], atol=1e-6)}


def test_readings_alone_teach_their_own_networks(trained, music, tmp_path):
    start = trained / "effect.safetensors"
    assert fit(tmp_path, music, 2, f"--model.start_from={start}", "--model.search_weight=0") == 0
    assert moved(start, tmp_path / "effect") == {"mel_net", "comb_net", "motion_net", "read"}


def test_single_effects_are_told_from_their_own_group_alone(music, tmp_path):
    """At a high temperature all candidates are alike: the loss is the logarithm of their number."""
    single = ["--model.single_share=1", "--model.single_weight=1", "--model.single_temperature=1000"]
    assert fit(tmp_path, music, 1, *single, "--model.chains_per_group=3") == 0
    assert losses(tmp_path, "train/nt_xent") == pytest.approx([math.log(2 * 3 - 1)], abs=0.01)


def test_search_alone_leaves_the_readings_as_they_are(trained, music, tmp_path):
    start = trained / "effect.safetensors"
    assert fit(tmp_path, music, 2, f"--model.start_from={start}", "--model.reading_weight=0") == 0
    assert not moved(start, tmp_path / "effect") & {"mel_net", "comb_net", "read"}


def test_nothing_to_learn_is_one_line(music, tmp_path, capsys):
    assert fit(tmp_path, music, 1, "--model.search_weight=0", "--model.reading_weight=0") == 2
    assert "nothing to learn" in capsys.readouterr().err


def test_frozen_networks_stay_and_are_remembered_beyond_the_run(trained, music, tmp_path):
    start = trained / "effect.safetensors"
    options = [
        f"--model.start_from={start}",
        "--model.frozen=[mel, comb]",
        f"--model.memory={tmp_path / 'kept'}",
    ]
    options += ["--model.replay=2", "--model.search_groups=3", "--model.dropout=0.2"]
    assert fit(tmp_path / "one", music, 2, *options) == 0
    learnt = {"spectrum_net", "echo_net", "dynamics_net", "motion_net", "join", "project", "read"}
    assert moved(start, tmp_path / "one" / "effect") == learnt
    files = set((tmp_path / "kept" / "0").iterdir())
    assert fit(tmp_path / "other", music, 1, *options) == 0
    assert files and files < set((tmp_path / "kept" / "0").iterdir())


def test_all_networks_may_be_frozen(trained, music, tmp_path):
    start = trained / "effect.safetensors"
    every = "--model.frozen=[mel, spectrum, echo, dynamics, comb]"
    assert fit(tmp_path, music, 2, f"--model.start_from={start}", every) == 0
    assert moved(start, tmp_path / "effect") == {"motion_net", "join", "project", "read"}


def test_a_checkpoint_without_motion_may_start_one_with_it(music, tmp_path):
    assert fit(tmp_path / "without", music, 1, "--model.motion=false") == 0
    start = tmp_path / "without" / "effect.safetensors"
    every = "--model.frozen=[mel, spectrum, echo, dynamics, comb]"
    rate = "--model.learning_rate=0"
    assert fit(tmp_path / "with", music, 1, f"--model.start_from={start}", every, rate) == 0
    one, other = (hub.load(path).state_dict() for path in (start, tmp_path / "with" / "effect"))
    assert {name.split(".")[0] for name in set(other) - set(one)} == {"motion_net"}
    for name, weight in one.items():
        kept = other[name][:, : weight.shape[1]] if weight.ndim == 2 else other[name]
        assert torch.equal(kept, weight), name


def test_an_unknown_network_to_freeze_is_one_line(music, tmp_path, capsys):
    assert fit(tmp_path, music, 1, "--model.frozen=[ears]") != 0
    assert "no network is called ['ears']" in capsys.readouterr().err.splitlines()[-1]


def test_a_start_of_other_sizes_is_one_line(trained, music, tmp_path, capsys):
    start = trained / "effect.safetensors"
    assert fit(tmp_path, music, 1, f"--model.start_from={start}", "--model.hidden=64") != 0
    assert "start_from is a checkpoint of" in capsys.readouterr().err.splitlines()[-1]


def test_an_unknown_corpus_is_one_line(music, tmp_path, capsys):
    assert fit(tmp_path, music, 1, '--data.corpora=[{"corpus": "vinyl"}]') == 2
    assert "no corpus is called ['vinyl']" in capsys.readouterr().err.splitlines()[-1]
