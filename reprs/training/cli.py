"""`reprs fit | validate | test | predict`: LightningCLI, kept to names we know and to free folders."""

from __future__ import annotations

import logging
import pickle
import re
import sys
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import jsonargparse
import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback

from reprs.corpora.item import NothingUsable

# What a class_path in a config may name; importing anything else a file asks for would run its code.
CONFIG_NAMES = ["reprs", "pytorch_lightning", "torch.nn", "torch.optim", "torchmetrics"]
DESCRIPTION = (
    "Runs a recipe. Example: reprs fit -c configs/effect.yaml --trainer.max_steps 300. Resume with "
    "--ckpt_path last. Every line of a config is an option, --print_config shows them all; --force lets a "
    "new run write over an earlier one."
)
EXAMPLE = "runs/effect/checkpoints/last.ckpt"
OF_THE_RUN = ("last", "best", "hpc")
VERBS = ("fit", "validate", "test", "predict")


class RecipeParser(LightningArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        denied = re.search(r"Importing '([^']+)' is not allowed", message)
        if denied:
            message = f"a config may not name {denied[1]}, only what is in {', '.join(CONFIG_NAMES)}"
        if "Unexpected config" in message:
            message = "the config holds no options: a recipe is YAML such as configs/effect.yaml"
        if re.search(r"are required: \w+\.data, \w+\.model", message):
            message = "name a recipe with -c, such as -c configs/effect.yaml"
        prog = self.prog.replace(" [options]", "")
        self.exit(2, f"{prog}: {' '.join(message.split())[:600]} (options: {prog} --help)\n")


class RunFolderError(ValueError):
    """A run's folder is taken; the message is one line."""


class RecipeCLI(LightningCLI):
    """LightningCLI that never loses an earlier run: a new one may not have its folders, a resumed one may."""

    force = False

    def _parse_ckpt_path(self) -> None:
        """Leave the configuration as it was given: lightning would mix in a checkpoint's own."""

    def before_fit(self) -> None:
        ckpt_path = self._checkpoint()
        taken = [*self._log_files("metrics.csv"), *_checkpoints(self.trainer)]
        if taken and not ckpt_path and not self.force:
            raise RunFolderError(
                f"{taken[0].parent} holds an earlier run: go on with --ckpt_path last, "
                "choose other folders, or overwrite it with --force"
            )
        self._set_aside("config.yaml", "metrics.csv")

    def before_validate(self) -> None:
        self._checkpoint()
        self._set_aside("metrics.csv")

    before_test = before_predict = before_validate

    def _checkpoint(self) -> str | None:
        """What `--ckpt_path` names, the run's own or a local file: lightning unpickles what it fetches."""
        ckpt_path: str | None = self.config[self.config["subcommand"]]["ckpt_path"]
        if ckpt_path and ckpt_path not in OF_THE_RUN:
            if not Path(ckpt_path).is_file():
                raise RunFolderError(f"no checkpoint {ckpt_path} to go on from")
            if not zipfile.is_zipfile(ckpt_path):
                raise RunFolderError(f"{ckpt_path} is no checkpoint of a training, such as {EXAMPLE}")
        return ckpt_path

    def _log_files(self, *names: str) -> list[Path]:
        folder = Path(self.trainer.log_dir or ".")
        return [folder / name for name in names if (folder / name).exists()]

    def _set_aside(self, *names: str) -> None:
        """Keep what an earlier run wrote under numbered names: lightning would write over it."""
        if self.trainer.is_global_zero:
            for path in self._log_files(*names):
                path.rename(_free_name(path))


class SaveConfigOnce(SaveConfigCallback):
    """Writes the whole configuration of a training into its folder, which `RecipeCLI` has seen to be free."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            super().setup(trainer, pl_module, stage)


def main(args: Sequence[str]) -> int:
    """Run one verb, `args` as on the command line ("fit", "-c", …); 0, or 2 for an unusable call."""
    # An allowlist alone only lifts entries of the denylist.
    jsonargparse.set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=CONFIG_NAMES)
    _quieten()
    RecipeCLI.force = "--force" in args
    try:
        RecipeCLI(
            pl.LightningModule,
            pl.LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            save_config_callback=SaveConfigOnce,
            save_config_kwargs={"overwrite": True},
            parser_class=RecipeParser,
            parser_kwargs={"prog": "reprs", **{verb: {"description": DESCRIPTION} for verb in VERBS}},
            args=[a for a in args if a != "--force"],
        )
    except (RunFolderError, FileNotFoundError) as error:
        return _refuse(args[0], str(error))
    except NothingUsable as error:  # out of a worker process it comes with that one's traceback before it
        return _refuse(args[0], str(error).strip().splitlines()[-1].removeprefix(f"{_name(NothingUsable)}: "))
    except pickle.UnpicklingError:  # torch reads tensors and plain values, and runs nothing
        return _refuse(args[0], "the checkpoint holds more than a training's state, and is not read")
    return 0


def _refuse(verb: str, why: str) -> int:
    print(f"reprs {verb}: {why}", file=sys.stderr)
    return 2


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _checkpoints(trainer: pl.Trainer) -> list[Path]:
    """What an earlier run left where this one will write its checkpoints."""
    callbacks = [c for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint) and c.dirpath]
    return [path for c in callbacks for path in sorted(Path(str(c.dirpath)).glob("*.ckpt"))]


def _free_name(path: Path) -> Path:
    """`config.yaml` → `config-1.yaml`, or the next number that is free."""
    number = 1
    while (free := path.with_stem(f"{path.stem}-{number}")).exists():
        number += 1
    return free


def _quieten() -> None:
    """Drop warnings that nobody who runs a recipe can act upon, and advertisements."""
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter is intended")
    warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)")
    warnings.filterwarnings("ignore", message=r"torch\.distributed\.nn\.functional\.all_gather is deprecated")
    log = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    log.addFilter(lambda record: "Tip: For seamless cloud" not in record.getMessage())
