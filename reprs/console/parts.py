"""The parts of a console by the names that people use, and settings without some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.knobs import FIRST, Knobs, all_on
from reprs.console.regions import REGIONS_HZ, parse_region

# What people call the parts of a console → its effects, or what stands for fader and pan.
CALLED = {
    "eq": ("highpass", "parametric_eq"),
    "equaliser": ("highpass", "parametric_eq"),
    "equalizer": ("highpass", "parametric_eq"),
    "compression": ("compressor",),
    "saturation": ("distortion",),
    "width": ("stereo_width",),
    "level": ("fader",),
    "volume": ("fader",),
    "panning": ("pan",),
}


def parts_of(console: Console) -> list[str]:
    """The names of effects and of "fader" and "pan" that can be asked for or locked."""
    effects = [_effect_of(switch) for switch in (*console.track_switches, *console.shared_switches)]
    return list(dict.fromkeys([*effects, "fader", "pan"]))


def parse_only(console: Console, only: Sequence[str]) -> set[str]:
    """The parts that are named, singly or with commas between; ValueError for an unknown one."""
    found: set[str] = set()
    for name in _words(only):
        found |= _parts(console, name) or _unknown(name, parts_of(console))
    return found


def parse_locks(
    console: Console, lock: Sequence[str], track_names: Sequence[str] = ()
) -> tuple[set[str], list[int], list[tuple[float, float]]]:
    """Locked parts, positions of locked tracks and regions in Hz; ValueError for what is none of them."""
    parts: set[str] = set()
    tracks, regions = [], []
    for name in _words(lock):
        if name in track_names:
            tracks.append(list(track_names).index(name))
        elif found := _parts(console, name):
            parts |= found
        else:
            try:
                regions.append(parse_region(name))
            except ValueError:
                _unknown(name, (*parts_of(console), *track_names, *REGIONS_HZ, "20-200"))
    return parts, tracks, regions


def without(console: Console, knobs: Knobs, parts: set[str]) -> Knobs:
    """The knobs with `parts` off: no such effects, sends to buses closed, faders at 0 dB, pans centred."""
    tracks, shared = knobs.tracks.clone(), knobs.shared.clone()
    for params, z in ((console.track_params, tracks), (console.shared_params, shared.unsqueeze(1))):
        for i, (name, param) in enumerate(params.items()):
            if _part_of(name) in parts:
                z[:, :, i] = param.to_unit(torch.tensor(float(param.default)))
    tracks_on, shared_on = switches(console, knobs)
    for names, on in ((console.track_switches, tracks_on), (console.shared_switches, shared_on)):
        for i, name in enumerate(names):
            on[..., i] &= _effect_of(name) not in parts
    return replace(knobs, tracks=tracks, shared=shared, tracks_on=tracks_on, shared_on=shared_on)


def at_rest(console: Console, knobs: Knobs, tracks: Sequence[int]) -> Knobs:
    """The knobs with some tracks as they came in."""
    neutral = console.neutral(len(knobs.tracks), 1)
    each = knobs.tracks.clone()
    tracks_on, _ = switches(console, knobs)
    rest = neutral.tracks if each.ndim == 3 else neutral.tracks[..., None]
    each[:, list(tracks)] = rest.to(each)
    tracks_on[:, list(tracks)] = False
    return replace(knobs, tracks=each, tracks_on=tracks_on)


def switches(console: Console, knobs: Knobs) -> tuple[Tensor, Tensor]:
    """Copies of the switches `(B, N, Et)` and `(B, Es)`; all on, in the usual order, where there are none."""
    batch, count = knobs.tracks.shape[:2]
    tracks_on, shared_on = knobs.tracks_on, knobs.shared_on
    if tracks_on is None:
        tracks_on = all_on(console.track_switches).expand(batch, count, -1)
    if shared_on is None:
        shared_on = torch.ones(batch, len(console.shared_switches))
    return (tracks_on != 0).clone(), (shared_on != 0).clone()


def _parts(console: Console, name: str) -> set[str]:
    """The parts of one name; none where there is no such part."""
    simple = name.lower().replace(" ", "_")
    wanted = CALLED.get(simple, (simple,))
    return set(wanted) & set(parts_of(console))


def _words(texts: Sequence[str]) -> list[str]:
    return [word.strip() for text in texts for word in text.split(",") if word.strip()]


def _unknown(name: str, known: Sequence[str]) -> NoReturn:
    raise ValueError(f"nothing here is called {name!r}; there are: eq, {', '.join(dict.fromkeys(known))}")


def _effect_of(switch: str) -> str:
    """ "master.compressor" and "compressor.first" → "compressor"."""
    return switch.removesuffix(FIRST).rsplit(".", 1)[-1]


def _part_of(knob: str) -> str:
    """ "master.compressor.ratio" → "compressor", "fader_db" → "fader"."""
    *above, last = knob.split(".")
    return {"fader_db": "fader", "pan": "pan"}.get(last) or above[-1]
