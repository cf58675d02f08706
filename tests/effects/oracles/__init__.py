"""Slow, independent NumPy or SciPy versions of every effect.

One module a group, each with `ORACLES = {effect name: function}`, where `function(x, sample_rate, **knobs,
**options)` takes `x` `(C, T)` float64, knobs as floats in natural units and the effect's options, and returns
`(C, T)` float64. A module may add `VARIANTS = {effect name: [options, …]}`, more static choices to compare,
`NONLINEAR = {effect name, …}`, whose outputs may differ by -100 dB instead of -110 dB, and
`STRAIGHT_THROUGH = {effect name, …}`, whose declared gradient passes through a rounding,
`MAKES_STEREO = {effect name, …}`, which treat the two channels differently whatever they hold, and
`UNITLESS = {knob name, …}`, knobs without a unit. A new module in this folder is found by itself,
and so is a function `oracle` in the file of an effect that has none here.
"""

import importlib
import pkgutil
import sys

from reprs.effects import registry

ORACLES: dict = {}
VARIANTS: dict = {}
NONLINEAR: set = set()
STRAIGHT_THROUGH: set = set()
MAKES_STEREO: set = set()
UNITLESS: set = set()
for _info in pkgutil.iter_modules(__path__):
    _module = importlib.import_module(f"{__name__}.{_info.name}")
    ORACLES.update(_module.ORACLES)
    VARIANTS.update(getattr(_module, "VARIANTS", {}))
    NONLINEAR |= getattr(_module, "NONLINEAR", set())
    STRAIGHT_THROUGH |= getattr(_module, "STRAIGHT_THROUGH", set())
    MAKES_STEREO |= getattr(_module, "MAKES_STEREO", set())
    UNITLESS |= getattr(_module, "UNITLESS", set())
for _name, _effect in registry.items():
    _own = getattr(sys.modules[_effect.function.__module__], "oracle", None)
    if _own is not None:
        ORACLES.setdefault(_name, _own)
