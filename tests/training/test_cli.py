"""The recipe verbs over lightning's own toy model: runs are never lost, names are never imported unseen."""

import sys
from pathlib import Path

import pytest
import yaml

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
