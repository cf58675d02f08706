"""A controller: tracks and a wish (a reference or words) → knobs of strips, buses and master."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from reprs.console import listening
from reprs.console.console import Console
from reprs.console.hearing import Hearing
from reprs.console.knobs import FIRST, Knobs
from reprs.console.standard import standard_console
from reprs.console.swapped import Swaps
from reprs.console.trim import trimmed
from reprs.models.controller import ControllerNetwork, Logits
from reprs.models.encoder import EffectEncoder
from reprs.models.timbre import TextProjection

# An effect is on where the network gives it at least this chance: what it is not sure of it sets gently.
ON = 0.35
# Of the network: weights whose rows are the answers, first knobs, then switches.
ANSWERS = {
    "of_track.2.": "tracks", "straight_to_track.": "tracks", "mean_tracks": "tracks",
    "of_shared.2.": "shared", "straight_to_shared.": "shared", "mean_shared": "shared",
}  # fmt: skip


class Controller(Hearing):
    """`controller(tracks, sample_rate, mask, reference=…, text=…)` → `Knobs` of the standard console.

    Carries, in half precision, the encoder it listens with and the projection of words into the timbre
    space, so that other checkpoints may change. `console` names another console with some of the same knobs
    (`single_console()`): it gets its columns. Tracks that are masked or silent keep neutral knobs. `strip`
    says which effects of the strips are others, such as plugins (`reprs.console.swapped`).
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
        strip: Swaps | None = None,
    ) -> None:
        super().__init__()
        console = standard_console(strip=strip)
        names = names_of(console)
        if knobs is not None and {k: list(v) for k, v in knobs.items()} != names:
            raise ValueError("this checkpoint turns the knobs of another console: train it again")
        self.config: dict[str, Any] = {"ears": dict(ears or {}), "text": text, "text_width": text_width}
        self.config |= {"width": width, "layers": layers, "heads": heads, "dropout": dropout, "knobs": names}
        self.config |= {"strip": dict(strip)} if strip else {}
        self.console, self.text_spec = console, text
        self.ears = EffectEncoder(**(ears or {})).half()
        self.read = TextProjection(text_width, listening.TIMBRE_DIM).half()
        self.network = ControllerNetwork(
            listening.TOKEN_DIM,
            listening.CONDITION_DIM,
            track_knobs=len(names["tracks"]),
            shared_knobs=len(names["shared"]),
            track_switches=len(names["tracks_on"]),
            shared_switches=len(names["shared_on"]),
            width=width,
            layers=layers,
            heads=heads,
            dropout=dropout,
            compared=listening.COMPARED,
        )
        self.requires_grad_(False)
        self.network.requires_grad_(True)

    @classmethod
    def around(cls, ears: EffectEncoder, timbre: Any, **sizes: Any) -> Controller:
        """An untrained controller that listens with a trained encoder and reads words as `timbre` does."""
        text_width = timbre.config["text_width"]
        new = cls(ears.config, timbre.text_spec, text_width, **sizes)
        new.ears.load_state_dict(ears.state_dict())
        new.read.load_state_dict(timbre.read.state_dict())
        return new

    @property
    def strip(self) -> Swaps:
        """Which effects of the strips are others than the shipped ones."""
        found: Swaps = self.config.get("strip", {})
        return found

    @torch.no_grad()
    def start_like(self, other: Controller) -> None:
        """Take over another controller's network, of one size: answers for knobs and switches of one name.

        What the other has none of begins as it is here.
        """
        mine, theirs = names_of(self.console), names_of(other.console)
        found = {name: value.clone() for name, value in self.network.state_dict().items()}
        for name, value in other.network.state_dict().items():
            answers = next((kind for end, kind in ANSWERS.items() if end in name), None)
            if answers is None:
                found[name] = value
                continue
            ours, others = _answers(mine, answers), _answers(theirs, answers)
            rows = [(i, others.index(knob)) for i, knob in enumerate(ours) if knob in others]
            to, of = (torch.tensor(places) for places in zip(*rows, strict=True))
            found[name][to] = value[of]
        self.network.load_state_dict(found)

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
        description, or one a mix. Either, both, or neither: then it is a careful mix of its own. At last all
        faders are trimmed together until the mix is as loud as the reference.
        """
        tokens, there = self.tokens(tracks, sample_rate, mask)
        if isinstance(reference, Tensor) and reference.ndim == 2:
            reference = [reference] * len(tracks)
        rate = reference_rate or sample_rate
        condition = self.condition(reference, text, rate, len(tracks))
        knobs = self.turned(self.network.eval()(tokens, condition, there), there, console)
        if reference is None:
            return knobs
        return trimmed(console or self.console, tracks, sample_rate, knobs, list(reference), rate, there)

    def answers(self, logits: Logits) -> Knobs:
        """What the network says as knobs of the controller's own console, with its gradient."""
        knobs = torch.sigmoid(logits.tracks), torch.sigmoid(logits.shared)
        # Of an order neither answer is the gentler one.
        least = [0.5 if name.endswith(FIRST) else ON for name in self.console.track_switches]
        tracks_on = torch.sigmoid(logits.tracks_on)
        on = tracks_on >= tracks_on.new_tensor(least), torch.sigmoid(logits.shared_on) >= ON
        return Knobs(*knobs, *on)

    def turned(self, logits: Logits, there: Tensor, console: Console | None = None) -> Knobs:
        """What the network says as knobs of `console`; neutral where no track sounds."""
        wanted = console or self.console
        neutral = wanted.neutral(*there.shape)
        ours = names_of(self.console)
        theirs = names_of(wanted)
        said = self.answers(logits)
        parts = [said.tracks, said.shared, said.tracks_on, said.shared_on]
        plain = [neutral.tracks, neutral.shared, neutral.tracks_on, neutral.shared_on]
        for found, start, name in zip(
            parts, plain, ("tracks", "shared", "tracks_on", "shared_on"), strict=True
        ):
            assert start is not None and found is not None
            for column, knob in enumerate(theirs[name]):
                if knob in ours[name]:
                    start[..., column] = found[..., ours[name].index(knob)]
        fresh = wanted.neutral(*there.shape)
        assert fresh.tracks_on is not None and neutral.tracks_on is not None
        keep = there[..., None]
        tracks = torch.where(keep, neutral.tracks, fresh.tracks)
        return Knobs(tracks, neutral.shared, neutral.tracks_on & keep, neutral.shared_on)


def _answers(names: Mapping[str, Sequence[str]], of: str) -> list[str]:
    return [*names[of], *(f"{switch}.on" for switch in names[f"{of}_on"])]


def names_of(console: Console) -> dict[str, list[str]]:
    """What the columns of a console's knobs and switches are called."""
    return {
        "tracks": list(console.track_params),
        "shared": list(console.shared_params),
        "tracks_on": list(console.track_switches),
        "shared_on": list(console.shared_switches),
    }
