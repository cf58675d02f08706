"""A long mix in little memory: some tracks at a time, whose stems are handed on as they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from reprs.console.console import Console, Parts
from reprs.console.knobs import Knobs
from reprs.console.saved_mix import SavedMix
from reprs.console.session import Session

# About half a gigabyte of stereo samples.
MOST_AT_ONCE = 2**27


@dataclass(frozen=True)
class Mixdown:
    """A mix `(2, T)` behind `output_db`, and what groups and buses add to the stems, by name."""

    mix: Tensor
    returns: dict[str, Tensor]
    output_db: float


@torch.no_grad()
def mixdown(
    session: Session, saved: SavedMix, keep: Callable[[str, Tensor], None] = lambda name, stem: None
) -> Mixdown:
    """Mix the session; `keep(name, stem)` gets every stem `(2, T)` behind its fader.

    `output_db` is the saved mix's, and lower where this would clip.
    """
    console, rate = saved.console, session.sample_rate
    knobs = _audible(saved.knobs)
    feeds: dict[str, Tensor] = {}
    count = max(1, min(8, MOST_AT_ONCE // (2 * session.samples)))
    for chosen in torch.arange(len(session.tracks)).split(count):
        stems = _stems(console, session, knobs, chosen)
        for name, feed in console.feeds(stems, knobs.of(chosen)).items():
            feeds[name] = feeds[name] + feed if name in feeds else feed
        for index, stem in zip(chosen.tolist(), stems[0], strict=True):
            keep(session.names[index], stem)
    parts = console.finish(stems[:, :0], feeds, rate, knobs)
    return _levelled(parts, saved.output_db)


def _stems(console: Console, session: Session, knobs: Knobs, chosen: Tensor) -> Tensor:
    """Stems of some tracks; those they listen to go along."""
    keys = torch.empty(0, dtype=torch.long) if knobs.patch.key is None else knobs.patch.key[0, chosen]
    others = [k for k in sorted(set(keys[keys >= 0].tolist())) if k not in chosen.tolist()]
    along = torch.cat([chosen, torch.tensor(others, dtype=torch.long)])
    tracks = session.batch(along.tolist())
    return console.stems(tracks, session.sample_rate, knobs.of(along))[:, : len(chosen)]


def _audible(knobs: Knobs) -> Knobs:
    """Solo as mutes, so that a part of the tracks knows of it."""
    there = torch.ones(knobs.tracks.shape[:2], dtype=torch.bool)
    patch = replace(knobs.patch, soloed=None, muted=~knobs.patch.audible(there))
    return replace(knobs, patch=patch)


def _levelled(parts: Parts, output_db: float) -> Mixdown:
    from reprs.console.text_eq import headroom_db

    mix = parts.mix[0]
    gain_db = output_db + headroom_db(mix * 10 ** (output_db / 20))
    returns = {name: audio[0] for name, audio in (parts.groups | parts.buses).items() if bool(audio.any())}
    return Mixdown(mix * 10 ** (gain_db / 20), returns, gain_db)
