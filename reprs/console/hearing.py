"""What controllers and generators carry to listen with: an encoder, and words in the timbre space."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from reprs.console import listening
from reprs.models.encoder import EffectEncoder
from reprs.models.text import frozen_tower


class Hearing(nn.Module):
    """Tokens of tracks and conditions of wishes, by an encoder and a projection of words in half precision.

    Part of a checkpoint, so that it does not depend on which `effect` and `timbre` are shipped beside it.
    """

    text_spec: str
    ears: nn.Module
    read: nn.Module

    def tokens(self, tracks: Tensor, sample_rate: int, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Tokens `(B, N, D)` and which tracks sound `(B, N)`."""
        return listening.tokens(self.hearing, tracks, sample_rate, mask)

    @torch.no_grad()
    def condition(
        self,
        reference: Tensor | Sequence[Tensor] | None = None,
        text: str | Sequence[str] | None = None,
        sample_rate: int = listening.SAMPLE_RATE,
        batch: int = 1,
    ) -> Tensor:
        """The wish as `(B, R)`: what is heard of references, how the words read, or zeros for neither."""
        if isinstance(reference, Tensor) and reference.ndim == 2:
            reference = [reference] * batch
        texts = [text] * batch if isinstance(text, str) else text
        timbre = None if texts is None else self.embed_text(texts)
        if reference is None and timbre is None:
            return torch.zeros(batch, listening.CONDITION_DIM)
        references = None if reference is None else list(reference)
        return listening.condition(self.hearing, references, sample_rate, timbre)

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Words in the timbre space, `(B, 256)` of unit length."""
        e = copy.deepcopy(self.read).float().eval()(frozen_tower(self.text_spec).encode(list(texts)).cpu())
        return nn.functional.normalize(e, dim=-1)

    @property
    def hearing(self) -> EffectEncoder:
        """The encoder in full precision, made on first use; not part of the weights."""
        awake = self.__dict__.get("_awake")
        if not awake:
            awake = self.__dict__["_awake"] = [copy.deepcopy(self.ears).float().eval()]
        return awake[0]
