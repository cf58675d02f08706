"""The recipe `proxy`: a network that imitates a plugin, for its gradients (Steinmetz 2022)."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from reprs.effects.black_box import from_pedalboard
from reprs.effects.spec import Effect
from reprs.models.proxy import NeuralProxy

# Below this an item's error hardly counts: knobs that do nothing would outweigh all others.
NEGLIGIBLE = 1e-2


class ProxyRecipe(pl.LightningModule):
    """Random clips at random levels through the plugin with random knobs; the network follows.

    The loss is the error's energy over the signal's, item by item, which weighs quiet clips like loud ones.
    `ranges` narrows knobs: `{release_ms: [20, 400]}`.
    """

    def __init__(
        self,
        plugin: str = "Compressor",
        ranges: dict[str, list[float]] | None = None,
        width: int = 16,
        kernel: int = 7,
        blocks: int = 5,
        sample_rate: int = 44_100,
        level_db: list[float] | None = None,
        learning_rate: float = 3e-3,
        warmup_steps: int = 20,
        ema_decay: float = 0.98,
        seconds: float = 1.0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.plugin = plugin_of(plugin, ranges or {})
        params = {n: [p.min, p.max, p.default, p.scale] for n, p in self.plugin.params.items()}
        self.proxy = NeuralProxy(plugin, params, sample_rate, width, kernel, blocks)
        self.average = AveragedModel(self.proxy, multi_avg_fn=get_ema_multi_avg_fn(ema_decay))
        self.level_db = level_db or [-30.0, 0.0]

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        x, z, wet = self.example(batch)
        error = error_of(self._play(self.proxy, x, z), wet)
        self.log("train/error_db", 10 * torch.log10(error.mean()), prog_bar=True)
        return (error + NEGLIGIBLE).log().mean()

    def on_train_batch_end(self, *_: Any) -> None:
        self.average.update_parameters(self.proxy)

    def validation_step(self, batch: Tensor, index: int) -> None:
        """Error of the average, and of a wire in its place, over the same clips and knobs."""
        generator = torch.Generator().manual_seed(index)
        x, z, wet = self.example(batch, generator)
        for name, y in (("proxy", self._play(self.average, x, z)), ("wire", x)):
            error_db = 10 * torch.log10(error_of(y, wet).clamp(min=1e-6))
            self.log(f"val/{name}_db", error_db.mean(), batch_size=len(x))

    def example(
        self, batch: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The loudest part of every mono clip at a random level, random knobs, what the plugin makes."""
        samples = int(self.hparams["seconds"] * self.hparams["sample_rate"])
        x = loudest(batch.mean(dim=1, keepdim=True), samples)
        low, high = self.level_db
        peak_db = low + (high - low) * torch.rand(len(x), 1, 1, generator=generator).to(x)
        x = x / x.abs().amax(dim=(1, 2), keepdim=True).clamp(min=1e-4) * 10 ** (peak_db / 20)
        z = torch.rand(len(x), len(self.plugin), generator=generator).to(x)
        with torch.no_grad():
            return x, z, self.plugin(x, self.hparams["sample_rate"], z)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.proxy.parameters(), lr=self.hparams["learning_rate"])
        total, warmup = self.trainer.max_steps, self.hparams["warmup_steps"]

        def rate(step: int) -> float:
            falling = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * min(step / max(total, 1), 1)))).item()
            return min((step + 1) / warmup, 1) * max(falling, 0.02)

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _play(self, network: Any, x: Tensor, z: Tensor) -> Tensor:
        y: Tensor = network(x, self.hparams["sample_rate"], **self.plugin.from_unit(z))
        return y


def plugin_of(name: str, ranges: dict[str, list[float]]) -> Effect:
    """The plugin as a black box without a gradient, its knobs narrowed."""
    effect = from_pedalboard(name, gradient="none")
    return effect.narrow(**{knob: (low, high) for knob, (low, high) in ranges.items()})


def error_of(y: Tensor, wet: Tensor) -> Tensor:
    """Energy of the error over that of the signal, `(B,)`."""
    return (y - wet).square().sum((1, 2)) / wet.square().sum((1, 2)).clamp(min=1e-8)


def loudest(x: Tensor, samples: int) -> Tensor:
    """Of every clip `(B, 1, T)` the stretch of `samples` with the most energy, among four."""
    if x.shape[2] <= samples:
        return x
    starts = torch.linspace(0, x.shape[2] - samples, 4).long().tolist()
    parts = torch.stack([x[..., start : start + samples] for start in starts], dim=1)
    best = parts.square().sum((2, 3)).argmax(dim=1)
    return parts[torch.arange(len(x), device=x.device), best]
