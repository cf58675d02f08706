"""The console and its controllers: from words, references and tracks to the knobs of effects.

The names below are the public ones, resolved on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reprs.console.console import Console, Parts
    from reprs.console.knobs import Knobs, Patch
    from reprs.console.saved_mix import SavedMix, read_mix
    from reprs.console.standard import single_console, standard_console

_PLACES = {
    "Console": "console",
    "Knobs": "knobs",
    "Parts": "console",
    "Patch": "knobs",
    "SavedMix": "saved_mix",
    "read_mix": "saved_mix",
    "single_console": "standard",
    "standard_console": "standard",
}
__all__ = ["Console", "Knobs", "Parts", "Patch", "SavedMix", "read_mix", "single_console", "standard_console"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'reprs.console' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"reprs.console.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
