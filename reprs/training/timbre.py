"""The recipe `timbre`: text and audio in one space, from names of instruments and words for production."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from reprs.models import hub
from reprs.models.timbre import PROBE, TimbreModel
from reprs.models.zero_shot import label_embeddings
from reprs.objectives.clip import contrast
from reprs.training.memory import Lot, Memory, lots_of
from reprs.training.pairs import Captioned
from reprs.training.schedule import averaged, optimise
from reprs.views.instrument_words import FAMILY_WORDS
from reprs.views.normalisation import EffectNormaliser
from reprs.views.produced import Producer
from reprs.views.sampler import ChainSampler, Choice

LARGEST_SCALE = 100.0


class TimbreRecipe(pl.LightningModule):
    """Trains a `TimbreModel` by contrast (Radford 2021) on named recordings and on music under random chains.

    A batch is what `PairData` gives; chains and their captions are made on the training device. A
    `produced_share` of the named recordings gets a chain, too, and both captions in one. To these fresh
    clips come `replayed_named` and `replayed_segments` (each under all of its chains) out of a memory, since
    learning from a clip costs less than making it. `val/R@1` and
    `val/R@10`: text → audio among held-out named recordings; `val/family`: zero-shot family among them;
    `val/produced R@1`, `R@10`: caption → clip among the clips of a validation batch.
    """

    def __init__(
        self,
        effects: list[Choice],
        embedding_dim: int = 256,
        width: int = 40,
        hidden: int = 512,
        text: str = "minilm",
        fine_tune: bool = False,
        sigmoid: bool = False,
        few: float = 0.7,
        few_at_most: int = 3,
        shuffled: float = 0.5,
        chains_per_segment: int = 8,
        produced_share: float = 0.2,
        replayed_named: int = 40,
        replayed_segments: int = 5,
        memory_clips: int = 3_000,
        preroll_s: float = 0.6,
        normalise: bool = True,
        learning_rate: float = 1e-3,
        audio_learning_rate: float | None = None,
        tower_learning_rate: float = 2e-5,
        weight_decay: float = 0.05,
        warmup_steps: int = 100,
        ema_decay: float = 0.99,
        seed: int = 0,
        start_from: str | None = None,
    ) -> None:
        """`text` is a spec of `reprs.models.text`, `fine_tune` trains that tower, too, at
        `tower_learning_rate`. `start_from` is a checkpoint whose weights the audio tower starts with: of the
        recipe `effect` (all of the same size but the last layer), or of `timbre` (the whole model).
        """
        super().__init__()
        self.save_hyperparameters()
        self.model = TimbreModel(
            embedding_dim, width, hidden, text=text, fine_tune=fine_tune, sigmoid=sigmoid
        )
        self.model.embed_text([PROBE])
        if start_from is not None:
            _start(self.model, hub.load(start_from))
        self.average: Any = averaged(self.model, ema_decay)
        sampler = ChainSampler(effects, few, few_at_most, shuffled)
        normaliser = EffectNormaliser() if normalise else None
        self.produce = Producer(sampler, chains_per_segment, preroll_s, normaliser)
        self.produce_named = Producer(sampler, 1)
        self.normaliser, self.produced_share = normaliser, produced_share
        self.rates = {
            "text": learning_rate,
            "audio": audio_learning_rate or learning_rate,
            "tower": tower_learning_rate,
        }
        self.weight_decay, self.warmup_steps, self.seed = weight_decay, warmup_steps, seed
        self.replayed = (replayed_named, replayed_segments)
        self.memories = (Memory(memory_clips // 2), Memory(memory_clips // 2 // chains_per_segment))
        self.shown: list[tuple[Tensor, Tensor, list[str], list[str]]] = []

    def forward(self, x: Tensor) -> Tensor:
        return self.average.module.audio(x)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> list[Captioned]:
        if not self.trainer.training:
            return [batch if isinstance(batch, Captioned) else self._produced(batch, self._generator(0))]
        parts = []
        if "named" in batch:
            parts.append(self._partly_produced(batch["named"], self._generator(1)))
        if "music" in batch:
            parts.append(self._produced(batch["music"], self._generator(2)))
        return parts

    def training_step(self, batch: list[Captioned], batch_idx: int) -> Tensor:
        lots = self._with_memories(batch)
        views: Any = tuple(torch.cat(view) for view in zip(*(lot.views for lot in lots), strict=True))
        texts = [text for lot in lots for text in lot.texts]
        audio, text = self.model.audio.head(self.model.audio.features_of(views)), self.model.text(texts)
        loss = contrast(audio, text, self.model.scale, self.model.bias)
        found = recall(audio.detach(), text.detach(), texts, 1)
        figures: Any = {"train/loss": loss, "train/R@1": found, "train/scale": self.model.scale}
        self.log_dict(figures, prog_bar=True, batch_size=len(texts))
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        with torch.no_grad():
            self.model.log_scale.clamp_(0, math.log(LARGEST_SCALE))
        self.average.update_parameters(self.model)

    def validation_step(self, batch: list[Captioned], batch_idx: int, dataloader_idx: int = 0) -> None:
        model = self.average.module
        for part in batch:
            e = torch.cat([model.audio(x) for x in part.x.split(32)])
            shown = (e, model.embed_text(part.texts), part.texts, part.families)
            if part.named:
                self.shown.append(shown)
            else:
                self._log_recall("val/produced ", *shown[:3])

    def on_validation_epoch_end(self) -> None:
        if not self.shown:
            return
        audio, text = (torch.cat(e) for e in list(zip(*self.shown, strict=True))[:2])
        texts, families = ([t for s in self.shown for t in s[i]] for i in (2, 3))
        self.shown = []
        self._log_recall("val/", audio, text, texts)
        labels = sorted({f for f in families if f in FAMILY_WORDS})
        if labels:
            words = label_embeddings(self.average.module, [FAMILY_WORDS[f][0] for f in labels])
            known = [i for i, f in enumerate(families) if f in FAMILY_WORDS]
            best = (audio[known] @ words.T).argmax(1).tolist()
            right = [labels[b] == families[i] for b, i in zip(best, known, strict=True)]
            self.log("val/family", sum(right) / len(right), prog_bar=True, sync_dist=True)

    def predict_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self(batch)

    def configure_optimizers(self) -> Any:
        model, rates = self.model, self.rates
        groups: list[Any] = [(model.audio, rates["audio"]), (model.read, rates["text"])]
        groups += [(p, rates["text"]) for p in (model.log_scale, model.bias) if p is not None]
        groups += [(model.tower, rates["tower"])] if model.tower is not None else []
        total = self.trainer.estimated_stepping_batches
        return optimise(groups, self.weight_decay, self.warmup_steps, total)

    def _generator(self, purpose: int) -> torch.Generator:
        """The dice of this step; those of validation are always the same."""
        key = (
            (self.seed, purpose) if purpose == 0 else (self.seed, purpose, self.global_rank, self.global_step)
        )
        return torch.Generator().manual_seed(hash(key) % 2**63)

    @torch.no_grad()
    def _with_memories(self, batch: list[Captioned]) -> list[Lot]:
        """What the encoder sees of the fresh clips, and as much of earlier ones as is wanted."""
        lots: list[Lot] = []
        generator = self._generator(3)
        for part in batch:
            size = 1 if part.named else self.produce.chains_per_segment
            fresh = lots_of(self.model.audio.views(part.x), part.texts, size)
            memory, wanted = self.memories[not part.named], self.replayed[not part.named]
            lots += [*fresh, *memory.draw(wanted, generator)]
            memory.add(fresh)
        return lots

    def _produced(self, segments: Tensor, generator: torch.Generator) -> Captioned:
        """Raw music under chains, with the captions of those."""
        made = self.produce(segments, TimbreModel.sample_rate, generator)
        return Captioned(made.x, made.texts, [""] * len(made.texts), named=False)

    def _partly_produced(self, named: Captioned, generator: torch.Generator) -> Captioned:
        """Named recordings, the first of them under a chain that their text tells, too."""
        count = round(self.produced_share * len(named.texts))
        if count == 0:
            return named
        made = self.produce_named(named.x[:count], TimbreModel.sample_rate, generator)
        texts = [f"{name}, {how}" for name, how in zip(named.texts[:count], made.texts, strict=True)]
        return named._replace(x=torch.cat([made.x, named.x[count:]]), texts=texts + named.texts[count:])

    def _log_recall(self, name: str, audio: Tensor, text: Tensor, texts: list[str]) -> None:
        figures = {f"{name}R@{k}": recall(audio, text, texts, k) for k in (1, 10)}
        self.log_dict(figures, prog_bar=True, sync_dist=True, batch_size=len(texts), add_dataloader_idx=False)


def recall(audio: Tensor, text: Tensor, texts: list[str], k: int) -> float:
    """Share of the texts that find one of their recordings among the first `k`; the same text, the same
    recordings.
    """
    number = {t: i for i, t in enumerate(dict.fromkeys(texts))}
    own = torch.tensor([number[t] for t in texts], device=audio.device)
    nearest = (text @ audio.T).topk(min(k, len(texts)), dim=1).indices
    return float((own[nearest] == own[:, None]).any(1).float().mean())


def _start(model: TimbreModel, other: Any) -> None:
    """Take over a checkpoint's weights: the whole model's, or those below the last layer whose place and size
    the audio tower has, too.
    """
    if isinstance(other, TimbreModel):
        model.load_state_dict(other.state_dict())
        return
    own = model.audio.state_dict()
    found = {k: v for k, v in other.state_dict().items() if k in own and own[k].shape == v.shape}
    fitting = {k: v for k, v in found.items() if not k.startswith("project.")}
    if not fitting:
        raise ValueError("start_from: that checkpoint has no weights of this audio tower's sizes")
    model.audio.load_state_dict(own | fitting)
