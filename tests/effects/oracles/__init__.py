"""Slow, independent NumPy or SciPy versions of every effect.

One module a group, each with `ORACLES = {effect name: function}`, where `function(x, sample_rate, **knobs,
**options)` takes `x` `(C, T)` float64, knobs as floats in natural units and the effect's options, and returns
`(C, T)` float64. A module may add `VARIANTS = {effect name: [options, …]}`: more static choices to compare.
A new module in this folder is found by itself.
"""

import importlib
import pkgutil

ORACLES: dict = {}
VARIANTS: dict = {}
for _info in pkgutil.iter_modules(__path__):
    _module = importlib.import_module(f"{__name__}.{_info.name}")
    ORACLES.update(_module.ORACLES)
    VARIANTS.update(getattr(_module, "VARIANTS", {}))
