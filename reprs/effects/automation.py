"""Knobs that move: `z` `(B, P, frames)`, joined by straight lines, an own setting for every sample.

The samples of a clip become the items of a batch, each with its knobs. What an effect does to single samples
needs no word for that; what remembers joins the samples again and runs with coefficients that move (see
`reprs.audio.timeline`). Where a setting plays a whole clip, as a reverb's response does, and the effect is
declared linear, every frame's setting plays the audio under its own triangular window: the windows add up to
one, so knobs at rest give the static result.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from reprs.audio import timeline

# Audio, knobs `(B, P)`, side-chain or None → audio.
Render = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def automated(render: Render, x: Tensor, z: Tensor, key: Tensor | None, linear: bool) -> Tensor:
    """`render` with `z` `(B, P, frames)`, the first frame at the first sample of `x`, the last at the last.

    Raises ValueError where an effect needs a whole clip for a setting and is not linear.
    """
    return (_windowed if linear else _clip_by_clip)(render, x, z, key)


def at_every_sample(z: Tensor, samples: int) -> Tensor:
    """`(B, P, frames)` → `(B, P, samples)`, straight lines between the frames; one frame stays as it is."""
    if z.shape[2] == 1:
        return z.expand(-1, -1, samples)
    position = torch.arange(samples, device=z.device, dtype=torch.float64) * (
        (z.shape[2] - 1) / max(samples - 1, 1)
    )
    left = position.long().clamp(max=z.shape[2] - 2)
    share = (position - left).to(z.dtype)
    return torch.lerp(z[..., left], z[..., left + 1], share)


def _clip_by_clip(render: Render, x: Tensor, z: Tensor, key: Tensor | None) -> Tensor:
    """One after another where no gradient is wanted: the coefficients of every sample are much memory."""
    if torch.is_grad_enabled() and (x.requires_grad or z.requires_grad):
        return _folded(render, x, z, key)
    keys = [None] * len(x) if key is None else list(key.split(1))
    parts = zip(x.split(1), z.split(1), keys, strict=True)
    return torch.cat([_folded(render, *part) for part in parts])


def _folded(render: Render, x: Tensor, z: Tensor, key: Tensor | None) -> Tensor:
    clips, _, samples = x.shape
    fold = timeline.Fold(clips, samples)
    knobs = at_every_sample(z, samples).transpose(1, 2).flatten(0, 1)
    heard = None if key is None else fold.split(key)
    with timeline.folding(fold):
        return fold.join(render(fold.split(x), knobs, heard))


def _windowed(render: Render, x: Tensor, z: Tensor, key: Tensor | None) -> Tensor:
    frames = z.shape[2]
    windows = at_every_sample(torch.eye(frames, dtype=x.dtype, device=x.device)[None], x.shape[2])[0]
    return torch.stack([render(x * windows[i], z[..., i], key) for i in range(frames)]).sum(0)
