"""The effect encoder: stereo audio → an embedding of how it was produced."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reprs.audio.resample import resample
from reprs.audio.windows import covering
from reprs.models.frontend import (
    CepstralMotion,
    Dynamics,
    EchoCepstrum,
    MovingComb,
    StereoMel,
    spectral_statistics,
)

MIN_DURATION_S = 0.1
# The weight of the readings beside the search part.
READING_SHARE = 0.05
COMB_WIDTH = 20


class EffectEncoder(nn.Module):
    """Views of a clip, a small network for each, and one embedding of unit length.

    `forward` takes `(B, 2, T)` at `sample_rate` and returns `(B, embedding_dim)`; `features` returns the
    layer below, which carries more about single knobs. `embed` takes audio of any rate and length.

    With `readings`, the embedding has two parts side by side, each from all views with the same weight. The
    first is for search. The last `readings` numbers say which effects are on; they are for probes and
    classifiers, and weigh `READING_SHARE` of the first, so that search does not hear them.

    With `motion` there is a sixth view beside the readings (`CepstralMotion`), for phasers.

    `dropout` is that of training, on what the join hears and on its layers.
    """

    sample_rate = 44_100
    window_s = 3.0

    def __init__(
        self,
        embedding_dim: int = 256,
        width: int = 40,
        hidden: int = 512,
        bands: int = 96,
        readings: int = 0,
        motion: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= readings < embedding_dim:
            raise ValueError(
                f"readings are a part of embedding_dim: 0 to {embedding_dim - 1}, not {readings}"
            )
        self.config = {"embedding_dim": embedding_dim, "width": width, "hidden": hidden, "bands": bands}
        if readings:  # left out otherwise, so that checkpoints from before it keep their hash
            self.config["readings"] = readings
        if motion and not readings:
            raise ValueError("motion needs readings above 0: search alone does without it")
        if motion:
            self.config["motion"] = motion
        self.embedding_dim, self.readings = embedding_dim, readings
        self.hidden, self.feature_dim = hidden, hidden + readings
        self.mel = StereoMel(self.sample_rate, bands=bands)
        self.echo = EchoCepstrum(self.sample_rate)
        self.dynamics = Dynamics()
        self.mel_net = MapNet(5, bands, width)
        self.echo_net = EchoNet(self.echo.bins)
        self.spectrum_net = _perceptron(10 * bands, 256)
        self.dynamics_net = _perceptron(self.dynamics.width, 128)
        # In the order of the views.
        self.part_dims = {"mel": 256, "spectrum": 256, "echo": 256, "dynamics": 128}
        if readings:
            self.comb = MovingComb(self.sample_rate)
            self.comb_net = MapNet(5, self.comb.bins, COMB_WIDTH)
            self.part_dims["comb"] = 256
        if motion:
            self.motion = CepstralMotion(bands)
            self.motion_net = _perceptron(math.prod(self.motion.shape), 128)
            self.part_dims["motion"] = 128
        heard = sum(self.part_dims.values())
        first, second = nn.Linear(heard, hidden), nn.Linear(hidden, hidden)
        if readings:
            self.read = nn.Linear(heard, readings)
            drop = nn.Dropout(dropout)
            self.join = nn.Sequential(drop, first, nn.GELU(), drop, second, nn.GELU(), drop)
        else:
            self.join = nn.Sequential(nn.LayerNorm(heard), first, nn.GELU(), second, nn.GELU())
        self.project = nn.Linear(hidden, embedding_dim - readings)

    def views(self, x: Tensor) -> tuple[Tensor, ...]:
        """What the networks see of `x`, in float32 whatever the autocast; in the order of `part_dims`."""
        # A few clips at a time stay in a CPU's cache: half the time of one large batch.
        parts = [self._views(part) for part in x.split(4 if x.device.type == "cpu" else len(x))]
        return tuple(torch.cat(view) for view in zip(*parts, strict=True))

    def _views(self, x: Tensor) -> tuple[Tensor, ...]:
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            x = x / (x.square().mean((1, 2), keepdim=True).sqrt() + 1e-7)
            mel = self.mel(x)
            views = [mel, spectral_statistics(mel), self.echo(x), self.dynamics(x)]
            views += [self.comb(x)] if "comb" in self.part_dims else []
            views += [self.motion(mel)] if "motion" in self.part_dims else []
            return tuple(views)

    def features(self, x: Tensor) -> Tensor:
        """`(B, 2, T)` → `(B, feature_dim)`."""
        return self.features_of(self.views(x))

    def features_of(self, views: tuple[Tensor, ...]) -> Tensor:
        """What `views` returned → `(B, feature_dim)`: the features for search, then the readings."""
        heard = self.heard(self.parts_of(views))
        return torch.cat([self.join(heard), self.read(heard)], dim=1) if self.readings else self.join(heard)

    def parts_of(self, views: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """What `views` returned → what each network says of its view, `(B, part_dims[name])`."""
        return {n: self.part(n, view) for n, view in zip(self.part_dims, views, strict=True)}

    def part(self, name: str, view: Tensor) -> Tensor:
        """One view → what its network says."""
        shaped = SHAPED[name](view) if name in SHAPED else view
        said: Tensor = self.get_submodule(f"{name}_net")(shaped)
        return said

    def heard(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The parts side by side, `(B, …)`; with readings each has the same weight."""
        each = [parts[name] for name in self.part_dims]
        return torch.cat([F.layer_norm(x, x.shape[1:]) for x in each] if self.readings else each, dim=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))

    def head(self, features: Tensor) -> Tensor:
        """Features → embedding of unit length, in float32."""
        search = self.search_of(features[:, : self.hidden])
        if not self.readings:
            return search
        readings = F.normalize(features[:, self.hidden :].float(), dim=-1)
        return F.normalize(torch.cat([search, READING_SHARE * readings], dim=1), dim=-1)

    def search(self, x: Tensor) -> Tensor:
        """`(B, 2, T)` → the embedding without its readings, of unit length."""
        return self.search_of(self.join(self.heard(self.parts_of(self.views(x)))))

    def search_of(self, joined: Tensor) -> Tensor:
        """Features for search → the embedding without its readings, of unit length, in float32."""
        return F.normalize(self.project(joined).float(), dim=-1)

    @torch.no_grad()
    def embed(self, audio: Tensor | list[Tensor], sample_rate: int) -> Tensor:
        """Embed whole recordings: `(C, T)`, `(B, C, T)` or a list of `(C, T_i)` → `(B, D)`, unit length.

        Mono or stereo, at least 0.1 s. Longer recordings are cut into windows of about `window_s`; their
        embeddings are averaged. An item's result does not depend on the batch it is in.
        """
        items = [audio] if isinstance(audio, Tensor) and audio.ndim == 2 else list(audio)
        if not items:
            raise ValueError("nothing to embed: the list of recordings is empty")
        was_training = self.training
        self.eval()
        try:
            return torch.stack([self._embed_one(item, sample_rate) for item in items])
        finally:
            self.train(was_training)

    def _embed_one(self, x: Tensor, sample_rate: int) -> Tensor:
        x = resample(as_stereo(x, sample_rate), sample_rate, self.sample_rate).to(self.project.weight.device)
        e = torch.cat([self(batch) for batch in self._windows(x).split(8)])
        return F.normalize(e.mean(0), dim=0)

    def _windows(self, x: Tensor) -> Tensor:
        """`(2, T)` → `(W, 2, window)`: as few equal windows as cover it, none much longer than `window_s`."""
        total, window = x.shape[-1], round(self.window_s * self.sample_rate)
        if total <= 1.5 * window:
            return x[None]
        return torch.stack([x[:, s : s + window] for s in covering(total, window)])


class MapNet(nn.Module):
    """A small residual network over maps of rows and frames, pooled over time: mean, deviation, maximum."""

    def __init__(self, channels: int, rows: int, width: int, out_dim: int = 256) -> None:
        super().__init__()
        self.stem = _convolution(channels, width, 5, (2, 2))
        self.stages = nn.ModuleList(
            [
                Residual(width, 2 * width, (2, 2)),
                Residual(2 * width, 3 * width, (2, 2)),
                Residual(3 * width, 4 * width, (2, 1)),
            ]
        )
        self.squeeze = nn.Conv2d(4 * width, 2 * width, 1)
        self.out = nn.Sequential(
            nn.Linear(3 * 2 * width * -(-rows // 16), out_dim), nn.GELU(), nn.Linear(out_dim, out_dim)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """`(B, channels, rows, frames)` → `(B, out_dim)`."""
        y = self.stem(maps.contiguous(memory_format=torch.channels_last))
        for stage in self.stages:
            y = stage(y)
        y = self.squeeze(y).flatten(1, 2).float()
        pooled = [y.mean(-1), (y.var(-1, unbiased=False) + 1e-4).sqrt(), y.amax(-1)]
        return self.out(torch.cat(pooled, dim=1))


def mel_maps(mel: Tensor) -> Tensor:
    """`StereoMel`'s output → what its network sees: level, its movement, stereo, and how high a band is."""
    mid, ratio, correlation = mel.unbind(1)
    mid = mid - mid.mean((1, 2), keepdim=True)
    contrast = mid - mid.mean(2, keepdim=True)
    return torch.stack([mid / 4, contrast / 2, ratio / 3, correlation, _height(mid)], dim=1)


def comb_maps(comb: Tensor) -> Tensor:
    """`MovingComb`'s output → what its network sees: both peaks, their movement, and how high a row is."""
    moving = comb - comb.mean(3, keepdim=True)
    return torch.cat([comb - 1, moving, _height(comb[:, 0])[:, None]], dim=1)


def _height(rows: Tensor) -> Tensor:
    """From -1 in the lowest row to 1 in the highest, in the shape of `rows` `(B, rows, frames)`."""
    return torch.linspace(-1, 1, rows.shape[1], device=rows.device, dtype=rows.dtype)[:, None].expand_as(rows)


# How a view is brought into the shape that its network takes.
SHAPED: dict[str, Callable[[Tensor], Tensor]] = {
    "mel": mel_maps,
    "spectrum": lambda spectrum: spectrum.flatten(1),
    "comb": comb_maps,
    "motion": lambda motion: motion.flatten(1),
}


class Residual(nn.Module):
    """Two 3 × 3 convolutions and a shortcut (He 2016)."""

    def __init__(self, channels_in: int, channels_out: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = _convolution(channels_in, channels_out, 3, stride)
        self.second = _convolution(channels_out, channels_out, 3, (1, 1), activation=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        return F.gelu(y + self.second(y))


class EchoNet(nn.Module):
    """Convolutions along quefrency: the pattern of an echo and its repeats is the same at every delay."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.width = 256
        layers: list[nn.Module] = []
        for channels_in, channels_out, stride in ((6, 32, 2), (32, 48, 2), (48, 48, 1)):
            layers += [
                nn.Conv1d(channels_in, channels_out, 7, stride, 3),
                nn.BatchNorm1d(channels_out),
                nn.GELU(),
            ]
        self.net = nn.Sequential(*layers)
        self.out = _perceptron(48 * -(-bins // 4), self.width)

    def forward(self, echo: Tensor) -> Tensor:
        return self.out(self.net(echo).flatten(1))


def _convolution(
    channels_in: int, channels_out: int, size: int, stride: tuple[int, int], activation: bool = True
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(channels_in, channels_out, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(channels_out),
    ]
    return nn.Sequential(*layers, nn.GELU()) if activation else nn.Sequential(*layers)


def _perceptron(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm1d(inputs), nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, width))


def as_stereo(x: Tensor, sample_rate: int) -> Tensor:
    """One recording as `(2, T)`; refuses what cannot be embedded, in one line."""
    if x.ndim != 2 or x.shape[0] not in (1, 2):
        raise ValueError(f"a recording is mono or stereo, (1 or 2, samples); got {tuple(x.shape)}")
    if x.shape[1] < MIN_DURATION_S * sample_rate:
        raise ValueError(f"need at least {MIN_DURATION_S} s of audio, got {x.shape[1] / sample_rate:.3f} s")
    if not bool(torch.isfinite(x).all()):
        raise ValueError("the audio contains NaN or infinite samples")
    return x.float().expand(2, -1)
