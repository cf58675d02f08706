"""`effects`: every knob with its range, unit and default."""

from __future__ import annotations

import argparse
import inspect

from reprs.cli.answer import DONE, print_table


def effects(call: argparse.Namespace) -> int:
    """Print one effect, or all."""
    from reprs.effects import registry, unit_of

    if call.name and call.name not in registry:
        raise ValueError(f"no effect {call.name!r}; there are: {', '.join(sorted(registry))}")
    for name in [call.name] if call.name else sorted(registry):
        effect = registry[name]
        text = inspect.getdoc(effect.function) or ""
        print(f"{name}: {text if call.name else text.splitlines()[0]}")
        rows = [("knob", "min", "max", "default", "unit", "scale")]
        for knob, p in effect.params.items():
            rows.append((knob, f"{p.min:g}", f"{p.max:g}", f"{p.default:g}", unit_of(knob) or "-", p.scale))
        print_table(rows)
        if effect.options:
            print("  options: " + ", ".join(f"{key}={value!r}" for key, value in effect.options.items()))
        if effect.takes_sidechain:
            print("  takes a side-chain")
        print()
    return DONE
