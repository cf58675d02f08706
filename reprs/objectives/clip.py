"""Contrast of two towers: open_clip's losses, with the embeddings of every process as candidates."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from reprs import _cpu_torch


def contrast(audio: Tensor, text: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """Loss of pairs `audio[i]`, `text[i]`, both `(N, D)` of unit length; logits are `scale · cosine + bias`.

    Without a `bias` the softmax loss of CLIP (Radford 2021), with one the sigmoid loss of SigLIP (Zhai
    2023). Under DDP every process calls it with equal N; the mean over the processes, and of the gradients,
    is that of one process with all pairs.
    """
    if audio.shape != text.shape or audio.ndim != 2:
        raise ValueError(f"audio and text are both (N, D), got {tuple(audio.shape)} and {tuple(text.shape)}")
    _cpu_torch.prepare()
    from open_clip.loss import ClipLoss, SigLipLoss

    rank, world_size = _place()
    # Logits near 100 need more than the eight bits of bfloat16.
    with torch.autocast(audio.device.type, enabled=False):
        if bias is None:
            clip = ClipLoss(local_loss=True, gather_with_grad=True, rank=rank, world_size=world_size)
            return clip(audio, text, scale)
        return SigLipLoss(rank=rank, world_size=world_size)(audio, text, scale, bias)


def _place() -> tuple[int, int]:
    """Rank and number of processes."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1
