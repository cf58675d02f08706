"""Knobs and switches as nested JSON: effect → knob → value in its unit, with "on" before the knobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from reprs.console.knobs import FIRST, all_on
from reprs.console.natural import from_readable, number, readable
from reprs.effects import Param

PLUGGED = ("name", "muted", "soloed", "listens_to", "group")


def nested(
    params: Mapping[str, Param], z: Tensor, switches: Sequence[str], on: Tensor | None
) -> dict[str, Any]:
    """Effect → knob → value, with "on" before the knobs of what can be off."""
    found: dict[str, Any] = {}
    flags = (all_on(switches) if on is None else on != 0).tolist()
    for switch, flag in zip(switches, flags, strict=True):
        _put(found, _called(switch), flag)
    for (name, param), column in zip(params.items(), z, strict=True):
        values = readable(param, column.reshape(-1))
        _put(found, name, values[0] if len(set(values)) == 1 else values)
    return found


def settings(
    params: Mapping[str, Param], switches: Sequence[str], found: Mapping[str, Any], owner: str
) -> tuple[Tensor, Tensor]:
    """Knobs `(P,)`, or `(P, frames)` where any of them moves, and switches `(E,)` of nested JSON."""
    given = {name: value for name, value in _flat(found) if name not in PLUGGED}
    unknown = set(given) - set(params) - set(map(_called, switches))
    if unknown:
        raise ValueError(f"no knob {owner}{sorted(unknown)[0]}")
    columns = [_column(name, param, given.get(name), owner) for name, param in params.items()]
    on = []
    for switch in switches:
        called = _called(switch)
        flag = given.get(called, any(name.startswith(f"{switch}.") for name in given))
        if not isinstance(flag, bool):
            raise ValueError(f"{owner}{called} is true or false, not {flag!r}")
        on.append(flag)
    return joined(columns, still=0) if columns else torch.zeros(0), torch.tensor(on, dtype=torch.bool)


def _column(name: str, param: Param, value: Any, owner: str) -> Tensor:
    """`z`, a scalar or `(frames,)`, of one knob's value."""
    values = value if isinstance(value, list) else [param.default if value is None else value]
    natural = [number(v, owner + name) for v in values]
    outside = [v for v in natural if not param.min <= v <= param.max]
    if outside or not natural:
        got = outside[0] if outside else "nothing"
        raise ValueError(f"{owner}{name} is from {param.min:g} to {param.max:g}, got {got}")
    z = from_readable(param, natural)
    return z if isinstance(value, list) else z[0]


def joined(columns: Sequence[Tensor], still: int) -> Tensor:
    """Stacked in front; those that do not move (`still` dimensions) are repeated for the frames of others."""
    frames = {c.shape[-1] for c in columns if c.ndim > still}
    if len(frames) > 1:
        raise ValueError(f"knobs that move have one number of frames, got {sorted(frames)}")
    if not frames:
        return torch.stack(list(columns))
    return torch.stack([c if c.ndim > still else c[..., None].expand(*c.shape, *frames) for c in columns])


def _called(switch: str) -> str:
    """The key of a switch: "compressor.on", or "compressor.first" of an order."""
    return switch if switch.endswith(FIRST) else f"{switch}.on"


def _put(found: dict[str, Any], name: str, value: Any) -> None:
    *above, last = name.split(".")
    for key in above:
        found = found.setdefault(key, {})
    found[last] = value


def _flat(found: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, value
