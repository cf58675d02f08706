"""A chain over the rows of many tracks: every effect where it is on, in one batch, in as little memory."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from reprs.console.fader import at_rest
from reprs.effects import Chain, Effect

# From this many samples on, backward runs an effect again rather than keep what it computed.
MOST_KEPT = 2**23


def run(
    chain: Chain,
    x: Tensor,
    sample_rate: int,
    z: Tensor,
    on: Tensor | None = None,
    keys: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    early: tuple[int, Tensor] | None = None,
) -> Tensor:
    """`x` `(R, C, T)` through `chain` with knobs `z` `(R, P)` or `(R, P, frames)`.

    `on` `(R, E)` is false where an effect is passed by. `keys` maps an effect's name to rows `(R,)` of bool
    and, for each of these, the audio that it listens to there instead of its input. `early` is an effect's
    place and the rows `(R,)` of bool where it comes before the one that precedes it.
    """
    for index, there in _steps(chain, on, early):
        name, effect, knobs = chain.names[index], chain.effects[index], z[:, chain.slices[index]]
        if knobs.ndim == 3 and at_rest(knobs):
            knobs = knobs[..., 0]
        rows = None if there is None or bool(there.all()) else there.nonzero()[:, 0]
        if rows is None:
            x = _apply(effect, x, sample_rate, knobs, _key(x, None, (keys or {}).get(name)))
        elif len(rows):
            wet = _apply(effect, x[rows], sample_rate, knobs[rows], _key(x, rows, (keys or {}).get(name)))
            x = x.index_copy(0, rows, wet)
    return x


def _steps(
    chain: Chain, on: Tensor | None, early: tuple[int, Tensor] | None
) -> list[tuple[int, Tensor | None]]:
    """Places of effects as they are run, each with the rows `(R,)` where it is on, None being all of them."""
    steps = [(index, None if on is None else on[:, index]) for index in range(len(chain.effects))]
    if early is not None and bool(early[1].any()):
        index, rows = early
        there = steps[index][1]
        steps[index] = (index, ~rows if there is None else there & ~rows)
        steps.insert(index - 1, (index, rows if there is None else there & rows))
    return steps


def _key(x: Tensor, rows: Tensor | None, key: tuple[Tensor, Tensor] | None) -> Tensor | None:
    """What an effect listens to: `x`, and another audio in some rows; None where it is all `x`."""
    if key is None or not bool(key[0].any()):
        return None
    heard = x.index_copy(0, key[0].nonzero()[:, 0], key[1].to(x.dtype))
    return heard if rows is None else heard[rows]


def _apply(effect: Effect, x: Tensor, sample_rate: int, z: Tensor, key: Tensor | None) -> Tensor:
    def render(x: Tensor, z: Tensor, key: Tensor | None) -> Tensor:
        return effect(x, sample_rate, z, sidechain=key)

    wants_gradient = torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad for tensor in (x, z, key)
    )
    if wants_gradient and x.numel() > MOST_KEPT:
        return checkpoint(render, x, z, key, use_reentrant=False, preserve_rng_state=False)
    return render(x, z, key)
