"""Mixes of many settings of a console of which most parts are alike: what is the same is rendered once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.fader import SEND, gain
from reprs.console.knobs import Knobs

KEPT = 12  # audios of each kind: the settings that others are compared with stay among them


class Reused:
    """Mixes `(R, 2, T)` by `console` of the same `tracks` `(N, C, T)`, with whatever knobs for one mix each.

    For consoles without groups, and knobs that rest. `others` are further inputs of a track, `(I, C, T)`
    each: a row may ask for one of these instead of the track.
    """

    def __init__(self, console: Console, tracks: Tensor, sample_rate: int) -> None:
        self.console, self.tracks, self.sample_rate = console, tracks, sample_rate
        self.others: dict[int, Tensor] = {}
        self._known: dict[str, dict[bytes, Tensor]] = {}

    def offer(self, n: int, others: Tensor) -> None:
        """What rows may ask for in place of a track."""
        self.others[n] = others
        self._known.clear()

    def __call__(self, knobs: Knobs, inputs: Sequence[tuple[int, int]] | None = None) -> Tensor:
        """Mixes of `R` settings; `inputs` says for a row which track is which of its others."""
        return self.console.mastered(self.premaster(knobs, inputs), self.sample_rate, knobs)

    def premaster(self, knobs: Knobs, inputs: Sequence[tuple[int, int]] | None = None) -> Tensor:
        """The same before the master."""
        rows = [(-1, -1)] * len(knobs.tracks) if inputs is None else inputs
        parts = [
            self._of_track(n, knobs, [i if t == n else -1 for t, i in rows]) for n in range(len(self.tracks))
        ]
        return torch.stack(parts).sum(0)

    def answers(self, bus: str, knobs: Knobs) -> Tensor:
        """What a bus returns of each track alone, sent as the knobs say: `(R, N, 2, T)`."""
        none = [-1] * len(knobs.tracks)
        return torch.stack(
            [self._answer(n, bus, knobs, none, self._stem(n, knobs, none)) for n in range(len(self.tracks))],
            1,
        )

    def _of_track(self, n: int, knobs: Knobs, inputs: Sequence[int]) -> Tensor:
        """What a track adds to the premaster, `(R, 2, T)`: itself, and what buses answer."""
        stem = self._stem(n, knobs, inputs)
        return sum((self._answer(n, bus, knobs, inputs, stem) for bus in self.console.buses), stem)

    def _stem(self, n: int, knobs: Knobs, inputs: Sequence[int]) -> Tensor:
        one = knobs.of(torch.tensor([n]))
        on = None if one.tracks_on is None else one.tracks_on[:, 0]
        sends = len(self.console.buses)
        z = one.tracks[:, 0, : one.tracks.shape[2] - sends]

        def render(rows: list[int]) -> Tensor:
            x = torch.stack([self.tracks[n] if inputs[r] < 0 else self.others[n][inputs[r]] for r in rows])
            return self.console.stems(x[:, None], self.sample_rate, _rows(one, rows))[:, 0]

        return self._once(f"stem {n}", [z, on, torch.tensor(inputs)[:, None]], render)

    def _answer(self, n: int, bus: str, knobs: Knobs, inputs: Sequence[int], stem: Tensor) -> Tensor:
        """What a bus answers to a track."""
        place = list(self.console.track_params).index(f"{bus}.send_db")
        sent = gain(SEND, SEND.from_unit(knobs.tracks[:, n, place]))
        there = sent > 0
        if knobs.shared_on is not None:
            there = there & (knobs.shared_on[:, self.console.shared_switches.index(bus)] != 0)
        answer = torch.zeros_like(stem)
        if not bool(there.any()):
            return answer
        live = there.nonzero()[:, 0]
        chosen = _rows(knobs, live.tolist())
        own = [i for i, name in enumerate(self.console.shared_params) if name.startswith(f"{bus}.")]
        strip = chosen.tracks[:, n, : chosen.tracks.shape[2] - len(self.console.buses)]
        on = None if chosen.tracks_on is None else chosen.tracks_on[:, n]
        heard = torch.tensor(inputs)[live][:, None]

        def render(rows: list[int]) -> Tensor:
            return self.console.returned(bus, stem[live[rows]], self.sample_rate, _rows(chosen, rows))

        wet = self._once(f"{bus} {n}", [strip, on, heard, chosen.shared[:, own]], render)
        answer[live] = wet * sent[live][:, None, None]
        return answer

    def _once(self, kind: str, settings: Sequence[Tensor | None], render) -> Tensor:  # type: ignore[no-untyped-def]
        """Rows by their settings `(R, …)`: those that are known, and the rest from `render`, once each."""
        known = self._known.setdefault(kind, {})
        given = [s for s in settings if s is not None]
        keys = [b"".join(s[r].contiguous().numpy().tobytes() for s in given) for r in range(len(given[0]))]
        new = {key: r for r, key in enumerate(keys) if key not in known}
        found = {key: known[key] for key in set(keys) - set(new)}
        if new:
            rendered = render(list(new.values()))
            found |= {key: each.clone() for key, each in zip(new, rendered, strict=True)}
        # The latest are asked for again: first those of these rows, then what was known before.
        for key in dict.fromkeys(keys):
            known.pop(key, None)
            known[key] = found[key]
        while len(known) > KEPT:
            known.pop(next(iter(known)))
        return torch.stack([found[key] for key in keys])


def _rows(knobs: Knobs, rows: list[int]) -> Knobs:
    """Some of the mixes."""
    return replace(
        knobs,
        tracks=knobs.tracks[rows],
        shared=knobs.shared[rows],
        tracks_on=None if knobs.tracks_on is None else knobs.tracks_on[rows],
        shared_on=None if knobs.shared_on is None else knobs.shared_on[rows],
    )
