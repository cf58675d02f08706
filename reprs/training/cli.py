"""`reprs fit | validate | test | predict`: LightningCLI, kept to names we know and to free folders."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import jsonargparse
import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback

# What a class_path in a config may name; importing anything else a file asks for would run its code.
CONFIG_NAMES = ["reprs", "pytorch_lightning", "torch.nn", "torch.optim", "torchmetrics"]
DESCRIPTION = (
    "Runs a recipe. Example: reprs fit -c configs/effect.yaml --trainer.max_steps 300. Resume with "
    "--ckpt_path last. Every line of a config is an option, --print_config shows them all; --force lets a "
    "new run write over an earlier one."
)
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
        ckpt_path = self.config["fit"]["ckpt_path"]
        if ckpt_path and "." in ckpt_path and not Path(ckpt_path).is_file():
            raise RunFolderError(f"no checkpoint {ckpt_path} to go on from")
        taken = [*self._log_files("metrics.csv"), *_checkpoints(self.trainer)]
        if taken and not ckpt_path and not self.force:
            raise RunFolderError(
                f"{taken[0].parent} holds an earlier run: go on with --ckpt_path last, "
                "choose other folders, or overwrite it with --force"
            )
        self._set_aside("config.yaml", "metrics.csv")

    def before_validate(self) -> None:
        self._set_aside("metrics.csv")

    before_test = before_predict = before_validate

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
        print(f"reprs {args[0]}: {error}", file=sys.stderr)
        return 2
    return 0


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
