"""A controller: tracks and a wish (a reference or words) → knobs of strips, buses and master."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reprs.console import listening
from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.console.standard import standard_console
from reprs.models.controller import ControllerNetwork, Logits
from reprs.models.encoder import EffectEncoder
from reprs.models.text import frozen_tower
from reprs.models.timbre import TextProjection

# An effect is on where the network gives it at least this chance: what it is not sure of it sets gently.
ON = 0.35


class Controller(nn.Module):
    """`controller(tracks, sample_rate, mask, reference=…, text=…)` → `Knobs` of the standard console.

    Carries, in half precision, the encoder it listens with and the projection of words into the timbre
    space, so that other checkpoints may change. `console` names another console with some of the same knobs
    (`single_console()`): it gets its columns. Tracks that are masked or silent keep neutral knobs.
    """

    def __init__(
        self,
        ears: Mapping[str, Any] | None = None,
        text: str = "minilm",
        text_width: int = 384,
        width: int = 160,
        layers: int = 3,
        heads: int = 4,
        dropout: float = 0.1,
        knobs: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        console = standard_console()
        names = names_of(console)
        if knobs is not None and {k: list(v) for k, v in knobs.items()} != names:
            raise ValueError("this checkpoint turns the knobs of another console: train it again")
        self.config: dict[str, Any] = {"ears": dict(ears or {}), "text": text, "text_width": text_width}
        self.config |= {"width": width, "layers": layers, "heads": heads, "dropout": dropout, "knobs": names}
        self.console, self.text_spec = console, text
        self.ears = EffectEncoder(**(ears or {})).half()
        self.read = TextProjection(text_width, listening.TIMBRE_DIM).half()
        sizes = [len(names[n]) for n in ("tracks", "shared", "tracks_on", "shared_on")]
        self.network = ControllerNetwork(
            listening.TOKEN_DIM,
            listening.CONDITION_DIM,
            *sizes,
            width,
            layers,
            heads,
            dropout,
            listening.COMPARED,
        )
        self.requires_grad_(False)
        self.network.requires_grad_(True)
        self._awake: list[EffectEncoder] = []

    @classmethod
    def around(cls, ears: EffectEncoder, timbre: Any, **sizes: Any) -> Controller:
        """An untrained controller that listens with a trained encoder and reads words as `timbre` does."""
        text_width = timbre.config["text_width"]
        new = cls(ears.config, timbre.text_spec, text_width, **sizes)
        new.ears.load_state_dict(ears.state_dict())
        new.read.load_state_dict(timbre.read.state_dict())
        return new

    @torch.no_grad()
    def forward(
        self,
        tracks: Tensor,
        sample_rate: int,
        mask: Tensor | None = None,
        reference: Tensor | Sequence[Tensor] | None = None,
        text: str | Sequence[str] | None = None,
        reference_rate: int | None = None,
        console: Console | None = None,
    ) -> Knobs:
        """Knobs for `tracks` `(B, N, C, T)`; `mask` `(B, N)` is true for tracks that are there.

        `reference`: `(C, T)`, or one a mix, at `reference_rate` Hz (that of the tracks, if None). `text`: a
        description, or one a mix. Either, both, or neither: then it is a careful mix of its own.
        """
        tokens, there = listening.tokens(self.hearing, tracks, sample_rate, mask)
        condition = self.condition(reference, text, reference_rate or sample_rate, len(tracks))
        return self.turned(self.network.eval()(tokens, condition, there), there, console)

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
        return listening.condition(self.hearing, reference, sample_rate, timbre)

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Words in the timbre space, `(B, 256)` of unit length."""
        e = copy.deepcopy(self.read).float().eval()(frozen_tower(self.text_spec).encode(texts).cpu())
        return nn.functional.normalize(e, dim=-1)

    def turned(self, logits: Logits, there: Tensor, console: Console | None = None) -> Knobs:
        """What the network says as knobs of `console`; neutral where no track sounds."""
        wanted = console or self.console
        neutral = wanted.neutral(*there.shape)
        ours = names_of(self.console)
        theirs = names_of(wanted)
        parts = [torch.sigmoid(logits.tracks), torch.sigmoid(logits.shared)]
        parts += [torch.sigmoid(logits.tracks_on) >= ON, torch.sigmoid(logits.shared_on) >= ON]
        plain = [neutral.tracks, neutral.shared, neutral.tracks_on, neutral.shared_on]
        for found, start, name in zip(
            parts, plain, ("tracks", "shared", "tracks_on", "shared_on"), strict=True
        ):
            assert start is not None
            for column, knob in enumerate(theirs[name]):
                if knob in ours[name]:
                    start[..., column] = found[..., ours[name].index(knob)]
        fresh = wanted.neutral(*there.shape)
        assert fresh.tracks_on is not None and neutral.tracks_on is not None
        keep = there[..., None]
        tracks = torch.where(keep, neutral.tracks, fresh.tracks)
        return Knobs(tracks, neutral.shared, neutral.tracks_on & keep, neutral.shared_on)

    @property
    def hearing(self) -> EffectEncoder:
        """The encoder in full precision, on first use; not part of the weights."""
        if not self._awake:
            self._awake.append(copy.deepcopy(self.ears).float().eval())
        return self._awake[0]


def names_of(console: Console) -> dict[str, list[str]]:
    """What the columns of a console's knobs and switches are called."""
    return {
        "tracks": list(console.track_params),
        "shared": list(console.shared_params),
        "tracks_on": list(console.track_switches),
        "shared_on": list(console.shared_switches),
    }
