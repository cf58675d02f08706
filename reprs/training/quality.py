"""The recipe `quality`: no-reference quality by several objectives at once (Serrà 2021)."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from scipy.stats import pearsonr, spearmanr
from torch import Tensor
from torch.nn import functional as F

from reprs.models import hub
from reprs.models.ears import EffectEar, Standardised
from reprs.models.fault_view import BANDS
from reprs.models.quality import QualityModel, Verdict
from reprs.objectives.ranking import ranking
from reprs.training.ladders import Ladders
from reprs.training.schedule import averaged, optimise
from reprs.views.degradations import seen_kinds, training_kinds

SHORTEST_SHARE = 0.4
# Cuts that say what the rows of a view are like.
MEASURED = 300
# Of the most that vectors of unit length can be apart, 2.
FARTHEST = 1.2


class QualityRecipe(pl.LightningModule):
    """The rank of a clip by the teacher's score, the order on ladders, the faults and their strengths, and
    the distance to the original.

    `hearing` names the ears of the members: own, statistics, effect; the last begins with the weights of the
    checkpoint `start_from`. `weights` say how much each counts. Members with one of `single_ears` learn the
    scores of single faults alone, and the order and the kinds of all. `tilt_db` bends the spectrum of a cut
    at random, the same for all its clips.
    """

    def __init__(
        self,
        hearing: list[str] | None = None,
        ear_options: dict[str, dict[str, Any]] | None = None,
        start_from: str | None = None,
        weights: list[float] | None = None,
        single_ears: list[str] | None = None,
        hidden: int = 512,
        inner: int = 128,
        embedding_dim: int = 64,
        dropout: float = 0.4,
        tilt_db: float = 4.0,
        score_weight: float = 8.0,
        ladder_weight: float = 1.0,
        kind_weight: float = 0.5,
        strength_weight: float = 0.5,
        reference_weight: float = 4.0,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.02,
        warmup_steps: int = 40,
        ema_decay: float = 0.99,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        names, options = hearing or ["own"], dict(ear_options or {})
        encoder = hub.load(start_from or "effect") if "effect" in names else None
        if encoder is not None:
            options["effect"] = {"encoder": encoder.config, **options.get("effect", {})}
        sizes = (hidden, inner, embedding_dim, dropout)
        self.model = QualityModel(training_kinds(), names, options, *sizes, weights)
        for member in self.model.members:
            if isinstance(member.ear, EffectEar) and encoder is not None:
                member.ear.encoder.load_state_dict(encoder.state_dict())
        self.average = averaged(self.model, ema_decay)

    def on_fit_start(self) -> None:
        """The scale is that of the training clips, and so are the views' means and deviations."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        average: Any = self.average.module
        rows = data.training.rows
        for model in (self.model, average):
            for name, member in zip(model.hearing, model.members, strict=True):
                if isinstance(member.ear.norm, Standardised):
                    member.ear.norm.fit([row.views[name] for row in rows[:MEASURED]])
        scores = torch.cat([row.scores for row in rows])
        scale = torch.quantile(scores, torch.linspace(0, 1, len(self.model.scale)))
        for model in (self.model, average):
            model.scale.copy_(scale)

    def training_step(self, batch: Ladders, index: int) -> Tensor:
        tilt_db = self.hparams["tilt_db"]
        views = {name: bent(cropped(view), batch.cuts, tilt_db) for name, view in batch.views.items()}
        learning = in_turn(self.model.hearing, self.global_step)
        single = [self.model.hearing[i] in (self.hparams["single_ears"] or ()) for i in learning]
        verdicts = self.model.verdicts(views, learning)
        of_members = [self.losses(v, batch, only) for v, only in zip(verdicts, single, strict=True)]
        losses = {name: torch.stack([parts[name] for parts in of_members]).mean() for name in of_members[0]}
        for name, loss in losses.items():
            self.log(f"train/{name}", loss, batch_size=len(batch.scores))
        # Each member as if it learnt alone.
        weighed = [self.hparams[f"{name}_weight"] * loss for name, loss in losses.items()]
        return len(of_members) * torch.stack(weighed).sum()

    def losses(self, verdict: Verdict, batch: Ladders, single: bool = False) -> dict[str, Tensor]:
        """Every objective of one member, before its weight; the score of all clips, or of `single` faults."""
        there = (batch.strengths > 0).float()
        apart = (verdict.strengths - batch.strengths).square() * there
        shares = self.model.shares(batch.scores)
        error = (verdict.logit.sigmoid() - shares).square()
        return {
            "score": error[there.sum(1) == 1].mean() if single else error.mean(),
            "ladder": ranking(verdict.logit, *batch.pairs.T),
            "kind": F.binary_cross_entropy_with_logits(verdict.kinds, there),
            "strength": apart.sum() / there.sum().clamp(min=1),
            "reference": departure(verdict.embedding, shares, batch.cuts),
        }

    def on_train_batch_end(self, *_: Any) -> None:
        self.average.update_parameters(self.model)

    def validation_step(self, batch: Ladders, index: int) -> None:
        """Of the average: agreement on single faults of seen kinds, pairs in order, kinds named."""
        model: Any = self.average.module
        parts = [
            model.together(model.verdicts({name: view[chosen] for name, view in batch.views.items()}))
            for chosen in torch.arange(len(batch.scores)).split(64)
        ]
        verdict = Verdict(*(torch.cat(values) for values in zip(*parts, strict=True)))
        one = (batch.strengths > 0).sum(1) == 1
        seen = one & (batch.strengths[:, : len(seen_kinds())] > 0).any(1)
        scores = batch.scores[seen].cpu().numpy()
        pair = verdict.score[seen].cpu().numpy(), scores
        away = _to_clean(verdict.embedding, batch.cuts)[seen].cpu().numpy()
        better, worse = batch.pairs.T
        named = verdict.kinds[one].argmax(1) == batch.strengths[one].argmax(1)
        figures = {
            "SRCC": float(spearmanr(*pair).statistic),
            "PCC": float(pearsonr(*pair).statistic),
            "reference": float(spearmanr(-away, scores).statistic),
            "ladder": float((verdict.logit[better] > verdict.logit[worse]).float().mean()),
            "kind": float(named.float().mean()),
        }
        self.log_dict({f"val/{name}": value for name, value in figures.items()}, batch_size=len(seen))

    def configure_optimizers(self) -> Any:
        return optimise(
            [(self.model, self.hparams["learning_rate"])],
            self.hparams["weight_decay"],
            self.hparams["warmup_steps"],
            self.trainer.estimated_stepping_batches,
        )


def in_turn(hearing: list[str], step: int) -> list[int]:
    """Which members learn at a step: of those with one ear, one after the other.

    They meet different clips, and each clip fewer times: statistics gain by repetition, networks learn the
    kinds by heart.
    """
    places = [[i for i, other in enumerate(hearing) if other == name] for name in dict.fromkeys(hearing)]
    return [own[step % len(own)] for own in places]


def departure(embedding: Tensor, shares: Tensor, cuts: Tensor) -> Tensor:
    """Squared error of the distance to a cut's clean clip, which is in proportion to how many clips lie
    between them, `FARTHEST` at the bottom: `(N, D)` of unit length, shares `(N,)` and cuts `(N,)`.
    """
    clean = shares[_firsts(cuts)]
    lost = (clean - shares).clamp(min=0) / clean.clamp(min=1e-6)
    return F.mse_loss(_to_clean(embedding, cuts), FARTHEST * lost)


def _to_clean(embedding: Tensor, cuts: Tensor) -> Tensor:
    return ((embedding - embedding[_firsts(cuts)]).square().sum(1) + 1e-6).sqrt()


def _firsts(cuts: Tensor) -> Tensor:
    """The index of the first clip of each clip's cut, which is its clean one; `cuts` rise."""
    return torch.searchsorted(cuts, cuts)


def cropped(views: Tensor) -> Tensor:
    """A random stretch of the frames `(N, C, F)`, one for the batch: a score holds for a part as well."""
    frames = views.shape[-1]
    if frames < 8:
        return views
    length = int(torch.randint(int(SHORTEST_SHARE * frames), frames + 1, ()))
    first = int(torch.randint(frames - length + 1, ()))
    return views[..., first : first + length]


def bent(views: Tensor, cuts: Tensor, tilt_db: float) -> Tensor:
    """The band levels of `(N, C, F)` under a smooth random EQ, one a cut: another mix of the same music."""
    if views.shape[-1] < 8 or not tilt_db:
        return views
    places = torch.linspace(0, torch.pi, BANDS, device=views.device)
    waves = torch.cos(torch.arange(1, 5, device=views.device)[:, None] * places)
    drawn = torch.randn(int(cuts.max()) + 1, 4, device=views.device) * tilt_db / 20 / 2
    bend = (drawn @ waves)[cuts, :, None]
    return torch.cat([views[:, :BANDS] + bend, views[:, BANDS:]], dim=1)
