"""A neural stand-in for a plugin, through which gradients flow.

A causal network of dilated convolutions, conditioned on the knobs (Steinmetz and Reiss 2022, "Efficient
neural networks for real-time modeling of analog dynamic range compression"; FiLM: Perez 2018). It puts out a
gain and an addition for every sample, so that before any training it is a wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reprs.effects.spec import Param

QUIET = 1e-4
# A gain of ±43 dB.
LARGEST_NEPERS = 5.0


class NeuralProxy(nn.Module):
    """`proxy(x, sample_rate, **knobs)`: `x` `(B, C, T)`, knobs `(B,)` in natural units → `(B, C, T)`.

    Channels are processed one by one. `params` are the plugin's knobs, `{name: [min, max, default, scale]}`.
    Another rate than `sample_rate`: ValueError.
    """

    def __init__(
        self,
        plugin: str,
        params: Mapping[str, Sequence[Any]],
        sample_rate: int = 44_100,
        width: int = 16,
        kernel: int = 7,
        blocks: int = 5,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "plugin": plugin,
            "params": {name: list(row) for name, row in params.items()},
        }
        self.config |= {"sample_rate": sample_rate, "width": width, "kernel": kernel, "blocks": blocks}
        self.sample_rate = sample_rate
        self.params = {name: Param(row[0], row[1], row[2], row[3]) for name, row in params.items()}
        self.condition = nn.Sequential(nn.Linear(len(params), 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU())
        self.enter = nn.Conv1d(2, width, 1)
        self.blocks = nn.ModuleList(Block(width, kernel, kernel**i, 32) for i in range(blocks))
        self.leave = nn.Conv1d(width, 2, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, sample_rate: int, **knobs: Tensor) -> Tensor:
        if sample_rate != self.sample_rate:
            raise ValueError(f"this proxy plays {self.sample_rate} Hz, not {sample_rate}: resample first")
        z = torch.stack([param.to_unit(knobs[name]) for name, param in self.params.items()], dim=1)
        condition = self.condition((2 * z - 1).repeat_interleave(x.shape[1], dim=0))
        rows = x.reshape(-1, 1, x.shape[2])
        level = torch.log10(rows.abs() + QUIET) / 2 + 1
        h = self.enter(torch.cat([rows, level], dim=1))
        for block in self.blocks:
            h = block(h, condition)
        gain, added = self.leave(h).split(1, dim=1)
        return (rows * torch.exp(LARGEST_NEPERS * torch.tanh(gain)) + added).view_as(x)


class Block(nn.Module):
    """A dilated causal convolution, scaled and shifted by the condition, beside a wire."""

    def __init__(self, width: int, kernel: int, dilation: int, condition: int) -> None:
        super().__init__()
        self.past = (kernel - 1) * dilation
        self.convolve = nn.Conv1d(width, width, kernel, dilation=dilation)
        self.film = nn.Linear(condition, 2 * width)
        self.bend = nn.PReLU(width)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.film(condition)[..., None].chunk(2, dim=1)
        y = self.convolve(F.pad(h, (self.past, 0)))
        return h + self.bend(y * (1 + scale) + shift)
