"""Contents of other colours: what hinders an encoder from knowing the pieces it learns from by heart."""

from __future__ import annotations

import torch
from torch import Tensor


def tinted(spectrum: Tensor, chains: int, share: float) -> Tensor:
    """Spectral statistics `(2 · G · chains, 10, bands)` as if every content had another mean spectrum.

    All clips of one content, `chains` in a row, are moved by the same curve: up to `share` of the difference
    between the mean spectra of two clips of the batch. An equaliser before the chain would move them so; the
    other statistics do not hear it.
    """
    contents = len(spectrum) // chains
    one, other = torch.randint(len(spectrum), (2, contents), device=spectrum.device)
    size = share * torch.rand(contents, 1, device=spectrum.device)
    moved = spectrum.clone()
    moved[:, 0] += (size * (spectrum[one, 0] - spectrum[other, 0])).repeat_interleave(chains, 0)
    return moved
