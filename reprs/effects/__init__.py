"""Exact, differentiable audio effects, each declared once.

`registry` maps names to effects; every module in `reprs/effects/processors/` is imported here, so a new
file with an `@effect` function in it is all that a new effect needs.
"""

import importlib
import pkgutil

from reprs.effects import processors
from reprs.effects.chain import Chain
from reprs.effects.spec import Effect, Param, effect, registry, unit_of

for _module in pkgutil.iter_modules(processors.__path__):
    importlib.import_module(f"{processors.__name__}.{_module.name}")

__all__ = ["Chain", "Effect", "Param", "effect", "registry", "unit_of"]
