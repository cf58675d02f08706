"""A mix as readable JSON: every track with its effects in natural units, then what the tracks share.

A knob that moves is a list of values, spread evenly over the audio. An effect that is left out is off, a
knob that is left out at its default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.knobs import NOWHERE, Knobs, Patch
from reprs.console.mix_json import joined, nested, settings
from reprs.console.natural import number, snapped
from reprs.console.read_saved import read_saved
from reprs.console.standard import single_console, standard_console
from reprs.console.swapped import Swaps, played
from reprs.effects import Param

FORMAT_VERSION = 1
OWN = ("format", "console", "groups", "strip", "sample_rate", "output_db", "tracks", "shared")


@dataclass(frozen=True)
class SavedMix:
    """One mix: `kind` is the console ("standard" or "single") with `groups`; `knobs` of a batch of one.

    `strip` says which effects of the strips are others (`reprs.console.swapped`). `output_db` is behind the
    master; `details` is what else there is to say, as JSON.
    """

    kind: str
    names: tuple[str, ...]
    knobs: Knobs
    sample_rate: int
    output_db: float = 0.0
    groups: tuple[str, ...] = ()
    strip: Swaps = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def console(self) -> Console:
        """The console that the knobs are for."""
        return console_of(self.kind, self.groups, self.strip)

    def snapped(self) -> SavedMix:
        """The mix with every knob at a value of few digits."""
        console, knobs = self.console, self.knobs
        tracks = _each(console.track_params, knobs.tracks, 2)
        return replace(
            self, knobs=replace(knobs, tracks=tracks, shared=_each(console.shared_params, knobs.shared, 1))
        )

    def to_json(self, **also: Any) -> str:
        """Everything, and `also`, as a JSON object."""
        console, knobs, patch = self.console, self.knobs, self.knobs.patch
        tracks = []
        for n, name in enumerate(self.names):
            on = None if knobs.tracks_on is None else knobs.tracks_on[0, n]
            settings = nested(console.track_params, knobs.tracks[0, n], console.track_switches, on)
            tracks.append({"name": name, **self._plugged(patch, n), **settings})
        shared_on = None if knobs.shared_on is None else knobs.shared_on[0]
        content = {
            "format": FORMAT_VERSION,
            "console": self.kind,
            **({"groups": list(self.groups)} if self.groups else {}),
            **({"strip": played(self.strip)} if self.strip else {}),
            "sample_rate": self.sample_rate,
            "output_db": self.output_db,
            **self.details,
            **also,
            "tracks": tracks,
            "shared": nested(console.shared_params, knobs.shared[0], console.shared_switches, shared_on),
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def _plugged(self, patch: Patch, n: int) -> dict[str, Any]:
        """What is not as usual with a track."""
        found: dict[str, Any] = {}
        for name, flags in (("muted", patch.muted), ("soloed", patch.soloed)):
            if flags is not None and bool(flags[0, n]):
                found[name] = True
        for name, plugs, names in (
            ("listens_to", patch.key, self.names),
            ("group", patch.group, self.groups),
        ):
            if plugs is not None and int(plugs[0, n]) != NOWHERE:
                found[name] = names[int(plugs[0, n])]
        return found


def console_of(kind: str, groups: Sequence[str] = (), strip: Swaps | None = None) -> Console:
    """The console that a file calls "standard" or "single", with other effects in its `strip`."""
    if kind == "standard":
        return standard_console(groups, strip)
    if kind == "single" and not groups:
        return single_console(strip)
    raise ValueError(f"the console is 'standard', or 'single' without groups, not {kind!r}")


def read_mix(path: str | Path) -> SavedMix:
    """The mix of a JSON file, edited or not; raises ValueError with one line."""
    return read_saved(
        path, _mix, FORMAT_VERSION, "mix", "give the JSON of an earlier mix or match", "a saved mix"
    )


def _mix(found: Mapping[str, Any]) -> SavedMix:
    names = tuple(str(track["name"]) for track in found["tracks"])
    groups = tuple(map(str, found.get("groups", ())))
    if not names or len(set(names)) < len(names):
        raise ValueError("every track needs a name of its own")
    if paths := [name for name in (*names, *groups) if set(name) & set("/\\\0")]:
        raise ValueError(f"a name becomes that of a file and cannot be a path: {paths[0]!r}")
    strip = found.get("strip", {})
    console = console_of(found["console"], groups, played(strip))
    tracks, switches = zip(
        *(
            settings(console.track_params, console.track_switches, track, f"{track['name']}.")
            for track in found["tracks"]
        ),
        strict=True,
    )
    shared, shared_on = settings(console.shared_params, console.shared_switches, found["shared"], "")
    knobs = Knobs(joined(tracks, still=1)[None], shared[None], torch.stack(switches)[None], shared_on[None])
    return SavedMix(
        kind=found["console"],
        names=names,
        knobs=replace(knobs, patch=_patch(found["tracks"], names, groups)),
        sample_rate=int(found["sample_rate"]),
        output_db=number(found.get("output_db", 0.0), "output_db"),
        groups=groups,
        strip=strip,
        details={name: value for name, value in found.items() if name not in OWN},
    )


def _patch(tracks: Sequence[Mapping[str, Any]], names: Sequence[str], groups: Sequence[str]) -> Patch:
    def plugs(what: str, among: Sequence[str]) -> Tensor | None:
        wanted = [track.get(what) for track in tracks]
        unknown = [name for name in wanted if name is not None and name not in among]
        if unknown:
            raise ValueError(f"{what} is one of {', '.join(among) or 'nothing here'}, not {unknown[0]!r}")
        numbers = [NOWHERE if name is None else list(among).index(name) for name in wanted]
        return torch.tensor([numbers]) if any(n != NOWHERE for n in numbers) else None

    def flags(what: str) -> Tensor | None:
        found = [track.get(what, False) for track in tracks]
        if not all(isinstance(flag, bool) for flag in found):
            raise ValueError(f"{what} is true or false")
        return torch.tensor([found]) if any(found) else None

    return Patch(plugs("listens_to", names), plugs("group", groups), flags("muted"), flags("soloed"))


def _each(params: Mapping[str, Param], z: Tensor, dim: int) -> Tensor:
    each = [snapped(param, column) for param, column in zip(params.values(), z.unbind(dim), strict=True)]
    return torch.stack(each, dim) if each else z
