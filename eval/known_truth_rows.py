"""Rows of the known truth: generators that learn from one mix a song, and what their samples have of it."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import Tensor, nn

from eval import known_truth as truth

SONGS, SAMPLES = 48, 100
SIZES: dict[str, Any] = {
    "tracks": (truth.TRACK_KNOBS, truth.SWITCHES),
    "mix": (truth.MIX_KNOBS,),
}
NETWORK = {"width": 96, "layers": 3}
BATCH, LEARNING_RATE, DECAY = 128, 1e-3, 0.995


def rows(steps: int, seed: int = 0, only: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """Figures of every generator after `steps` of `BATCH` songs, on `SONGS` new ones; and of the truth."""
    from reprs.models.flow import MixGenerator
    from reprs.models.rivals import ConditionalVAE, GaussianPrior, Regression

    world = truth.World(seed)
    heard = {"token_dim": truth.TOKEN_DIM, "condition_dim": truth.STYLE_DIM}
    torch.manual_seed(seed)
    made: dict[str, Any] = {
        "flow": lambda: MixGenerator(**heard, **SIZES, **NETWORK),
        "conditional VAE": lambda: ConditionalVAE(**heard, **SIZES, **NETWORK),
        "regression": lambda: Regression(**heard, **SIZES, **NETWORK),
        "Gaussian prior": lambda: GaussianPrior(**SIZES),
    }
    songs = world.songs(SONGS, _dice(seed, 1))
    target = redrawn(songs, _dice(seed, 2))[0]
    result = {"the truth again": judged(songs, target, *redrawn(songs, _dice(seed, 3)))}
    for name, make in made.items():
        if not only or name in only:
            begin = time.perf_counter()
            model = learned(make(), world, steps, _dice(seed, 4))
            result[name] = judged(songs, target, *sampled(model, songs, _dice(seed, 5)))
            result[name]["seconds"] = round(time.perf_counter() - begin, 1)
    return result


def learned(model: Any, world: truth.World, steps: int, dice: torch.Generator) -> Any:
    """`model`, or the moving average of its weights, after `steps`; a Gaussian is measured."""
    songs = world.songs(4096, dice)
    u = encoded(model, truth.mixed(songs, dice))
    if not isinstance(model, nn.Module) or not hasattr(model, "loss"):
        model.measure(u, songs.mask)
        return model
    model.scale.measure(u, songs.mask)
    for part in model.modules():
        if hasattr(part, "standardise"):
            part.standardise(songs.tokens[songs.mask], songs.style)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(DECAY), use_buffers=True
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    for _ in range(steps):
        songs = world.songs(BATCH, dice)
        u = encoded(model, truth.mixed(songs, dice))
        optimizer.zero_grad()
        model.loss(u, songs.tokens, songs.style, songs.mask).mean().backward()
        optimizer.step()
        schedule.step()
        average.update_parameters(model)
    return average.module.eval()


def encoded(model: Any, mixed: truth.Mixed) -> tuple[Tensor, Tensor]:
    """What a generator learns from: settings in [0, 1] and switches, in its coordinates."""
    from reprs.models.coordinates import unit

    return model.tracks.encode(unit(mixed.tracks), mixed.on), model.mix.encode(unit(mixed.mix))


def sampled(model: Any, songs: truth.Songs, dice: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Normal scores `(B, S, N, K)`, `(B, S, M)` and switches of `SAMPLES` settings a song."""
    from reprs.models.coordinates import normal_score

    count = len(songs.tokens)
    heard = [x.repeat_interleave(SAMPLES, 0) for x in (songs.tokens, songs.style, songs.mask)]
    rows, tracks = heard[2].shape
    sizes = model.noise_sizes
    noise = (
        torch.randn(rows, tracks, sizes[0], generator=dice),
        torch.randn(rows, sizes[1], generator=dice),
    )
    u = model.draw(noise, *heard)
    z, on, _ = model.tracks.decode(u[0])
    mix = model.mix.decode(u[1])[0]
    shape = (count, SAMPLES)
    return normal_score(z).unflatten(0, shape), normal_score(mix).unflatten(0, shape), on.unflatten(0, shape)


def judged(songs: truth.Songs, target: Tensor, tracks: Tensor, mix: Tensor, on: Tensor) -> dict[str, Any]:
    found = truth.figures(songs, tracks, mix, on)
    found["80 % intervals cover"] = truth.coverage(songs, target, tracks)
    return {name: round(value, 4) for name, value in found.items()}


def redrawn(songs: truth.Songs, dice: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """As many mixes of the truth as the generators make."""
    many = [truth.mixed(songs, dice) for _ in range(SAMPLES)]
    return tuple(torch.stack([getattr(m, n) for m in many], 1) for n in ("tracks", "mix", "on"))  # type: ignore


def _rate(step: int, steps: int) -> float:
    """Warm-up over 100 steps, then half a cosine."""
    return min(1.0, (step + 1) / 100) * (0.01 + 0.99 * (1 + math.cos(math.pi * step / steps)) / 2)


def _dice(seed: int, purpose: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 * seed + purpose)
