"""Production representations: how music was made, as vectors.

The names below are the public ones. They are resolved on first use, so that `import reprs` costs nothing
and pulls in neither lightning nor faiss nor a web library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reprs import console, effects, hear
    from reprs.console.text_eq import text_eq
    from reprs.models.hub import load

    __version__: str

__all__ = ["__version__", "console", "effects", "hear", "load", "text_eq"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("reprs")
    elif name == "load":
        value = importlib.import_module("reprs.models.hub").load
    elif name == "text_eq":
        value = importlib.import_module("reprs.console.text_eq").text_eq
    elif name in ("console", "effects", "hear"):
        value = importlib.import_module(f"reprs.{name}")
    else:
        raise AttributeError(f"module 'reprs' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
