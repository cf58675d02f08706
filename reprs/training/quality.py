"""The recipe `quality`: no-reference quality by several objectives at once (Serrà 2021)."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from scipy.stats import pearsonr, spearmanr
from torch import Tensor
from torch.nn import functional as F

from reprs.models import hub
from reprs.models.ears import EffectEar
from reprs.models.fault_view import BANDS
from reprs.models.quality import QualityModel, Verdict
from reprs.objectives.ranking import ranking
from reprs.training.ladders import Ladders
from reprs.training.schedule import averaged, optimise
from reprs.views.degradations import seen_kinds, training_kinds

SHORTEST_SHARE = 0.4


class QualityRecipe(pl.LightningModule):
    """The rank of a clip by the teacher's score, the order on ladders, the faults and their strengths.

    `ear` is "own", "statistics" or "effect"; the last begins with the weights of the checkpoint `start_from`.
    `tilt_db` bends the spectrum of a cut at random, the same for all its clips.
    """

    def __init__(
        self,
        ear: str = "own",
        ear_options: dict[str, Any] | None = None,
        start_from: str | None = None,
        hidden: int = 128,
        embedding_dim: int = 64,
        dropout: float = 0.2,
        tilt_db: float = 4.0,
        score_weight: float = 8.0,
        ladder_weight: float = 1.0,
        kind_weight: float = 0.5,
        strength_weight: float = 0.5,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.02,
        warmup_steps: int = 40,
        ema_decay: float = 0.99,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        encoder = hub.load(start_from or "effect") if ear == "effect" else None
        options = (ear_options or {}) | ({"encoder": encoder.config} if encoder is not None else {})
        self.model = QualityModel(training_kinds(), ear, options, hidden, embedding_dim, dropout)
        if isinstance(self.model.ear, EffectEar) and encoder is not None:
            self.model.ear.encoder.load_state_dict(encoder.state_dict())
        self.average = averaged(self.model, ema_decay)

    def on_fit_start(self) -> None:
        """The scale is that of the training clips."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        average: Any = self.average.module
        scores = torch.cat([row.scores for row in data.training.rows])
        scale = torch.quantile(scores, torch.linspace(0, 1, len(self.model.scale)))
        for model in (self.model, average):
            model.scale.copy_(scale)

    def training_step(self, batch: Ladders, index: int) -> Tensor:
        views = bent(cropped(batch.views), batch.cuts, self.hparams["tilt_db"])
        losses = self.losses(self.model.verdict(self.model.ear(views)), batch)
        for name, loss in losses.items():
            self.log(f"train/{name}", loss, batch_size=len(batch.scores))
        return torch.stack([self.hparams[f"{name}_weight"] * loss for name, loss in losses.items()]).sum()

    def losses(self, verdict: Verdict, batch: Ladders) -> dict[str, Tensor]:
        """Every objective, before its weight."""
        there = (batch.strengths > 0).float()
        apart = (verdict.strengths - batch.strengths).square() * there
        return {
            "score": F.mse_loss(verdict.logit.sigmoid(), self.model.shares(batch.scores)),
            "ladder": ranking(verdict.logit, *batch.pairs.T),
            "kind": F.binary_cross_entropy_with_logits(verdict.kinds, there),
            "strength": apart.sum() / there.sum().clamp(min=1),
        }

    def on_train_batch_end(self, *_: Any) -> None:
        self.average.update_parameters(self.model)

    def validation_step(self, batch: Ladders, index: int) -> None:
        """Of the average: agreement on single faults of seen kinds, pairs in order, kinds named."""
        model: Any = self.average.module
        verdict = model.verdict(torch.cat([model.ear(part) for part in batch.views.split(64)]))
        one = (batch.strengths > 0).sum(1) == 1
        seen = one & (batch.strengths[:, : len(seen_kinds())] > 0).any(1)
        pair = verdict.score[seen].cpu().numpy(), batch.scores[seen].cpu().numpy()
        better, worse = batch.pairs.T
        named = verdict.kinds[one].argmax(1) == batch.strengths[one].argmax(1)
        figures = {
            "SRCC": float(spearmanr(*pair).statistic),
            "PCC": float(pearsonr(*pair).statistic),
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
