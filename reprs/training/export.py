"""Writes what a recipe has learned as a checkpoint that `reprs.load` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from reprs.models import hub


class ExportEncoder(pl.Callback):
    """Writes `average` of a recipe as safetensors + JSON after every validation, together with its curve.

    The checkpoint's recipe is the module in which the recipe is.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.curve: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"curve": self.curve}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.curve = state_dict["curve"]

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        average = getattr(pl_module, "average", None)
        if trainer.sanity_checking or not trainer.is_global_zero or average is None:
            return
        metrics = {name: round(float(value), 4) for name, value in trainer.callback_metrics.items()}
        self.curve.append({"step": trainer.global_step, **metrics})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {
            "recipe": type(pl_module).__module__.rpartition(".")[2],
            "hyperparameters": json.loads(json.dumps(dict(pl_module.hparams), default=vars)),
            "steps": trainer.global_step,
            "curve": self.curve,
        }
        hub.save(average.module, self.path, metadata)
