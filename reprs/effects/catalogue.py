"""The rack as a page: every effect of the registry with its knobs, written from the declarations.

python -m reprs.effects.catalogue docs/effects.md
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Mapping
from pathlib import Path

from reprs.effects.spec import Effect, unit_of

HEAD = """# The effects

Written by `make docs` from the declarations in [reprs/effects/processors](../reprs/effects/processors); a
test holds this page to them, and `reprs effects NAME` prints one of them. More: [writing an
effect](new_effect.md), [automation and streaming](automation_and_streaming.md), [plugins](black_boxes.md).
"""


def markdown(effects: Mapping[str, Effect]) -> str:
    """A table of contents, then a section for every effect."""
    rows = [
        f"| [{name}](#{name}) | {_text(e).splitlines()[0]} | {len(e)} |"
        for name, e in sorted(effects.items())
    ]
    contents = "\n".join(["| effect | what it does | knobs |", "| --- | --- | --- |", *rows])
    return (
        "\n\n".join([HEAD.rstrip(), contents, *(_section(effects[name]) for name in sorted(effects))]) + "\n"
    )


def _section(effect: Effect) -> str:
    parts = [f"## {effect.name}", _text(effect), _knobs(effect)]
    if effect.options:
        parts.append("Options: " + "; ".join(_option(effect, name) for name in effect.options) + ".")
    if effect.takes_sidechain:
        parts.append("Takes a side-chain.")
    return "\n\n".join(part for part in parts if part)


def _knobs(effect: Effect) -> str:
    if not effect.params:
        return ""
    rows = ["| knob | from | to | default | unit | scale |", "| --- | --- | --- | --- | --- | --- |"]
    for name, p in effect.params.items():
        rows.append(f"| {name} | {p.min:g} | {p.max:g} | {p.default:g} | {unit_of(name)} | {p.scale} |")
    return "\n".join(rows)


def _option(effect: Effect, name: str) -> str:
    """`` `shape` = 'tanh' ('hard', 'soft') ``."""
    hint = typing.get_type_hints(effect.function).get(name)
    others = [repr(c) for c in typing.get_args(hint) if typing.get_origin(hint) is typing.Literal]
    others = [c for c in others if c != repr(effect.options[name])]
    return f"`{name}` = {effect.options[name]!r}" + (f" (or {', '.join(others)})" if others else "")


def _text(effect: Effect) -> str:
    return inspect.getdoc(effect.function) or "No description."


if __name__ == "__main__":
    from reprs.effects import registry

    Path(sys.argv[1]).write_text(markdown(registry))
    print(f"wrote {len(registry)} effects to {sys.argv[1]}")
