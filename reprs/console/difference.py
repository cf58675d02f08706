"""How far apart two settings of a console are, as one hears: the knob loss of controllers."""

from __future__ import annotations

import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.heard import Heard, heard, sent
from reprs.console.knobs import Knobs

# What counts as one unit of error.
RESPONSE_DB, CURVE_DB, LEVEL_DB, WIDTH, PAN, SEND, OCTAVES = 3.0, 3.0, 3.0, 0.3, 0.3, 0.15, 1.5
# A compressor that takes this much is heard well enough for its attack and release to count.
AUDIBLE_DB = 6.0
MIDDLE = 2  # of `AROUND_DB`: the level itself


def difference(
    console: Console, found: Knobs, wanted: Knobs, levels_db: Tensor, there: Tensor
) -> dict[str, Tensor]:
    """Terms `(B,)` of about one, by name, for tracks of `levels_db` `(B, N)` that are `there` `(B, N)`.

    "response", "curve", "level", "width", "ballistics" of strips, "pan", "send", "master" and "buses". In
    `wanted` an effect that is off does nothing; in `found` with switches None every effect counts as on.
    """
    levels_db = levels_db.clamp(-60, 0)
    strips = [_strips(console, k, levels_db) for k in (found, wanted)]
    terms = _terms(*strips)
    a, b = (_desk(console, k) for k in (found, wanted))
    whole_db = [
        h.curve_db[:, MIDDLE].view_as(levels_db) + k["fader_db"] for h, k in zip(strips, (a, b), strict=True)
    ]
    terms["level"] = bowl((whole_db[0] - whole_db[1]) / LEVEL_DB)
    terms["pan"] = bowl((a["pan"] - b["pan"]) / PAN)
    terms["send"] = bowl((a["sends"] - b["sends"]) / SEND).sum(-1)
    share = there.to(levels_db) / there.sum(1, keepdim=True).clamp(min=1)
    result = {name: (v.view_as(levels_db) * share).sum(1) for name, v in terms.items()}
    if console.master is not None:
        sum_db = 10 * torch.log10((10 ** (levels_db / 10) * there).sum(1) + 1e-6)
        master = _terms(*(_master(console, k, sum_db) for k in (found, wanted)))
        result["master"] = torch.stack(list(master.values())).sum(0)
    result["buses"] = _buses(console, found, wanted, b["sends"], there)
    return result


def _terms(found: Heard, wanted: Heard) -> dict[str, Tensor]:
    audible = (wanted.reduction_db / AUDIBLE_DB).clamp(0, 1)
    return {
        "response": bowl((found.response_db - wanted.response_db) / RESPONSE_DB).mean(1),
        "curve": bowl((_bend(found.curve_db) - _bend(wanted.curve_db)) / CURVE_DB).mean(1),
        "width": bowl((found.width - wanted.width) / WIDTH),
        "ballistics": audible * bowl((found.ballistics - wanted.ballistics) / OCTAVES).mean(1),
    }


def bowl(x: Tensor) -> Tensor:
    """Square near 0, straight far out: asks for the mean of what may be, not for its median, which is often 0
    (half of all bells are flat), and does not let one wild setting outweigh the rest.
    """
    return 2 * (torch.sqrt(1 + x.square()) - 1)


def _bend(curve_db: Tensor) -> Tensor:
    """A static curve without its gain at the track's level: that is part of the level."""
    return curve_db - curve_db[:, MIDDLE : MIDDLE + 1]


def _strips(console: Console, knobs: Knobs, levels_db: Tensor) -> Heard:
    z = knobs.tracks[..., : len(console.strip)].flatten(0, 1)
    on = None if knobs.tracks_on is None else knobs.tracks_on.flatten(0, 1)
    return heard(console.strip, z, levels_db.flatten(), on)


def _master(console: Console, knobs: Knobs, level_db: Tensor) -> Heard:
    assert console.master is not None
    columns = [i for i, name in enumerate(console.shared_params) if name.startswith("master.")]
    switches = [i for i, name in enumerate(console.shared_switches) if name.startswith("master.")]
    on = None if knobs.shared_on is None else knobs.shared_on[:, switches]
    return heard(console.master, knobs.shared[:, columns], level_db, on)


def _desk(console: Console, knobs: Knobs) -> dict[str, Tensor]:
    """Faders in dB and pans `(B, N)`, sends as amplitudes `(B, N, buses)`, closed where the bus is off."""
    names = list(console.track_params)
    z = {name: knobs.tracks[..., names.index(name)] for name in ("fader_db", "pan")}
    values = {name: console.track_params[name].from_unit(v) for name, v in z.items()}
    sends = []
    for bus in console.buses:
        name = f"{bus}.send_db"
        amount = sent(console.track_params[name], knobs.tracks[..., names.index(name)])
        if knobs.shared_on is not None:
            amount = amount * knobs.shared_on[:, console.shared_switches.index(bus), None].to(amount)
        sends.append(amount)
    return values | {"sends": torch.stack(sends, dim=-1) if sends else knobs.tracks[..., :0]}


def _buses(console: Console, found: Knobs, wanted: Knobs, sends: Tensor, there: Tensor) -> Tensor:
    """Mean error of a bus's knobs in [0, 1], as far as anything is sent to it."""
    total = torch.zeros(len(found.shared), dtype=found.shared.dtype)
    loudest = (sends * there[..., None].to(sends)).amax(1)
    for place, bus in enumerate(console.buses):
        columns = [i for i, name in enumerate(console.shared_params) if name.startswith(f"{bus}.")]
        apart = bowl((found.shared[:, columns] - wanted.shared[:, columns]) / 0.3).mean(1)
        total = total + (loudest[:, place] / SEND).clamp(0, 1) * apart
    return total
