"""How far knobs are from those that made the reference: as they stand, and by what they do to the track.

Many settings sound alike (a threshold and a ratio, two bells side by side), so beside the knobs there are
errors of what can be heard of them: the response of filters and equaliser, the gain reduction that the
compressor gives to the track, and the width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from eval.music import SAMPLE_RATE
from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.effects import Param

FILTERS = ("highpass", "parametric_eq")
COMPRESSOR, WIDTH = "compressor", "stereo_width"
EQ_HZ = (40.0, 16_000.0)
POINTS = 128
IMPULSE = 2**16
# Of a track whose side is fainter than this below its mid, no width can be heard.
MONO_DB = -40.0


def knob_error(console: Console, found: Knobs, truth: Knobs) -> float:
    """Mean absolute difference in [0, 1] over the knobs that do something in either; an effect that is off
    counts as one with its knobs at their defaults."""
    errors = [
        *_differences(console.track_params, console.track_switches, *_tracks(found), *_tracks(truth)),
        *_differences(console.shared_params, console.shared_switches, *_shared(found), *_shared(truth)),
    ]
    return float(torch.cat(errors).mean())


@torch.no_grad()
def heard_errors(console: Console, tracks: Tensor, found: Knobs, truth: Knobs) -> dict[str, Tensor]:
    """Name → `(N,)` for tracks `(N, C, T)`: EQ in dB RMS over 40 Hz to 16 kHz, the same of its shape alone
    (a gain at all frequencies is as good as a fader's), gain reduction in dB, and width (1 is the width as
    recorded; NaN for mono tracks).
    """
    off_db = eq_response_db(console, found) - eq_response_db(console, truth)
    before = through(console, tracks, truth, FILTERS)
    reductions = [gain_reduction_db(console, before, knobs) for knobs in (found, truth)]
    wide = [widths(console, knobs) for knobs in (found, truth)]
    return {
        "EQ dB": off_db.square().mean(1).sqrt(),
        "EQ shape dB": off_db.std(1, correction=0),
        "gain reduction dB": (reductions[0] - reductions[1]).abs(),
        "width": (wide[0] - wide[1]).abs().masked_fill(is_mono(tracks), math.nan),
    }


def eq_response_db(console: Console, knobs: Knobs) -> Tensor:
    """What the filters of every track's strip do, `(N, POINTS)` in dB at frequencies in equal octaves."""
    impulse = torch.zeros(knobs.tracks.shape[1], 1, IMPULSE, dtype=torch.float64)
    impulse[..., 0] = 1
    wet = through(console, impulse, knobs, FILTERS)[:, 0]
    hz = torch.logspace(*(math.log10(hz) for hz in EQ_HZ), POINTS)
    bins = (hz * IMPULSE / SAMPLE_RATE).round().long()
    return 20 * torch.log10(torch.fft.rfft(wet)[:, bins].abs().clamp_min(1e-6))


def gain_reduction_db(console: Console, tracks: Tensor, knobs: Knobs) -> Tensor:
    """By how much the compressor lowers each track's power, without its makeup, `(N,)`."""
    makeup = list(console.track_params).index(f"{COMPRESSOR}.makeup_db")
    z = knobs.tracks.clone()
    z[..., makeup] = console.track_params[f"{COMPRESSOR}.makeup_db"].to_unit(torch.tensor(0.0))
    wet = through(console, tracks, Knobs(z, knobs.shared, knobs.tracks_on, knobs.shared_on), (COMPRESSOR,))
    before, after = (x.square().mean((1, 2)).clamp_min(1e-12) for x in (tracks, wet))
    return 10 * torch.log10(before / after)


def through(console: Console, tracks: Tensor, knobs: Knobs, names: Sequence[str]) -> Tensor:
    """Tracks `(N, C, T)` through some effects of their strips, where these are on."""
    strip, z, on = console.strip, knobs.tracks[0, :, : len(console.strip)], _is_on(console, knobs)
    for index, name in enumerate(strip.names):
        if name in names:
            wet = strip.effects[index](tracks, SAMPLE_RATE, z[:, strip.slices[index]].to(tracks))
            tracks = torch.where(on[:, index, None, None], wet, tracks)
    return tracks


def widths(console: Console, knobs: Knobs) -> Tensor:
    """The width of every track's strip `(N,)`; 1 where it does nothing."""
    name = f"{WIDTH}.width"
    z = knobs.tracks[0, :, list(console.track_params).index(name)]
    width = console.track_params[name].from_unit(z)
    on = _is_on(console, knobs)[:, console.track_switches.index(WIDTH)]
    return torch.where(on, width, torch.ones_like(width))


def _is_on(console: Console, knobs: Knobs) -> Tensor:
    """The switches of the first mix's tracks, `(N, Et)`."""
    if knobs.tracks_on is None:
        return torch.ones(knobs.tracks.shape[1], len(console.track_switches), dtype=torch.bool)
    return knobs.tracks_on[0].bool()


def is_mono(tracks: Tensor) -> Tensor:
    """The tracks `(N,)` of which no width can be heard."""
    if tracks.shape[1] == 1:
        return torch.ones(len(tracks), dtype=torch.bool)
    mid, side = ((tracks[:, 0] + s * tracks[:, 1]).square().mean(1) for s in (1, -1))
    return side <= mid * 10 ** (MONO_DB / 10)


def _tracks(knobs: Knobs) -> tuple[Tensor, Tensor | None]:
    """`(N, Pt)` and `(N, Et)` of the first mix."""
    return knobs.tracks[0], None if knobs.tracks_on is None else knobs.tracks_on[0].bool()


def _shared(knobs: Knobs) -> tuple[Tensor, Tensor | None]:
    return knobs.shared[:1], None if knobs.shared_on is None else knobs.shared_on[:1].bool()


def _differences(
    params: dict[str, Param],
    switches: Sequence[str],
    found: Tensor,
    found_on: Tensor | None,
    truth: Tensor,
    truth_on: Tensor | None,
) -> list[Tensor]:
    """Absolute differences of each knob, in the rows where its effect is on in either."""
    errors = []
    for i, (name, param) in enumerate(params.items()):
        switch = _switch(name, switches)
        on = [
            torch.ones(len(z), dtype=torch.bool) if given is None or switch is None else given[:, switch]
            for z, given in ((found, found_on), (truth, truth_on))
        ]
        rest = param.to_unit(torch.tensor(float(param.default)))
        values = [torch.where(there, z[:, i], rest) for there, z in zip(on, (found, truth), strict=True)]
        errors.append((values[0] - values[1]).abs()[on[0] | on[1]])
    return errors


def _switch(knob: str, switches: Sequence[str]) -> int | None:
    """The switch that a knob hangs on: the longest whose name it begins with; None for a fader or a send."""
    fitting = [s for s in switches if knob.startswith(f"{s}.")]
    return None if not fitting or knob.endswith("send_db") else switches.index(max(fitting, key=len))
