"""The recipe `mixgen`: a flow over the knobs of a mix, and its rivals, from mixes that were heard once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from reprs.console import listening
from reprs.console.counted import SettingSpace
from reprs.console.generator import Generator, coordinates
from reprs.console.standard import standard_console
from reprs.models import hub
from reprs.models.flow import MixGenerator
from reprs.models.rivals import Rivals
from reprs.models.track_network import Point
from reprs.training.mix_set import Mixes
from reprs.training.schedule import averaged, optimise

# What a style consists of, and how often: nothing; the reference heard; its timbre or words; both.
STYLES = {"nothing": 0.15, "reference": 0.45, "timbre": 0.2, "both": 0.2}
WORDS_SHARE = 0.5


class MixgenRecipe(pl.LightningModule):
    """Trains a `MixGenerator` on `Mixes`, each time with a part of the style (Ho and Salimans 2022).

    With `rivals`, the regression and the variational autoencoder of the table learn from the same batches,
    with losses of their own. `val/flow` is the flow's loss at fixed times and noise on held-out contents.
    """

    def __init__(
        self,
        width: int = 192,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
        latent: int = 16,
        rivals: bool = True,
        ears: str = "effect",
        timbre: str = "timbre",
        learning_rate: float = 1e-3,
        weight_decay: float = 0.02,
        warmup_steps: int = 200,
        ema_decay: float = 0.998,
        centre_after: int = 0,
        counted: bool = True,
    ) -> None:
        """After `centre_after` steps, where that is not 0, the flow counts from what the regression, which
        learns beside it, says by then (Mardani 2023): it is left with what one cannot know.

        `counted`: all but the Gaussian learn settings counted from what they follow (`SettingSpace`).
        """
        super().__init__()
        if centre_after and not rivals:
            raise ValueError("centre_after counts from the regression, which is one of the rivals")
        self.save_hyperparameters()
        of_tracks, of_mix = coordinates(standard_console())
        self.space, self.plain = (SettingSpace(standard_console(), how) for how in (counted, False))
        sizes: Any = {"tracks": of_tracks, "mix": of_mix}
        heard: Any = {"token_dim": listening.TOKEN_DIM, "condition_dim": listening.CONDITION_DIM}
        network: Any = {"width": width, "layers": layers, "heads": heads, "dropout": dropout}
        flow = MixGenerator(**heard, **sizes, **network, centred=centre_after > 0)
        self.models: Any = nn.ModuleDict({"flow": flow})
        if rivals:
            beside = Rivals(**heard, latent=latent, **sizes, **network)
            self.models.update({"regression": beside.regression, "vae": beside.vae})
            self.prior, self.rivals_config = beside.prior, beside.config
        self.averages: Any = averaged(self.models, ema_decay)
        self.ears, self.timbre = ears, timbre

    @property
    def average(self) -> Any:
        """What is exported, in half precision: the average of the flow with what it listens with."""
        flow = self.averages.module["flow"]
        generator = Generator.of(flow, hub.load(self.ears), hub.load(self.timbre), self.space.counted)
        return nn.ModuleDict({"module": generator.half()})

    def rivals(self) -> Rivals | None:
        """The averages of what learns beside the flow, and the Gaussian, in half precision."""
        if "vae" not in self.models:
            return None
        beside = Rivals(**self.rivals_config)
        average = self.averages.module
        for part, trained in (
            ("regression", average["regression"]),
            ("vae", average["vae"]),
            ("prior", self.prior),
        ):
            beside.get_submodule(part).load_state_dict(trained.state_dict())
        return beside.half()

    def setup(self, stage: str) -> None:
        """Take scales from the training mixes."""
        if stage != "fit" or self.global_step:
            return
        mixes: Mixes = self.trainer.datamodule.training  # type: ignore[attr-defined]
        styles = styled(mixes, torch.Generator().manual_seed(0))
        for models in (self.models, self.averages.module):
            for model in models.values():
                model.scale.measure(self.settings(mixes), mixes.there)
                for part in model.modules():
                    if hasattr(part, "standardise"):
                        part.standardise(mixes.tokens[mixes.there], styles)
        if "vae" in self.models:
            self.prior.measure(self.plain.encode(mixes.knobs, mixes.levels_db, mixes.there), mixes.there)

    def on_train_batch_start(self, batch: Mixes, batch_idx: int) -> None:
        """At its step, count from what the regression says of the training mixes."""
        if self.global_step != self.hparams["centre_after"] or not self.global_step:
            return
        mixes: Mixes = self.trainer.datamodule.training  # type: ignore[attr-defined]
        heard = mixes.tokens, styled(mixes, torch.Generator().manual_seed(0)), mixes.there
        for models in (self.models, self.averages.module):
            models["flow"].start_from(self.averages.module["regression"], self.settings(mixes), *heard)

    def settings(self, mixes: Mixes) -> Point:
        """The knobs and switches of mixes in the generator's coordinates."""
        return self.space.encode(mixes.knobs, mixes.levels_db, mixes.there)

    def training_step(self, batch: Mixes, batch_idx: int) -> Tensor:
        condition = styled(batch, torch.Generator().manual_seed(hash((1, self.global_step)) % 2**63))
        heard = (batch.tokens, condition, batch.there)
        u = self.settings(batch)
        losses = {name: model.loss(u, *heard).mean() for name, model in self.models.items()}
        self.log_dict({f"train/{name}": loss for name, loss in losses.items()}, prog_bar=True)
        return torch.stack(list(losses.values())).sum()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.averages.update_parameters(self.models)

    def validation_step(self, batch: Mixes, batch_idx: int, dataloader_idx: int = 0) -> None:
        """The second set is finished music: "val_finished/flow"."""
        condition = styled(batch, torch.Generator().manual_seed(batch_idx))
        heard = (batch.tokens, condition, batch.there)
        with torch.random.fork_rng():
            torch.manual_seed(batch_idx)
            for name, model in self.averages.module.items():
                loss = model.loss(self.settings(batch), *heard).mean()
                about = ("val", "val_finished")[dataloader_idx]
                self.log(
                    f"{about}/{name}", loss, batch_size=len(batch), prog_bar=True, add_dataloader_idx=False
                )

    def configure_optimizers(self) -> Any:
        groups = [(model, self.hparams["learning_rate"]) for model in self.models.values()]
        total = self.trainer.estimated_stepping_batches
        return optimise(groups, self.hparams["weight_decay"], self.hparams["warmup_steps"], total)


class ExportRivals(pl.Callback):
    """Writes the rivals after every validation, for `reprs eval mixgen`."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        rivals = pl_module.rivals() if isinstance(pl_module, MixgenRecipe) else None
        if rivals is not None and trainer.is_global_zero and not trainer.sanity_checking:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            hub.save(rivals, self.path, {"recipe": "mixgen", "steps": trainer.global_step})


def styled(mixes: Mixes, generator: torch.Generator) -> Tensor:
    """Conditions `(B, R)` of mixes: nothing, the reference, its timbre (as sound or in words), or both."""
    kind = torch.multinomial(
        torch.tensor(list(STYLES.values())), len(mixes), replacement=True, generator=generator
    )
    names = list(STYLES)
    in_words = torch.rand(len(mixes), generator=generator) < WORDS_SHARE
    timbre = torch.where(in_words[:, None].to(mixes.words.device), mixes.words, mixes.sound)
    unheard = (kind == names.index("nothing")) | (kind == names.index("timbre"))
    untold = (kind == names.index("nothing")) | (kind == names.index("reference"))
    condition = mixes.condition.clone()
    condition[:, listening.CONDITION_TIMBRE], condition[:, listening.TIMBRE_FLAG] = timbre, 1.0
    return listening.without(condition, unheard, untold)
