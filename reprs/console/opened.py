"""Every effect on: a gradient cannot throw a switch, but it can turn up what stands where it does nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from reprs.console.amount import AT_REST
from reprs.console.console import Console
from reprs.console.knobs import Knobs, all_on
from reprs.console.parts import switches
from reprs.effects import Param

# Off the ends of a range, where a logit has no gradient.
INSIDE = 0.015
FAINT_SEND_DB = -36.0


def opened(console: Console, knobs: Knobs) -> Knobs:
    """The same mix, nearly, with all switches on: effects that were off stand close to where they do nothing,
    and closed sends are open by a crack. The order of effects stays. Knobs that move are left to move.
    """
    tracks_on, shared_on = switches(console, knobs)
    return replace(
        knobs,
        tracks=_at_rest(console.track_params, console.track_switches, knobs.tracks, tracks_on),
        shared=_at_rest(console.shared_params, console.shared_switches, knobs.shared, shared_on),
        tracks_on=tracks_on | all_on(console.track_switches),
        shared_on=torch.ones_like(shared_on),
    )


def _at_rest(params: Mapping[str, Param], names: Sequence[str], z: Tensor, on: Tensor) -> Tensor:
    """Knobs `(…, P)` with those of effects that are off by `on` `(…, E)` at rest."""
    columns = []
    for (name, param), column in zip(params.items(), z.unbind(on.ndim - 1), strict=True):
        if name.endswith("send_db"):
            columns.append(column.clamp_min(float(param.to_unit(torch.tensor(FAINT_SEND_DB)))))
            continue
        rest = next((value for end, value in AT_REST.items() if name.endswith(end)), None)
        fitting = [switch for switch in names if name.startswith(f"{switch}.")]
        if rest is not None and fitting:
            quiet = float(param.to_unit(torch.tensor(rest)).clamp(INSIDE, 1 - INSIDE))
            there = on[..., list(names).index(max(fitting, key=len))]
            there = there if column.ndim == there.ndim else there[..., None]
            column = torch.where(there, column, torch.full_like(column, quiet))
        columns.append(column)
    return torch.stack(columns, dim=on.ndim - 1) if columns else z
