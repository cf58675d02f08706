"""Several effects in a row, called like one effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from reprs.effects.spec import Effect, Param, check_audio, natural, ranges
from reprs.effects.streaming import Stream


class Chain:
    """Effects applied one after another, each batch item with its own knobs, bypasses and order.

    `chain(x, sample_rate, z, mask=None, order=None)`: `x` `(B, C, T)`, `z` `(B, P)` with the knobs of all
    effects side by side, `mask` `(B, E)` true where an effect is on (one that is off passes its input
    untouched), `order` `(E,)` or `(B, E)` a permutation of the effects' positions. `sidechain` maps names
    (`chain.names`) of effects that take one to the `(B, C or 1, T)` they listen to instead of their input.
    With `z` `(B, P, frames)` the knobs move.
    """

    def __init__(self, effects: Sequence[Effect]) -> None:
        if not effects:
            raise ValueError("a chain needs at least one effect")
        self.effects = list(effects)
        self.names = _unique([e.name for e in self.effects])
        widths = [len(e) for e in self.effects]
        starts = [sum(widths[:i]) for i in range(len(widths))]
        self.slices = [slice(s, s + w) for s, w in zip(starts, widths, strict=True)]
        self.params: dict[str, Param] = {
            f"{name}.{knob}": param
            for name, e in zip(self.names, self.effects, strict=True)
            for knob, param in e.params.items()
        }

    def __len__(self) -> int:
        return len(self.params)

    def __call__(
        self,
        x: Tensor,
        sample_rate: int,
        z: Tensor,
        mask: Tensor | None = None,
        order: Tensor | Sequence[int] | None = None,
        sidechain: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        check_audio(x)
        if z.shape[:2] != (len(x), len(self)):
            raise ValueError(f"z is ({len(x)}, {len(self)}) for this chain, got {tuple(z.shape)}")
        keys = self._keys(x, sidechain or {})
        queues = self._queues(len(x), mask, order)
        if all(queue == queues[0] for queue in queues):
            for index in queues[0]:
                x = self.effects[index](x, sample_rate, z[:, self.slices[index]], sidechain=keys.get(index))
            return x
        rows = list(x.unbind(0))
        while any(queues):
            index, ready = _fullest(queues)
            batch = torch.stack([rows[r] for r in ready])
            knobs = z[ready][:, self.slices[index]]
            key = keys[index][ready] if index in keys else None
            wet = self.effects[index](batch, sample_rate, knobs, sidechain=key)
            for r, y in zip(ready, wet.unbind(0), strict=True):
                rows[r] = y
                queues[r].pop(0)
        return torch.stack(rows)

    def stream(
        self,
        channels: int,
        sample_rate: int,
        z: Tensor,
        mask: Tensor | None = None,
        order: Tensor | Sequence[int] | None = None,
    ) -> Stream:
        """The chain with knobs `z` `(B, P)`, for `B` signals that come in blocks."""
        return Stream(lambda x: self(x, sample_rate, z, mask, order), len(z), channels)

    def from_unit(self, z: Tensor) -> dict[str, Tensor]:
        """`"effect.knob"` → natural value `(B,)`."""
        return natural(self.params, ranges(self.params), z)

    def to_unit(self, knobs: Mapping[str, object] | None = None, batch: int = 1) -> Tensor:
        """`z` `(B, P)` of natural values by `"effect.knob"`; knobs not named sit at their default."""
        knobs = dict(knobs or {})
        unknown = set(knobs) - set(self.params)
        if unknown:
            raise ValueError(f"this chain has no knob {sorted(unknown)}")
        columns = [
            p.to_unit(torch.as_tensor(knobs.get(n, p.default), dtype=torch.get_default_dtype())).expand(batch)
            for n, p in self.params.items()
        ]
        return torch.stack(columns, dim=1)

    def _keys(self, x: Tensor, sidechain: Mapping[str, Tensor]) -> dict[int, Tensor]:
        """Effect's position → side-chain."""
        unknown = set(sidechain) - set(self.names)
        if unknown:
            raise ValueError(f"this chain has no effect {sorted(unknown)}; it has {self.names}")
        for name, key in sidechain.items():
            if len(key) != len(x):
                raise ValueError(f"the side-chain of {name} has {len(key)} items, the audio {len(x)}")
        return {self.names.index(name): key for name, key in sidechain.items()}

    def _queues(
        self, batch: int, mask: Tensor | None, order: Tensor | Sequence[int] | None
    ) -> list[list[int]]:
        """For every batch item, the positions of its active effects in the order they run."""
        count = len(self.effects)
        on = torch.ones(batch, count, dtype=torch.bool) if mask is None else (mask != 0).cpu()
        if on.shape != (batch, count):
            raise ValueError(f"mask is ({batch}, {count}) for this chain, got {tuple(on.shape)}")
        sequence = torch.arange(count) if order is None else torch.as_tensor(order).cpu()
        sequence = sequence.expand(batch, count)
        if not torch.equal(sequence.sort(dim=1).values, torch.arange(count).expand(batch, count)):
            raise ValueError(f"order is a permutation of 0..{count - 1} for every item")
        return [
            [i for i in steps if active[i]]
            for steps, active in zip(sequence.tolist(), on.tolist(), strict=True)
        ]


def _fullest(queues: list[list[int]]) -> tuple[int, list[int]]:
    """The effect that most items wait for, and those items: few large calls instead of many small ones."""
    waiting: dict[int, list[int]] = {}
    for row, queue in enumerate(queues):
        if queue:
            waiting.setdefault(queue[0], []).append(row)
    index = max(waiting, key=lambda i: (len(waiting[i]), -i))
    return index, waiting[index]


def _unique(names: list[str]) -> list[str]:
    """`["eq", "eq"]` → `["eq", "eq_2"]`."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return result
