"""How far settings are from those that made the reference by what they do to a track on its way to the mix.

A console can be set in many ways that give one mix: what the master's equaliser does to everything, every
strip can do as well, a width is the strip's or the master's, a gain an equaliser's, a makeup's or a fader's.
No ear and no method can tell such settings apart, so where two mixes are the same, what is compared is the
whole way of each track: all that is linear as one response, all reductions of gain as one, both widths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from eval.mix_knobs import (
    COMPRESSOR,
    EQ_HZ,
    FILTERS,
    IMPULSE,
    POINTS,
    WIDTH,
    eq_response_db,
    gain_reduction_db,
    heard_errors,
    is_mono,
    through,
    widths,
)
from eval.music import SAMPLE_RATE
from reprs.console.console import Console
from reprs.console.knobs import Knobs

# Mixes that differ by less than this, in power, over all of the mix, are the same.
SAME_DB = -60.0
EQUALISER, LIMITER, DISTORTION = "parametric_eq", "limiter", "distortion"


@torch.no_grad()
def errors_as_heard(console: Console, tracks: Tensor, found: Knobs, truth: Knobs) -> dict[str, Tensor]:
    """Name → `(N,)` as `heard_errors`, which these are unless both mixes are the same within `SAME_DB`; then
    they are errors of the whole way of each track `(N, C, T)`.

    For consoles without groups. Buses are no part of a way: sends are judged nowhere.
    """
    if apart_db(console, tracks, found, truth) >= SAME_DB:
        return heard_errors(console, tracks, found, truth)
    off_db = way_response_db(console, found) - way_response_db(console, truth)
    reductions = [way_reduction_db(console, tracks, knobs) for knobs in (found, truth)]
    apart = [widths(console, knobs) * master_width(console, knobs) for knobs in (found, truth)]
    return {
        "EQ dB": off_db.square().mean(1).sqrt(),
        "EQ shape dB": off_db.std(1, correction=0),
        "gain reduction dB": (reductions[0] - reductions[1]).abs(),
        "width": (apart[0] - apart[1]).abs().masked_fill(is_mono(tracks), math.nan),
    }


@torch.no_grad()
def apart_db(console: Console, tracks: Tensor, found: Knobs, truth: Knobs) -> float:
    """The power of what two mixes of tracks `(N, C, T)` differ by, against that of the second."""
    y, wanted = (console(tracks[None], SAMPLE_RATE, knobs) for knobs in (found, truth))
    return float(10 * torch.log10((y - wanted).square().sum() / wanted.square().sum().clamp_min(1e-20)))


def way_response_db(console: Console, knobs: Knobs) -> Tensor:
    """All that is linear on the way of each track: filters, makeups, what a distortion does to soft sounds,
    fader and the master's equaliser, `(N, POINTS)` in dB."""
    level_db = _of_tracks(console, knobs, "fader_db") + _of_tracks(console, knobs, f"{COMPRESSOR}.makeup_db")
    level_db = level_db + soft_gain_db(console, knobs)
    response_db = eq_response_db(console, knobs) + level_db[:, None]
    if console.master is None:
        return response_db
    impulse = torch.zeros(1, 1, IMPULSE, dtype=torch.float64)
    impulse[..., 0] = 1
    wet = _through_master(console, impulse, knobs, (EQUALISER,))[0, 0]
    hz = torch.logspace(math.log10(EQ_HZ[0]), math.log10(EQ_HZ[1]), POINTS)
    bins = (hz * IMPULSE / SAMPLE_RATE).round().long()
    of_master_db = 20 * torch.log10(torch.fft.rfft(wet)[bins].abs().clamp_min(1e-6))
    return response_db + of_master_db + _of_master(console, knobs, f"{COMPRESSOR}.makeup_db")


def soft_gain_db(console: Console, knobs: Knobs) -> Tensor:
    """What the distortion of each track does to sounds that are too soft to bend, `(N,)`: the slope of its
    curve (tanh) at 0, beside what passes it by."""
    wet_db = sum(_of_tracks(console, knobs, f"{DISTORTION}.{name}") for name in ("drive_db", "output_db"))
    mix = _of_tracks(console, knobs, f"{DISTORTION}.mix")
    return 20 * torch.log10(1 - mix + mix * 10 ** (torch.as_tensor(wet_db) / 20))


def way_reduction_db(console: Console, tracks: Tensor, knobs: Knobs) -> Tensor:
    """By how much the compressors of strip and master and the limiter lower each track's power, `(N,)`."""
    reduction_db = gain_reduction_db(console, through(console, tracks, knobs, FILTERS), knobs)
    if console.master is None:
        return reduction_db
    stems = console.stems(tracks[None], SAMPLE_RATE, knobs)
    premaster = console.finish(stems, console.feeds(stems, knobs), SAMPLE_RATE, knobs).premaster
    before = _through_master(console, premaster, knobs, (EQUALISER,))
    makeup_db = _of_master(console, knobs, f"{COMPRESSOR}.makeup_db")
    after = _through_master(console, before, knobs, (COMPRESSOR,)) * 10 ** (-makeup_db / 20)
    wide = _through_master(console, after * 10 ** (makeup_db / 20), knobs, (WIDTH,))
    limited = _through_master(console, wide, knobs, (LIMITER,))
    powers = [x.double().square().mean().clamp_min(1e-12) for x in (before, after, wide, limited)]
    of_master_db = 10 * torch.log10(powers[0] / powers[1] * powers[2] / powers[3])
    return reduction_db + of_master_db.to(reduction_db)


def master_width(console: Console, knobs: Knobs) -> float:
    """What the master does to the side; 1 where it does nothing."""
    if console.master is None or not _is_on(console, knobs, WIDTH):
        return 1.0
    name = f"master.{WIDTH}.width"
    z = knobs.shared[0, list(console.shared_params).index(name)]
    return float(console.shared_params[name].from_unit(z))


def _through_master(console: Console, x: Tensor, knobs: Knobs, names: Sequence[str]) -> Tensor:
    """`x` `(1, C, T)` through some effects of the master, where these are on."""
    assert console.master is not None
    first = next(i for i, name in enumerate(console.shared_params) if name.startswith("master."))
    z = knobs.shared[:1, first:]
    for index, name in enumerate(console.master.names):
        if name in names and _is_on(console, knobs, name):
            x = console.master.effects[index](x, SAMPLE_RATE, z[:, console.master.slices[index]].to(x))
    return x


def _is_on(console: Console, knobs: Knobs, effect: str) -> bool:
    """Whether an effect of the master is on."""
    if knobs.shared_on is None:
        return True
    return bool(knobs.shared_on[0, console.shared_switches.index(f"master.{effect}")])


def _of_master(console: Console, knobs: Knobs, name: str) -> float:
    """A knob of the master in its unit, 0 where its effect is off."""
    if not _is_on(console, knobs, name.partition(".")[0]):
        return 0.0
    name = f"master.{name}"
    return float(
        console.shared_params[name].from_unit(knobs.shared[0, list(console.shared_params).index(name)])
    )


def _of_tracks(console: Console, knobs: Knobs, name: str) -> Tensor:
    """A knob of each track in its unit `(N,)`, 0 where its effect is off."""
    values = console.track_params[name].from_unit(knobs.tracks[0, :, list(console.track_params).index(name)])
    effect = name.partition(".")[0]
    if effect not in console.track_switches or knobs.tracks_on is None:
        return values
    return values * knobs.tracks_on[0, :, console.track_switches.index(effect)].to(values)
