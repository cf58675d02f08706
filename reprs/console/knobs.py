"""All the knobs of a console: what every track has, what they share, what is on and what is plugged where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

NOWHERE = -1
# How the switch of an order is called: "compressor.first" where the compressor precedes the equaliser.
FIRST = ".first"


@dataclass(frozen=True)
class Patch:
    """What is plugged where; a field that is None is as if it said "no" for every track.

    `key` `(B, N)` is the track whose input a track's dynamics listen to (a side-chain), `group` `(B, N)` the
    group that a track goes to instead of the master; `NOWHERE` is none. `muted` and `soloed` `(B, N)` are
    true or false; where any track of a mix is soloed the others are silent.
    """

    key: Tensor | None = None
    group: Tensor | None = None
    muted: Tensor | None = None
    soloed: Tensor | None = None

    def of(self, tracks: Tensor) -> Patch:
        """The patch of `tracks` `(M,)`, positions in this one, in their order; lost keys are none."""
        key = self.key
        if key is not None:
            place = torch.full((key.shape[1],), NOWHERE, device=key.device)
            place[tracks] = torch.arange(len(tracks), device=key.device)
            key = place[key.clamp(min=0)].where(key >= 0, key)[:, tracks]
        group, muted, soloed = (_columns(v, tracks) for v in (self.group, self.muted, self.soloed))
        return Patch(key, group, muted, soloed)

    def audible(self, there: Tensor) -> Tensor:
        """`(B, N)`: there, not muted, and soloed where any track of the mix is."""
        audible = there
        if self.soloed is not None:
            soloed = there & (self.soloed.to(there.device) != 0)
            audible = audible & (soloed | ~soloed.any(dim=1, keepdim=True))
        return audible if self.muted is None else audible & (self.muted.to(there.device) == 0)


@dataclass(frozen=True)
class Knobs:
    """Settings in [0, 1] for `B` mixes of `N` tracks: `tracks` `(B, N, Pt)` and `shared` `(B, Ps)`.

    `tracks_on` `(B, N, Et)` and `shared_on` `(B, Es)` say which effects are on, and behind them those of
    tracks what the order is (see `FIRST`); None is all on in the usual order. Knobs that move have a last
    dimension of frames, spread evenly over the audio. What a column means only the console knows
    (`Console.track_params`, `.shared_params`, `.track_switches`, `.shared_switches`).
    """

    tracks: Tensor
    shared: Tensor
    tracks_on: Tensor | None = None
    shared_on: Tensor | None = None
    patch: Patch = Patch()

    def of(self, tracks: Tensor) -> Knobs:
        """The knobs of `tracks` `(M,)`, positions in these, in their order: some of them, or all shuffled."""
        return replace(
            self,
            tracks=self.tracks[:, tracks],
            tracks_on=_columns(self.tracks_on, tracks),
            patch=self.patch.of(tracks),
        )


def all_on(names: Sequence[str]) -> Tensor:
    """Switches `(E,)` with every effect on and in the usual order."""
    return torch.tensor([not name.endswith(FIRST) for name in names], dtype=torch.bool)


def _columns(values: Tensor | None, tracks: Tensor) -> Tensor | None:
    return None if values is None else values[:, tracks]
