"""The console: tracks → strips → groups → sends to shared buses → master → a stereo mix.

A differentiable mixing console after Steinmetz, Pons, Pascual and Serrà (2021), with exact effects in place
of learned ones. Nothing in it delays: the effects are free of latency, so that tracks stay together whatever
is on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from reprs.console import strip as strips
from reprs.console.fader import FADER, PAN, SEND, gain, panned, values
from reprs.console.knobs import FIRST, NOWHERE, Knobs
from reprs.console.section import Section, sections
from reprs.effects import Chain, Param


@dataclass(frozen=True)
class Parts:
    """What a mix consists of: `premaster` is the sum of stems that go straight to it, groups and buses.

    `stems` `(B, N, 2, T)` are behind fader and pan; `groups`, `buses` (name → `(B, 2, T)`), `premaster` and
    `mix` `(B, 2, T)`.
    """

    stems: Tensor
    groups: dict[str, Tensor]
    buses: dict[str, Tensor]
    premaster: Tensor
    mix: Tensor


class Console:
    """The same `strip` for every track, `groups` to route tracks through, `buses` to send to, a `master`.

    A track's knobs are its strip's, then fader, pan and a send to every bus, taken behind the fader. Names
    are "compressor.threshold_db", "fader_db", "reverb.send_db"; shared ones begin with their section:
    "master.compressor.ratio". A bus answers with what its chain gives, so its effects should be all wet
    (`effect.fix(mix=1)`); its one switch silences it. Where `Patch.key` says so, the effects of a strip that
    take a side-chain listen to another track as it comes in. `movable` is an effect of the strip that comes
    before the one that precedes it where its switch "compressor.first" is on; that is the order of effects.
    """

    def __init__(
        self,
        strip: Chain,
        buses: Mapping[str, Chain] | None = None,
        master: Chain | None = None,
        groups: Mapping[str, Chain] | None = None,
        movable: str | None = None,
    ) -> None:
        self.strip, self.buses, self.groups = strip, dict(buses or {}), dict(groups or {})
        self.master = master
        self._sends = {f"{bus}.send_db": SEND for bus in self.buses}
        self._desk: dict[str, Param] = {"fader_db": FADER, "pan": PAN, **self._sends}
        self._sections = sections(self.groups, self.buses, master, self._sends)
        self.track_params: dict[str, Param] = {**strip.params, **self._desk}
        self._movable = None if movable is None else strip.names.index(movable)
        self.track_switches = [*strip.names, *([] if movable is None else [movable + FIRST])]
        each = self._sections.values()
        self.shared_params: dict[str, Param] = {n: p for s in each for n, p in s.params.items()}
        self.shared_switches = [switch for section in each for switch in section.switches]
        if self._movable == 0:
            raise ValueError(f"{movable!r} is the first effect of the strip: nothing precedes it")
        if len(self.track_params) < len(strip) + len(self._desk):
            raise ValueError(f"a bus and an effect of the strip want the same knob: {sorted(self._sends)}")

    def __call__(self, tracks: Tensor, sample_rate: int, knobs: Knobs, mask: Tensor | None = None) -> Tensor:
        """The mix `(B, 2, T)` of `tracks` `(B, N, C, T)`, mono or stereo; `mask` `(B, N)` is true for tracks
        that are there."""
        return self.render(tracks, sample_rate, knobs, mask).mix

    def render(self, tracks: Tensor, sample_rate: int, knobs: Knobs, mask: Tensor | None = None) -> Parts:
        """The mix and everything on the way to it; the same samples as `__call__`."""
        self.check(tracks, knobs, mask)
        stems = self.stems(tracks, sample_rate, knobs, mask)
        return self.finish(stems, self.feeds(stems, knobs), sample_rate, knobs)

    def stems(self, tracks: Tensor, sample_rate: int, knobs: Knobs, mask: Tensor | None = None) -> Tensor:
        """Every track through its strip, fader and pan: `(B, N, 2, T)`; one that is not there is silence."""
        there = torch.ones(tracks.shape[:2], dtype=torch.bool, device=tracks.device)
        there = there if mask is None else mask.to(tracks.device) != 0
        rows = there.flatten().nonzero()[:, 0]
        everyone = len(rows) == there.numel()
        if len(rows) == 0:
            return tracks.new_zeros(*there.shape, 2, tracks.shape[-1])

        def chosen(values: Tensor) -> Tensor:
            return values.flatten(0, 1) if everyone else values.flatten(0, 1)[rows]

        z = chosen(knobs.tracks)
        on = None if knobs.tracks_on is None else chosen(knobs.tracks_on) != 0
        keys = self._keys(tracks, knobs, there, rows)
        early = None if on is None or self._movable is None else (self._movable, on[:, -1])
        wet = strips.run(self.strip, chosen(tracks), sample_rate, z[:, : len(self.strip)], on, keys, early)
        desk = values(self._desk, z[:, len(self.strip) :], tracks.shape[-1])
        level = gain(FADER, desk["fader_db"]) * chosen(knobs.patch.audible(there)[..., None]).to(wet)
        stems = panned(wet, desk["pan"]) * level[:, None]
        if not everyone:
            silence = stems.new_zeros(there.numel(), *stems.shape[1:])
            stems = silence.index_copy(0, rows, stems)
        return stems.unflatten(0, there.shape)

    def feeds(self, stems: Tensor, knobs: Knobs) -> dict[str, Tensor]:
        """What "master", each group and each bus `(B, 2, T)` get from `stems`; those of all tracks add up."""
        desk = values(self._desk, self._of_desk(knobs.tracks), stems.shape[-1])
        found = {bus: _mixed(stems, gain(SEND, desk[f"{bus}.send_db"])) for bus in self.buses}
        group = knobs.patch.group
        if group is None:
            return found | {"master": stems.sum(1)}
        for index, name in enumerate(("master", *self.groups)):
            found[name] = _mixed(stems, (group == index + NOWHERE).to(stems).reshape(-1, 1))
        return found

    def finish(self, stems: Tensor, feeds: Mapping[str, Tensor], sample_rate: int, knobs: Knobs) -> Parts:
        """Groups, buses and master of what they get (`feeds`)."""
        inputs, groups = dict(feeds), {}
        for name in self.groups if knobs.patch.group is not None else ():
            groups[name], sent = self._group(self._sections[name], inputs[name], sample_rate, knobs)
            inputs |= {bus: inputs[bus] + sent[bus] for bus in self.buses}
        buses = {bus: self.returned(bus, inputs[bus], sample_rate, knobs) for bus in self.buses}
        premaster = inputs["master"]
        for part in (*groups.values(), *buses.values()):
            premaster = premaster + part
        return Parts(stems, groups, buses, premaster, self.mastered(premaster, sample_rate, knobs))

    def returned(self, name: str, x: Tensor, sample_rate: int, knobs: Knobs) -> Tensor:
        """What a bus answers to `x` `(B, 2, T)`; one that is off is silent."""
        bus = self._sections[name]
        on = bus.on(knobs.shared_on)
        if on is not None and not bool(on.any()):
            return torch.zeros_like(x)
        y = strips.run(bus.chain, x, sample_rate, bus.of_chain(knobs.shared))
        return y if on is None else y * on.to(y)[..., None]

    def mastered(self, x: Tensor, sample_rate: int, knobs: Knobs) -> Tensor:
        """The mix `(B, 2, T)` of what comes before the master."""
        if self.master is None:
            return x
        master = self._sections["master"]
        return strips.run(
            self.master, x, sample_rate, master.of_chain(knobs.shared), master.on(knobs.shared_on)
        )

    def neutral(self, batch: int, tracks: int) -> Knobs:
        """Knobs that change nothing but the sum: all effects off, faders at 0 dB, sends closed."""
        each = [param.to_unit(torch.tensor(float(param.default))) for param in self.track_params.values()]
        shared = [param.to_unit(torch.tensor(float(param.default))) for param in self.shared_params.values()]
        return Knobs(
            torch.stack(each).repeat(batch, tracks, 1),
            torch.stack(shared).repeat(batch, 1) if shared else torch.zeros(batch, 0),
            torch.zeros(batch, tracks, len(self.track_switches), dtype=torch.bool),
            torch.zeros(batch, len(self.shared_switches), dtype=torch.bool),
        )

    def names(self, track_names: Sequence[str]) -> list[str]:
        """What the columns of `flatten` mean: "vocals.compressor.threshold_db", …, "reverb.decay_s", …"""
        names = [f"{track}.{knob}" for track in track_names for knob in self.track_params]
        names += self.shared_params
        if len(set(names)) < len(names):
            raise ValueError(f"every track needs a name of its own, other than {list(self._sections)}")
        return names

    def flatten(self, knobs: Knobs) -> Tensor:
        """All knobs as one `z` `(B, N · Pt + Ps)`, or `(…, frames)` where any of them move."""
        tracks, shared = knobs.tracks.flatten(1, 2), knobs.shared
        if tracks.ndim != shared.ndim:
            frames = tracks.shape[2] if tracks.ndim == 3 else shared.shape[2]
            tracks, shared = (
                z if z.ndim == 3 else z[..., None].expand(-1, -1, frames) for z in (tracks, shared)
            )
        if tracks.shape[2:] != shared.shape[2:]:
            raise ValueError("one z has one number of frames: give tracks and shared knobs the same")
        return torch.cat([tracks, shared], dim=1)

    def unflatten(self, z: Tensor, tracks: int, like: Knobs | None = None) -> Knobs:
        """The inverse of `flatten`; switches and patch are those of `like`, else all on, none plugged."""
        width = tracks * len(self.track_params)
        each, shared = z[:, :width].unflatten(1, (tracks, len(self.track_params))), z[:, width:]
        return replace(like, tracks=each, shared=shared) if like else Knobs(each, shared)

    def check(self, tracks: Tensor, knobs: Knobs, mask: Tensor | None = None) -> None:
        """Refuse what does not fit together, with one line."""
        if tracks.ndim != 4 or tracks.numel() == 0 or tracks.shape[2] > 2:
            raise ValueError(
                f"tracks are (batch, tracks, 1 or 2 channels, samples), got {tuple(tracks.shape)}"
            )
        batch, count = tracks.shape[:2]
        wanted = {
            "knobs.tracks": (knobs.tracks, (batch, count, len(self.track_params))),
            "knobs.shared": (knobs.shared, (batch, len(self.shared_params))),
            "knobs.tracks_on": (knobs.tracks_on, (batch, count, len(self.track_switches))),
            "knobs.shared_on": (knobs.shared_on, (batch, len(self.shared_switches))),
            "the mask": (mask, (batch, count)),
            **{f"patch.{name}": (value, (batch, count)) for name, value in vars(knobs.patch).items()},
        }
        for name, (given, shape) in wanted.items():
            if given is not None and given.shape[: len(shape)] != shape:
                raise ValueError(f"{name} is {shape} for these tracks, got {tuple(given.shape)}")
        for name, most in (("key", count), ("group", len(self.groups))):
            plugged = getattr(knobs.patch, name)
            if plugged is not None and not bool(((plugged >= NOWHERE) & (plugged < most)).all()):
                raise ValueError(f"patch.{name} is from {NOWHERE} (none) to {most - 1}")

    def _keys(
        self, tracks: Tensor, knobs: Knobs, there: Tensor, rows: Tensor
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Effect → rows with a side-chain, and what they listen to; a track that is not there is silence."""
        if knobs.patch.key is None:
            return {}
        key = knobs.patch.key.to(tracks.device)
        first = torch.arange(len(key), device=key.device)[:, None] * key.shape[1]
        source = (first + key).flatten()[rows]
        has_key = (key >= 0).flatten()[rows]
        heard = there.flatten()[source[has_key]][:, None, None]
        audio = tracks.flatten(0, 1)[source[has_key]].where(heard, tracks.new_zeros(()))
        named = zip(self.strip.names, self.strip.effects, strict=True)
        return {name: (has_key, audio) for name, effect in named if effect.takes_sidechain}

    def _of_desk(self, knobs: Tensor) -> Tensor:
        return knobs.flatten(0, 1)[:, len(self.strip) :]

    def _group(
        self, group: Section, x: Tensor, sample_rate: int, knobs: Knobs
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """A group behind its fader, and what it sends to every bus."""
        y = strips.run(group.chain, x, sample_rate, group.of_chain(knobs.shared), group.on(knobs.shared_on))
        desk = values({"fader_db": FADER, **self._sends}, group.of_desk(knobs.shared), x.shape[-1])
        y = y * gain(FADER, desk["fader_db"])[:, None]
        return y, {bus: y * gain(SEND, desk[f"{bus}.send_db"])[:, None] for bus in self.buses}


def _mixed(stems: Tensor, gains: Tensor) -> Tensor:
    """The sum of stems `(B, N, 2, T)` times gains `(B · N, 1 or T)`: `(B, 2, T)`."""
    gains = gains.to(stems).unflatten(0, stems.shape[:2])
    if gains.shape[-1] == 1:
        return torch.einsum("bnct,bn->bct", stems, gains[..., 0])
    return (stems * gains[:, :, None]).sum(1)
