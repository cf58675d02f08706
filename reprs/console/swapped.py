"""Strips in which effects are replaced: by others of the registry, or by black boxes.

    {"compressor": {"effect": "pedalboard.Compressor", "gradient": "spsa", "draws": 4}}

For every effect of the strip that is another one: `effect`, its name (`reprs.effects.black_box.named`; the
strip's own, if left out), `ranges`, knob → [low, high], and for a black box how its gradient is found: the
options of `reprs.effects.black_box`, with `proxy` the name of a checkpoint. An effect of ours that is given a
`gradient` is taken for a black box.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from reprs.effects import Effect
from reprs.effects.black_box import GRADIENTS, OPTIONS, BlackBox, named, opaque
from reprs.models import hub

# Effect of the strip → what stands in its place, as JSON or YAML.
Swaps = Mapping[str, Mapping[str, Any]]
PLAYED = ("effect", "ranges")
GRADIENT = tuple(name for name in OPTIONS if name != "generator")


def swapped(effects: Sequence[Effect], swaps: Swaps) -> list[Effect]:
    """The effects with those of `swaps` in their places; ValueError in one line for what cannot be."""
    names = [effect.name for effect in effects]
    if unknown := [name for name in swaps if name not in names]:
        raise ValueError(f"the strip has no {unknown[0]!r} to replace; it has {', '.join(names)}")
    found = [_swapped(e, swaps[e.name]) if e.name in swaps else e for e in effects]
    if twice := [e.name for i, e in enumerate(found) if e.name in [f.name for f in found[:i]]]:
        raise ValueError(f"the strip would have two effects that are called {twice[0]!r}")
    return found


def played(swaps: Swaps) -> dict[str, dict[str, Any]]:
    """The part of `swaps` that says how a strip sounds, without how its gradient is found."""
    return {name: {k: v for k, v in spec.items() if k in PLAYED} for name, spec in swaps.items()}


def _swapped(own: Effect, spec: Mapping[str, Any]) -> Effect:
    if unknown := [key for key in spec if key not in (*PLAYED, *GRADIENT)]:
        known = ", ".join((*PLAYED, *GRADIENT))
        raise ValueError(f"{own.name} of the strip: no option {unknown[0]!r}; there are {known}")
    name = spec.get("effect", own.name)
    effect = own if name == own.name else named(name)
    effect = effect.narrow(**{knob: (low, high) for knob, (low, high) in spec.get("ranges", {}).items()})
    options = {key: value for key, value in spec.items() if key in GRADIENT}
    if not options and not isinstance(effect, BlackBox):
        return effect
    return _with_gradient(effect if isinstance(effect, BlackBox) else opaque(effect), options)


def _with_gradient(effect: Effect, options: dict[str, Any]) -> Effect:
    """The black box with these options; what comes before it in the strip learns, too."""
    how = options.get("gradient", effect.options["gradient"])
    if how not in GRADIENTS:
        raise ValueError(f"{effect.name}: gradient is one of {', '.join(GRADIENTS)}, not {how!r}")
    proxy = options.get("proxy", effect.options["proxy"])
    if how.endswith("hybrid") and proxy is None:
        raise ValueError(f"{effect.name}: a hybrid gradient needs `proxy`, the name of a checkpoint")
    if isinstance(proxy, str):
        options["proxy"] = _proxy(proxy, effect.name)
    if effect.options["audio_gradient"] == "refused":
        options = {"audio_gradient": "straight_through", **options}
    return effect.with_options(**options)


def _proxy(name: str, effect: str) -> Callable[..., Tensor]:
    """The proxy of a checkpoint, which is read when a gradient is first asked for."""

    @functools.cache
    def loaded() -> Any:
        return hub.load(name)

    def proxy(x: Tensor, sample_rate: int, **knobs: Tensor) -> Tensor:
        missing = [knob for knob in loaded().params if knob not in knobs]
        if missing:
            raise ValueError(
                f"{effect}: the proxy {name!r} has a knob {missing[0]!r} and the effect has none"
            )
        y: Tensor = loaded()(x, sample_rate, **knobs)
        return y

    return proxy
