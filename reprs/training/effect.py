"""The recipe `effect`: a SimCLR-style embedding of effect chains (Chen 2020), helped by the knobs we know."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
from reprs.training.tint import tinted
from reprs.views.normalisation import EffectNormaliser
from reprs.views.pairs import PairMaker, Views
from reprs.views.sampler import ChainSampler, Choice

__all__ = ["EffectRecipe", "ExportEncoder"]


class Lots(NamedTuple):
    """A step's views: whole groups for search, and groups of one chain for the readings."""

    groups: list[Group]
    singles: list[Group]


# Nothing is drawn again before the memory holds this many batches.
VARIETY = 10
# Presence is read from readings of this length.
LOUD = 8.0
# The networks that readings teach; search teaches the others, and those of BOTH learn from either.
READ, BOTH = ("mel", "comb"), ("motion",)
# The weights with a column for every number that the networks say.
HEARING = ("read.weight", "join.1.weight")


class EffectRecipe(pl.LightningModule):
    """Trains an `EffectEncoder` on random chains over raw segments.

    A batch is `(2G, 2, T)` raw segments; the views are rendered from it on the training device. With
    `replay` above 1 only every `replay`-th batch is rendered, the others are drawn again from the last
    `replay_groups` groups.

    Two tasks share a step. Search: chains of a group are told apart on other music (NT-Xent), their knobs
    and changes read back. Readings: which effects are on, learnt from `reading_chains` chains out of as many
    groups, since within a group all chains share two contents, and an equaliser is learnt only from many.
    Readings teach the networks of `READ` and `BOTH`, search teaches those of `BOTH` and the others, and each
    listens to all.

    Networks that are `frozen` stay as they are; the memory then holds what they say instead of their views,
    and takes a fraction of the room. `search_weight: 0` freezes what search alone teaches,
    `reading_weight: 0` what readings alone teach. With `search_groups` a step draws so many groups from the
    memory, however few are rendered. `memory` is a folder that outlives the run: one that is resumed, or
    another with the same frozen networks, begins with what is in it. `dropout` and `tint` (see `tinted`) keep
    the join from knowing pieces by heart.

    In the contrast, chains of other groups count `others` times: groups come again with the same two
    contents, and whoever knows these by heart finds the match among all others. With `single_weight`, groups
    of single effects have no candidates but their own, at `single_temperature`, and weigh so much.

    `val/20-way` is the share of chains recognised on another content among 19 other
    chains on their own content, by the averaged weights; in `val/20-way-single` every chain is one effect.
    """

    def __init__(
        self,
        effects: list[Choice],
        embedding_dim: int = 256,
        width: int = 40,
        hidden: int = 512,
        readings: int = 128,
        motion: bool = False,
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
        others: float = 1.0,
        single_weight: float = 0.0,
        single_temperature: float = 0.2,
        presence_weight: float = 1.0,
        knob_weight: float = 1.0,
        change_weight: float = 1.0,
        search_weight: float = 1.0,
        reading_weight: float = 1.0,
        reading_chains: int = 32,
        search_groups: int = 0,
        frozen: Sequence[str] = (),
        memory: str | None = None,
        dropout: float = 0.0,
        tint: float = 0.0,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.05,
        warmup_steps: int = 100,
        ema_decay: float = 0.99,
        seed: int = 0,
        start_from: str | None = None,
    ) -> None:
        """`normalise` brings raw segments to the corpus average before any effect (Martínez-Ramírez 2022);
        `start_from` is a checkpoint (a name or a path) of the same sizes whose weights the encoder starts
        with.
        """
        super().__init__()
        self.save_hyperparameters()
        if not search_weight and not (readings and reading_weight):
            raise ValueError("nothing to learn: give search_weight, or readings and reading_weight, above 0")
        self.encoder = EffectEncoder(
            embedding_dim, width, hidden, readings=readings, motion=motion, dropout=dropout
        )
        unknown = sorted(set(frozen) - set(self.encoder.part_dims))
        if unknown:
            raise ValueError(f"no network is called {unknown}; there are {sorted(self.encoder.part_dims)}")
        if start_from is not None:
            _start(self.encoder, hub.load(start_from))
        self.choices = effects
        sampler = ChainSampler(effects, few, few_at_most, shuffled)
        self.normaliser = EffectNormaliser() if normalise else None
        self.make_pairs = PairMaker(
            sampler, chains_per_group, sibling_share, single_share, preroll_s, normaliser=self.normaliser
        )
        # Validation batches are by turns random chains and single effects.
        self.make_trials = [PairMaker(sampler, 20, 0.0, single, preroll_s) for single in (0.0, 1.0)]
        self.replay, self.search_groups = replay, search_groups
        self.memory, self.memory_folder = Replay(replay_groups), memory
        self.frozen, self.tint = set(frozen), tint
        self.read_networks = tuple(n for n in READ + BOTH if n in self.encoder.part_dims and readings)
        widths = [len(e) for e in sampler.chain.effects]
        measurements = measure(self.encoder.views(torch.zeros(1, 2, 4_096))).shape[1]
        self.search_weight, self.reading_weight = search_weight, reading_weight
        self.reading_chains, self.change_weight = reading_chains, change_weight
        if search_weight:
            self.reader = KnobReader(hidden, widths)
            self.change = ChangeReader(hidden, measurements)
        else:
            self.frozen |= set(self.encoder.part_dims) - set(self.read_networks)
            for module in (self.encoder.join, self.encoder.project):
                module.requires_grad_(False)
        if readings and not reading_weight:
            self.frozen |= set(READ)
            self.encoder.read.requires_grad_(False)
        for name in self.frozen:
            self.encoder.get_submodule(f"{name}_net").requires_grad_(False)
        if readings:
            dims = {n: self.encoder.part_dims[n] for n in self.read_networks if n not in self.frozen}
            self.presence = nn.ModuleDict(
                {name: nn.Linear(d, len(widths)) for name, d in (dims | {"all": readings}).items()}
            )
            self.reading_change = ChangeReader(readings, measurements)
        self.average = averaged(self.encoder, ema_decay)
        self.temperature, self.presence_weight, self.knob_weight = temperature, presence_weight, knob_weight
        self.others, self.single_weight, self.single_temperature = others, single_weight, single_temperature
        self.learning_rate, self.weight_decay, self.warmup_steps = learning_rate, weight_decay, warmup_steps
        self.seed, self.trials = seed, 0

    def forward(self, x: Tensor) -> Tensor:
        return self.average.module(x)

    def on_after_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> Views | Lots:
        training = bool(self.trainer.training)
        key = (self.seed, self.global_rank, training, self.global_step if training else self.trials)
        generator = torch.Generator().manual_seed(hash(key) % 2**63)
        if training:
            return self._lots(batch, generator)
        self.trials += 1
        return self.make_trials[(self.trials - 1) % 2](batch, EffectEncoder.sample_rate, generator)

    def on_fit_start(self) -> None:
        if self.memory_folder is not None:
            self.memory.keep_in(Path(self.memory_folder) / str(self.global_rank), self._made_by())

    def _made_by(self) -> str:
        """What groups in the memory depend on: the chains, the views, and the networks that look at them."""
        frozen = {n: w for n, w in self.encoder.state_dict().items() if n.split("_net")[0] in self.frozen}
        settings = {
            **self.encoder.config,
            "frozen": sorted(self.frozen),
            "chains": [_told(c) for c in self.choices],
            "chains_per_group": self.make_pairs.chains_per_group,
        }
        return hub.model_hash("memory", settings, frozen)

    def _lots(self, segments: Tensor, generator: torch.Generator) -> Lots:
        groups = self._groups(segments, generator)
        reads = self.encoder.readings and self.reading_weight
        return Lots(groups, self.memory.singles(self.reading_chains, generator) if reads else [])

    def _groups(self, segments: Tensor, generator: torch.Generator) -> list[Group]:
        """Groups rendered from the segments, or those of a step drawn from the memory."""
        rendered = len(segments) // 2
        wanted = self.search_groups or rendered
        fresh = []
        if len(self.memory) < VARIETY * rendered or self.global_step % self.replay == 0:
            fresh = self._look(self.make_pairs(segments, EffectEncoder.sample_rate, generator))
            if self.replay > 1 or self.search_groups or self.encoder.readings:
                self.memory.add(fresh)
        return fresh if len(fresh) == wanted else self.memory.draw(wanted, generator)

    @torch.no_grad()
    def _look(self, rendered: Views) -> list[Group]:
        views = self.encoder.views(rendered.x)
        change = measure(views) - measure(self.encoder.views(rendered.dry))[rendered.source]
        chains = self.make_pairs.chains_per_group
        named = zip(self.encoder.part_dims, views, strict=True)
        views = tuple(self._at_rest(name, v) if name in self.frozen else v for name, v in named)

        def by_group(x: Tensor) -> Tensor:
            return x.unflatten(0, (2, -1, chains)).transpose(0, 1)

        z, mask = (x.to(change.device).split(chains) for x in (rendered.draw.z, rendered.draw.mask))
        each = zip(*(by_group(view) for view in views), strict=True)
        return [Group(*g) for g in zip(each, z, mask, by_group(change), strict=True)]

    @torch.no_grad()
    def _at_rest(self, name: str, view: Tensor) -> Tensor:
        """What a network says in use, without a gradient and without moving its running statistics."""
        network = self.encoder.get_submodule(f"{name}_net")
        network.eval()
        said = self.encoder.part(name, view)
        network.train()
        return said

    def _views(self, groups: Sequence[Group]) -> dict[str, Tensor]:
        """The groups' views by name, all clips of the first contents, then all of the second."""
        views = (_on_x_then_on_y(view) for view in zip(*(g.views for g in groups), strict=True))
        return dict(zip(self.encoder.part_dims, views, strict=True))

    def _heard(self, views: dict[str, Tensor], learning: Collection[str]) -> tuple[dict[str, Tensor], Tensor]:
        """What the networks say of the views, and that side by side; those of `learning` with a gradient."""
        said = {}
        for name, view in views.items():
            if name in self.frozen:
                said[name] = view
            else:
                said[name] = (self.encoder.part if name in learning else self._at_rest)(name, view)
        return said, self.encoder.heard(said)

    def on_validation_epoch_start(self) -> None:
        self.trials = 0

    def training_step(self, batch: Lots, batch_idx: int) -> Tensor:
        losses = self._search(batch.groups) if self.search_weight else {}
        if batch.singles:
            losses |= self._read(batch.singles)
        weights = {
            "nt_xent": self.search_weight,
            "presence": self.search_weight * self.presence_weight,
            "knobs": self.search_weight * self.knob_weight,
            "change": self.search_weight * self.change_weight,
            "readings": self.reading_weight,
            "readings-change": self.reading_weight * self.change_weight,
        }
        loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        logged = {f"train/{name}": value for name, value in {"loss": loss, **losses}.items()}
        self.log_dict(logged, prog_bar=True, batch_size=len(batch.groups))
        return loss

    def _search(self, groups: list[Group]) -> dict[str, Tensor]:
        """Contrast between the chains of whole groups, and what their features say of knobs and changes."""
        views = self._views(groups)
        if "spectrum" not in self.frozen:
            views["spectrum"] = tinted(views["spectrum"], len(groups[0].z), self.tint)
        _, heard = self._heard(views, set(views) - set(READ))
        features = self.encoder.join(heard)
        a, b = self.encoder.search_of(features).chunk(2)
        z, mask = (torch.cat(x).repeat(2, 1) for x in zip(*((g.z, g.mask) for g in groups), strict=True))
        read = self.reader.loss(features.float(), z, mask)
        change = self.change.loss(features.float(), _on_x_then_on_y([g.change for g in groups]))
        contrast = self._contrast(a, b, groups)
        return {"nt_xent": contrast, "presence": read.presence, "knobs": read.knobs, "change": change}

    def _contrast(self, a: Tensor, b: Tensor, groups: list[Group]) -> Tensor:
        """NT-Xent; where `single_weight` asks for it, single effects are told from their own group alone."""
        chains = len(groups[0].z)
        if not self.single_weight:
            return nt_xent(a, b, self.temperature, chains, self.others)
        single = (
            torch.stack([(g.mask.sum(1) == 1).all() for g in groups]).repeat_interleave(chains).to(a.device)
        )
        return nt_xent(
            a,
            b,
            torch.where(single, self.single_temperature, self.temperature),
            chains,
            torch.where(single, 0.0, self.others),
            torch.where(single, self.single_weight, 1.0),
        )

    def _read(self, singles: list[Group]) -> dict[str, Tensor]:
        """Which effects are on, by the readings and by each network that they teach."""
        parts, heard = self._heard(self._views(singles), self.read_networks)
        readings = self.encoder.read(heard).float()
        on = torch.cat([g.mask for g in singles]).repeat(2, 1).to(readings)
        said = {n: _loud(readings) if n == "all" else parts[n].float() for n in self.presence}
        presence = [F.binary_cross_entropy_with_logits(self.presence[n](x), on) for n, x in said.items()]
        change = self.reading_change.loss(readings, _on_x_then_on_y([g.change for g in singles]))
        return {"readings": torch.stack(presence).mean(), "readings-change": change}

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.average.update_parameters(self.encoder)

    def validation_step(self, batch: Views, batch_idx: int) -> None:
        encoder: Any = self.average.module
        features = torch.cat([encoder.features(part) for part in batch.x.split(32)])
        a, b = encoder.head(features).chunk(2)
        found = ((a @ b.T).argmax(1) == torch.arange(len(a), device=a.device)).float().mean()
        figures = {"val/20-way": _among_own_content(a, b, batch.group), "val/R@1": found}
        if batch_idx % 2:
            figures = {f"{name}-single": figure for name, figure in figures.items()}
        if encoder.readings:
            said = self.presence["all"](_loud(features[:, encoder.hidden :].float()))
            on = batch.draw.mask.repeat(2, 1).to(said)
            figures["val/readings"] = F.binary_cross_entropy_with_logits(said, on)
        self.log_dict(figures, prog_bar=True, batch_size=len(a), sync_dist=True)

    def predict_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.average.module(batch)

    def configure_optimizers(self) -> Any:
        learning = nn.ModuleList([m for n, m in self.named_children() if n not in ("average", "normaliser")])
        total = self.trainer.estimated_stepping_batches
        return optimise([(learning, self.learning_rate)], self.weight_decay, self.warmup_steps, total)


def _start(encoder: EffectEncoder, found: EffectEncoder) -> None:
    """Give `encoder` the weights of `found`, which has to be of its sizes.

    A motion network that `found` lacks begins as it was drawn, and so do the weights that hear it.
    """
    lacking = set(encoder.part_dims) - set(found.part_dims)
    if encoder.config != found.config | dict.fromkeys(lacking & {"motion"}, True):
        raise ValueError(
            f"start_from is a checkpoint of {found.config}; this config asks for {encoder.config}"
        )
    weights = encoder.state_dict()
    for name, weight in found.state_dict().items():
        if lacking and name in HEARING:
            weight = torch.cat([weight, weights[name][:, weight.shape[1] :]], dim=1)
        weights[name] = weight
    encoder.load_state_dict(weights)


def _told(choice: Choice) -> list[Any]:
    """A choice as JSON, the same however its numbers were written."""
    ranges = {knob: [float(low), float(high)] for knob, (low, high) in choice.ranges.items()}
    return [choice.effect, ranges, dict(choice.options)]


def _loud(readings: Tensor) -> Tensor:
    """Readings as presence is read from them: their length says nothing."""
    return F.normalize(readings, dim=-1) * LOUD


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
