"""The recipe `controller`: what is heard of tracks and of a wish → the knobs of a console, without labels."""

from __future__ import annotations

import copy
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from reprs.console import listening
from reprs.console.controller import Controller
from reprs.console.difference import difference
from reprs.console.knobs import Knobs
from reprs.console.swapped import played
from reprs.corpora.item import NothingUsable
from reprs.models import hub
from reprs.models.controller import ControllerNetwork, Logits
from reprs.training.mix_set import Mixes
from reprs.training.rendered import RenderedLoss
from reprs.training.schedule import averaged, optimise

SWITCHES = torch.nn.BCEWithLogitsLoss(reduction="none")


class ControllerRecipe(pl.LightningModule):
    """Random mixes: the network hears raw tracks and the reference, and is told what made it.

    `knob_weight` weighs the difference of settings as heard (`reprs.console.difference`), `switch_weight`
    that of switches, `plain_weight` the squared error of the knobs themselves, `stft_weight` and
    `embedding_weight` what the console makes of the tracks against what the true knobs make of them; the
    latter two render `rendered_mixes` fresh mixes a step. `strip` puts other effects into the strips of
    the console, such as plugins, whose gradients are then estimated (`reprs.console.swapped`); a rendered
    loss alone needs those. `start_from` names a controller to begin with. The wish is what
    is heard, words, both or neither, by the `drop_` shares. `listen_to`: "both", or only the "measures" or
    the "embedding".
    """

    def __init__(
        self,
        ears: str = "effect",
        timbre: str = "timbre",
        width: int = 160,
        layers: int = 3,
        heads: int = 4,
        dropout: float = 0.1,
        listen_to: str = "both",
        knob_weight: float = 1.0,
        switch_weight: float = 0.2,
        plain_weight: float = 1.0,
        stft_weight: float = 0.0,
        embedding_weight: float = 0.0,
        rendered_mixes: int = 8,
        rendered: dict[str, Any] | None = None,
        drop_heard: float = 0.15,
        drop_timbre: float = 0.7,
        words_share: float = 0.6,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.05,
        warmup_steps: int = 200,
        ema_decay: float = 0.995,
        start_from: str | None = None,
        strip: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if listen_to not in ("both", "measures", "embedding"):
            raise ValueError(f"listen_to is 'both', 'measures' or 'embedding', not {listen_to!r}")
        self.save_hyperparameters()
        sizes = {"width": width, "layers": layers, "heads": heads, "dropout": dropout}
        self.controller = Controller.around(hub.load(ears), hub.load(timbre), **sizes, strip=strip)
        # What does not train is not averaged: the encoder is several times the size of the network.
        self.network_average = averaged(self.controller.network, ema_decay)
        self.average = Shipped(self.controller, self.network_average.module)
        self.render = (
            RenderedLoss(self.controller, rendered or {}) if stft_weight or embedding_weight else None
        )

    def setup(self, stage: str) -> None:
        """Scales of inputs and the first answer come from the training set or from `start_from`, once."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        if played(data.wanted.strip) != played(self.controller.strip):
            raise NothingUsable("model.strip and data.strip are two consoles: give both the same effects")
        if stage != "fit":
            return
        for controller in (self.controller, self.average.module):
            prepare(controller, data.training)
            if self.hparams["start_from"] is not None:
                controller.start_like(hub.load(self.hparams["start_from"]))

    def training_step(self, batch: Mixes, index: int) -> Tensor:
        logits = self.controller.network(*self.inputs(batch, self._condition(batch)))
        terms = self.terms(logits, batch)
        loss = self.total(terms)
        if self.render is not None:
            weights = self.hparams["stft_weight"], self.hparams["embedding_weight"]
            stft, embedding = self.render(
                self.hparams["rendered_mixes"], self.global_step, *(weight > 0 for weight in weights)
            )
            loss = loss + weights[0] * stft + weights[1] * embedding
            self.log_dict({"train/stft": stft, "train/embedding": embedding})
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        self.network_average.update_parameters(self.controller.network)

    def validation_step(self, batch: Mixes, index: int) -> None:
        """The terms for references that are heard, for words alone, and for the mean of all knobs."""
        network = self.average.module.network
        wishes = {"heard": batch.condition, "words": self._worded(batch)}
        for name, condition in wishes.items():
            terms = self.terms(network(*self.inputs(batch, condition)), batch)
            self._report(name, terms, batch)
        self._report("mean", self.terms(self._constant(batch), batch), batch)

    def inputs(self, batch: Mixes, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens, condition and mask, without what `listen_to` leaves out."""
        tokens = batch.tokens
        if self.hparams["listen_to"] == "measures":
            tokens, condition = tokens.clone(), condition.clone()
            tokens[..., : listening.EMBEDDING_DIM] = condition[..., : listening.EMBEDDING_DIM] = 0
        if self.hparams["listen_to"] == "embedding":
            tokens, condition = tokens.clone(), condition.clone()
            tokens[..., listening.TOKEN_MEASURES] = condition[..., listening.CONDITION_MEASURES] = 0
        return tokens, condition, batch.there

    def terms(self, logits: Logits, batch: Mixes) -> dict[str, Tensor]:
        """Every term of the loss, mean over the batch."""
        wanted = batch.knobs
        found = Knobs(torch.sigmoid(logits.tracks), torch.sigmoid(logits.shared))
        apart = difference(self.controller.console, found, wanted, batch.levels_db, batch.there)
        terms = {name: value.mean() for name, value in apart.items()}
        terms["switches"], terms["plain"] = switch_error(logits, batch), plain_error(found, batch)
        return terms

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The terms, weighted and summed."""
        apart = sum(v for name, v in terms.items() if name not in ("switches", "plain"))
        weights = self.hparams
        return (
            weights["knob_weight"] * apart
            + weights["switch_weight"] * terms["switches"]
            + weights["plain_weight"] * terms["plain"]
        )

    def configure_optimizers(self) -> Any:
        rates = [(self.controller.network, self.hparams["learning_rate"])]
        decay, warmup = self.hparams["weight_decay"], self.hparams["warmup_steps"]
        return optimise(rates, decay, warmup, self.trainer.estimated_stepping_batches)

    def _condition(self, batch: Mixes) -> Tensor:
        """The reference, with words or the sound as timbre; parts are dropped at random."""
        count = len(batch)
        drop_heard = torch.rand(count) < self.hparams["drop_heard"]
        # Where nothing is heard there mostly are words.
        drop_timbre = torch.rand(count) < torch.where(drop_heard, 0.3, self.hparams["drop_timbre"])
        worded = (torch.rand(count) < self.hparams["words_share"])[:, None]
        full = with_timbre(batch.condition, torch.where(worded, batch.words, batch.sound))
        return listening.without(full, drop_heard, drop_timbre)

    def _worded(self, batch: Mixes) -> Tensor:
        return with_timbre(torch.zeros_like(batch.condition), batch.words)

    def _constant(self, batch: Mixes) -> Logits:
        """The mean knobs of the training set."""
        network: ControllerNetwork = self.average.module.network
        rows, count = batch.there.shape
        pt, ps, _, _ = network.sizes
        tracks = network.get_buffer("mean_tracks").expand(rows, count, -1)
        shared = network.get_buffer("mean_shared").expand(rows, -1)
        return Logits(tracks[..., :pt], shared[:, :ps], tracks[..., pt:], shared[:, ps:])

    def _report(self, name: str, terms: dict[str, Tensor], batch: Mixes) -> None:
        for term, value in {**terms, "total": self.total(terms)}.items():
            self.log(f"val/{name}-{term}", value, batch_size=len(batch), on_step=False, on_epoch=True)


class Shipped(torch.nn.Module):
    """The controller with its averaged network: what is exported."""

    def __init__(self, controller: Controller, network: Any) -> None:
        super().__init__()
        self.module = copy.deepcopy(controller)
        self.module.network = network


def prepare(controller: Controller, mixes: Mixes) -> None:
    """Standardise a network's inputs and start it from the mean knobs of `mixes`."""
    there, knobs = mixes.there, mixes.knobs
    condition = with_timbre(mixes.condition, mixes.words)
    controller.network.trunk.standardise(mixes.tokens[there], condition)
    assert knobs.tracks_on is not None and knobs.shared_on is not None
    tracks, tracks_on = knobs.tracks[there].mean(0), knobs.tracks_on[there].float().mean(0)
    controller.network.start_from(tracks, knobs.shared.mean(0), tracks_on, knobs.shared_on.float().mean(0))


def with_timbre(condition: Tensor, timbre: Tensor) -> Tensor:
    """Conditions with timbre embeddings and their flag."""
    full = condition.clone()
    full[:, listening.CONDITION_TIMBRE], full[:, listening.TIMBRE_FLAG] = timbre, 1.0
    return full


def switch_error(logits: Logits, batch: Mixes) -> Tensor:
    """Cross-entropy of switches, of tracks that are there and of what is shared."""
    wanted = batch.knobs
    assert wanted.tracks_on is not None and wanted.shared_on is not None
    tracks = SWITCHES(logits.tracks_on, wanted.tracks_on.float())[batch.there].mean()
    return tracks + SWITCHES(logits.shared_on, wanted.shared_on.float()).mean()


def plain_error(found: Knobs, batch: Mixes) -> Tensor:
    """Squared error of the knobs in [0, 1], whatever they do."""
    tracks = (found.tracks - batch.knobs.tracks).square()[batch.there].mean()
    return tracks + (found.shared - batch.knobs.shared).square().mean()
