"""The recipe verbs over lightning's own toy model: runs are never lost, names are never imported unseen."""

import sys
from pathlib import Path

import pytest
import torch
import yaml
from torch._utils import ExceptionWrapper

from reprs.corpora.segments import SegmentDataset

BORING = "pytorch_lightning.demos.boring_classes"


@pytest.fixture()
def config(tmp_path):
    """A run with fixed folders, as a recipe has them: two steps, a CSV log and checkpoints."""
    path = tmp_path / "toy.yaml"
    trainer = {
        "max_steps": 2,
        "accelerator": "cpu",
        "log_every_n_steps": 1,
        "num_sanity_val_steps": 0,
        "limit_val_batches": 1,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": str(tmp_path / "run"),
        "logger": [
            {
                "class_path": "pytorch_lightning.loggers.CSVLogger",
                "init_args": {"save_dir": str(tmp_path / "run"), "name": "", "version": ""},
            }
        ],
        "callbacks": [
            {
                "class_path": "pytorch_lightning.callbacks.ModelCheckpoint",
                "init_args": {"dirpath": str(tmp_path / "run" / "checkpoints"), "save_last": True},
            },
            {"class_path": "pytorch_lightning.callbacks.LearningRateMonitor"},
        ],
    }
    settings = {
        "seed_everything": 1,
        "model": {"class_path": f"{BORING}.BoringModel"},
        "data": {"class_path": f"{BORING}.BoringDataModule"},
        "trainer": trainer,
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_run_is_refused_its_folder_unless_it_resumes_or_is_forced(shell, config, tmp_path):
    run = tmp_path / "run"
    assert shell("fit", "-c", config)[0] == 0
    assert (run / "checkpoints" / "last.ckpt").exists()
    assert yaml.safe_load((run / "config.yaml").read_text())["trainer"]["max_steps"] == 2

    before = contents(run)
    code, _, err = shell("fit", "-c", config)
    assert code == 2 and "--ckpt_path last" in err.splitlines()[-1]
    assert contents(run) == before

    assert shell("fit", "-c", config, "--ckpt_path", "last", "--trainer.max_steps", 4)[0] == 0
    for name in ("config.yaml", "metrics.csv"):
        assert (run / name.replace(".", "-1.")).read_bytes() == before[Path(name)]
    assert yaml.safe_load((run / "config.yaml").read_text())["trainer"]["max_steps"] == 4
    assert (run / "metrics-1.csv").exists() == (run.joinpath("metrics.csv").relative_to(run) in before)

    resumed = contents(run)
    last = run / "checkpoints" / "last.ckpt"
    assert shell("validate", "-c", config, "--ckpt_path", last)[0] == 0
    assert set(resumed.values()) <= set(contents(run).values())
    assert shell("fit", "-c", config, "--force")[0] == 0


def test_a_missing_checkpoint_leaves_no_trace(shell, config, tmp_path):
    code, _, err = shell("fit", "-c", config, "--ckpt_path", tmp_path / "gone.ckpt")
    assert code == 2 and "no checkpoint" in err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


class _Sabotage:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("verb", ["fit", "validate", "test", "predict"])
def test_a_checkpoint_is_a_local_file_of_a_training_and_runs_nothing(shell, config, tmp_path, verb):
    mark, text, evil = (tmp_path / name for name in ("mark", "text.ckpt", "evil.ckpt"))
    text.write_text("no checkpoint at all")
    torch.save({"state_dict": {}, "loops": _Sabotage(mark)}, evil)
    for path, reason in (
        (text, "is no checkpoint of a training"),
        (evil, "holds more than a training's state"),
        (tmp_path / "gone", "no checkpoint"),
        ("https://example.com/a.ckpt", "no checkpoint https://example.com/a.ckpt"),
        ("s3://bucket/a", "no checkpoint s3://bucket/a"),
    ):
        code, _, err = shell(verb, "-c", config, "--ckpt_path", path)
        assert code == 2 and reason in err.splitlines()[-1], err
    assert not mark.exists()


@pytest.mark.parametrize("in_a_worker", [False, True])
def test_a_corpus_of_which_nothing_is_usable_ends_in_one_line(
    shell, config, tmp_path, monkeypatch, in_a_worker
):
    def draw(self, index):
        try:
            return found(self, index)
        except RuntimeError:  # what a DataLoader does to an error of one of its processes
            ExceptionWrapper(where="in DataLoader worker process 0").reraise()

    found = SegmentDataset.__getitem__
    if in_a_worker:
        monkeypatch.setattr(SegmentDataset, "__getitem__", draw)
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "text.wav").write_text("no audio")
    settings = yaml.safe_load(config.read_text())
    settings["data"] = {
        "class_path": "reprs.training.data.SegmentData",
        "init_args": {
            "corpora": [{"corpus": "folder", "options": {"path": str(tmp_path / "music")}}],
            "workers": 0,
        },
    }
    config.write_text(yaml.safe_dump(settings))
    code, _, err = shell("fit", "-c", config)
    assert code == 2 and err.splitlines()[-1].startswith("reprs fit: no usable segment of"), err


@pytest.mark.parametrize(
    "option",
    [
        ("--model", "sabotage.Model"),
        ("--model.class_path", "sabotage.Model"),
        ("--data", "sabotage.Model"),
        ("--trainer.callbacks+=sabotage.Model",),
        ("--trainer.logger", "sabotage.Model"),
        ("--trainer.strategy", "sabotage.Model"),
        ("--model", "pytorch_lightning.cli.os.system"),
    ],
)
def test_a_config_cannot_import_what_it_likes(shell, config, tmp_path, monkeypatch, option):
    (tmp_path / "sabotage.py").write_text("raise SystemError('was imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    code, _, err = shell("fit", "-c", config, *option)
    assert code == 2 and len(err.strip().splitlines()) == 1
    assert (
        "may not name" in err or option[0] == "--trainer.strategy"
    )  # lightning knows its strategies by name
    assert "sabotage" not in sys.modules and not (tmp_path / "run").exists()


def test_the_same_from_the_file(shell, config, tmp_path):
    for key in ("model", "data"):
        settings = yaml.safe_load(config.read_text())
        settings[key]["class_path"] = "subprocess.Popen"
        bad = tmp_path / "bad.yaml"
        bad.write_text(yaml.safe_dump(settings))
        code, _, err = shell("fit", "-c", bad)
        assert code == 2 and "may not name subprocess.Popen" in err


def test_wrong_calls_are_one_line(shell, config, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("model: [")
    prose = tmp_path / "prose.yaml"
    prose.write_text("no recipe at all\n" * 99)
    for args, expected in (
        (("-c", tmp_path / "gone.yaml"), "does not exist"),
        (("-c", broken), "parsing"),
        (("-c", config, "--trainer.flub", 3), "--trainer.flub"),
        (("-c", config, "--trainer.max_steps", "many"), "max_steps"),
        (("-c", prose), "holds no options"),
        ((), "name a recipe with -c"),
    ):
        code, _, err = shell("fit", *args)
        assert code == 2 and len(err.strip().splitlines()) == 1 and expected in err, err
