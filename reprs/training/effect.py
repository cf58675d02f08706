"""The recipe `effect`: a SimCLR-style embedding of effect chains (Chen 2020), helped by the knobs we know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reprs.models import hub
from reprs.models.encoder import EffectEncoder
from reprs.objectives.change import ChangeReader, measure
from reprs.objectives.knobs import KnobReader
from reprs.objectives.nt_xent import nt_xent
from reprs.training.export import ExportEncoder
from reprs.training.replay import Group, Replay
from reprs.training.schedule import averaged, optimise
from reprs.views.normalisation import EffectNormaliser
from reprs.views.pairs import PairMaker, Views
from reprs.views.sampler import ChainSampler, Choice

__all__ = ["EffectRecipe", "ExportEncoder"]

# Nothing is drawn again before the memory holds this many batches.
VARIETY = 10


class EffectRecipe(pl.LightningModule):
    """Trains an `EffectEncoder` on random chains over raw segments.

    A batch is `(2G, 2, T)` raw segments; the views are rendered from it on the training device. With
    `replay` above 1 only every `replay`-th batch is rendered, the others are drawn again from the last
    `replay_groups` groups. `val/20-way` is the share of chains recognised on another content among 19 other
    chains on their own content, by the averaged weights; in `val/20-way-single` every chain is one effect.
    """

    def __init__(
        self,
        effects: list[Choice],
        embedding_dim: int = 256,
        width: int = 40,
        hidden: int = 512,
        balanced: bool = True,
        few: float = 0.5,
        few_at_most: int = 3,
        shuffled: float = 0.5,
        chains_per_group: int = 8,
        sibling_share: float = 0.5,
        single_share: float = 0.0,
        preroll_s: float = 0.0,
        normalise: bool = False,
        replay: int = 1,
        replay_groups: int = 1_000,
        temperature: float = 0.1,
        presence_weight: float = 1.0,
        knob_weight: float = 1.0,
        change_weight: float = 1.0,
        view_weight: float = 0.5,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.05,
        warmup_steps: int = 100,
        ema_decay: float = 0.99,
        seed: int = 0,
        start_from: str | None = None,
    ) -> None:
        """`normalise` brings raw segments to the corpus average before any effect (Martínez-Ramírez 2022);
        `view_weight` asks every view by itself which effects are on; `start_from` is a checkpoint (a name or
        a path) whose weights the encoder starts with, its join too unless only one of the two is `balanced`.
        """
        super().__init__()
        self.save_hyperparameters()
        self.encoder = EffectEncoder(embedding_dim, width, hidden, balanced=balanced)
        if start_from is not None:
            _start(self.encoder, hub.load(start_from))
        sampler = ChainSampler(effects, few, few_at_most, shuffled)
        self.normaliser = EffectNormaliser() if normalise else None
        self.make_pairs = PairMaker(
            sampler, chains_per_group, sibling_share, single_share, preroll_s, normaliser=self.normaliser
        )
        # Validation batches are by turns random chains and single effects.
        self.make_trials = [PairMaker(sampler, 20, 0.0, single, preroll_s) for single in (0.0, 1.0)]
        self.replay, self.memory = replay, Replay(replay_groups)
        widths = [len(e) for e in sampler.chain.effects]
        self.reader = KnobReader(self.encoder.feature_dim, widths)
        self.view_readers = nn.ModuleList(nn.Linear(d, len(widths)) for d in self.encoder.part_dims)
        measurements = measure(self.encoder.views(torch.zeros(1, 2, 4_096))).shape[1]
        self.change = ChangeReader(self.encoder.feature_dim, measurements)
        self.change_weight, self.view_weight = change_weight, view_weight
        self.average = averaged(self.encoder, ema_decay)
        self.temperature, self.presence_weight, self.knob_weight = temperature, presence_weight, knob_weight
        self.learning_rate, self.weight_decay, self.warmup_steps = learning_rate, weight_decay, warmup_steps
        self.seed, self.trials = seed, 0

    def forward(self, x: Tensor) -> Tensor:
        return self.average.module(x)

    def on_after_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> Views | list[Group]:
        training = bool(self.trainer.training)
        key = (self.seed, self.global_rank, training, self.global_step if training else self.trials)
        generator = torch.Generator().manual_seed(hash(key) % 2**63)
        if training:
            return self._groups(batch, generator)
        self.trials += 1
        return self.make_trials[(self.trials - 1) % 2](batch, EffectEncoder.sample_rate, generator)

    def _groups(self, segments: Tensor, generator: torch.Generator) -> list[Group]:
        """Groups rendered from the segments, or as many from the memory."""
        wanted = len(segments) // 2
        if len(self.memory) >= VARIETY * wanted and self.global_step % self.replay:
            return self.memory.draw(wanted, generator)
        groups = self._look(self.make_pairs(segments, EffectEncoder.sample_rate, generator))
        if self.replay > 1:
            self.memory.add(groups)
        return groups

    @torch.no_grad()
    def _look(self, rendered: Views) -> list[Group]:
        views = self.encoder.views(rendered.x)
        change = measure(views) - measure(self.encoder.views(rendered.dry))[rendered.source]
        chains = self.make_pairs.chains_per_group

        def by_group(x: Tensor) -> Tensor:
            return x.unflatten(0, (2, -1, chains)).transpose(0, 1)

        z, mask = (x.to(change.device).split(chains) for x in (rendered.draw.z, rendered.draw.mask))
        each = zip(*(by_group(view) for view in views), strict=True)
        return [Group(*g) for g in zip(each, z, mask, by_group(change), strict=True)]

    def on_validation_epoch_start(self) -> None:
        self.trials = 0

    def training_step(self, batch: list[Group], batch_idx: int) -> Tensor:
        views = tuple(_on_x_then_on_y(view) for view in zip(*(g.views for g in batch), strict=True))
        parts = self.encoder.parts_of(views)
        features = self.encoder.join(torch.cat(parts, dim=1))
        a, b = self.encoder.head(features).chunk(2)
        contrast = nt_xent(a, b, self.temperature)
        z, mask = (torch.cat(x).repeat(2, 1) for x in zip(*((g.z, g.mask) for g in batch), strict=True))
        read = self.reader.loss(features.float(), z, mask)
        change = self.change.loss(features.float(), _on_x_then_on_y([g.change for g in batch]))
        loss = contrast + self.presence_weight * read.presence + self.knob_weight * read.knobs
        said = torch.stack([reader(p.float()) for reader, p in zip(self.view_readers, parts, strict=True)])
        on = mask.to(said).expand_as(said)
        alone = F.binary_cross_entropy_with_logits(said, on, reduction="none").mean((1, 2))
        loss = loss + self.change_weight * change + self.view_weight * alone.mean()
        group = torch.arange(len(batch)).repeat_interleave(len(batch[0].z))
        self.log_dict(
            {
                "train/loss": loss,
                "train/nt_xent": contrast,
                "train/presence": read.presence,
                "train/knobs": read.knobs,
                "train/change": change,
                **{f"train/presence-{n}": v for n, v in zip(EffectEncoder.view_names, alone, strict=True)},
                "train/n-way": _among_own_content(a.detach(), b.detach(), group),
            },
            prog_bar=True,
            batch_size=len(a),
        )
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.average.update_parameters(self.encoder)

    def validation_step(self, batch: Views, batch_idx: int) -> None:
        a, b = torch.cat([self.average.module(part) for part in batch.x.split(32)]).chunk(2)
        found = ((a @ b.T).argmax(1) == torch.arange(len(a), device=a.device)).float().mean()
        figures = {"val/20-way": _among_own_content(a, b, batch.group), "val/R@1": found}
        if batch_idx % 2:
            figures = {f"{name}-single": figure for name, figure in figures.items()}
        self.log_dict(figures, prog_bar=True, batch_size=len(a), sync_dist=True)

    def predict_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.average.module(batch)

    def configure_optimizers(self) -> Any:
        everything = nn.ModuleList([self.encoder, self.reader, self.view_readers, self.change])
        total = self.trainer.estimated_stepping_batches
        return optimise([(everything, self.learning_rate)], self.weight_decay, self.warmup_steps, total)


def _start(encoder: EffectEncoder, found: EffectEncoder) -> None:
    """Give `encoder` the weights of `found`; a join of the other kind starts from nothing."""
    weights = found.state_dict()
    if encoder.config != found.config:
        own = encoder.state_dict()
        kept = {n: w for n, w in weights.items() if not n.startswith(("join.", "project."))}
        weights = own | kept
    encoder.load_state_dict(weights)


def _on_x_then_on_y(groups: Sequence[Tensor]) -> Tensor:
    """G times `(2, K, …)` → `(2 · G · K, …)`: all clips of the first contents, then all of the second."""
    return torch.stack(tuple(groups), dim=1).flatten(0, 2)


def _among_own_content(a: Tensor, b: Tensor, group: Tensor) -> Tensor:
    """How often `b[i]` is nearer to `a[i]` than every other chain of its group heard on `a[i]`'s own
    content.
    """
    same = (group[:, None] == group[None, :]).to(a.device)
    own = torch.eye(len(a), dtype=torch.bool, device=a.device)
    rivals = (a @ a.T).masked_fill(~same | own, float("-inf")).amax(1)
    return ((a * b).sum(1) > rivals).float().mean()
