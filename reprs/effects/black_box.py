"""Processors that only play audio, such as plugins, behind the face of `Effect`.

    from reprs.effects.black_box import from_pedalboard

    compressor = from_pedalboard("Compressor")                # or a plugin object, or "path/to/thing.vst3"
    y = compressor(x, 44_100, z)                              # (B, C, T), every item with its own knobs
    y = compressor.with_options(gradient="spsa", draws=4)(x, 44_100, z)

`z` is the only knob tensor, and its gradient is an option of the effect:

    finite_differences   2 P renders a backward pass, bias O(step²)
    spsa                 2 `draws` renders, the same mean, noise instead of renders
    full_hybrid          the plugin forward, the gradient of `proxy` (Steinmetz 2022), also in the audio
    half_hybrid          `proxy` both ways wherever a gradient is wanted, the plugin everywhere else
    none                 no gradient

Only a proxy has a gradient in the audio. Without one, audio that wants it (an effect with learnt knobs comes
before) is refused until `audio_gradient` says what to do: "straight_through" (as if the plugin were a wire)
or "none".

`proxy` is called as `proxy(x, sample_rate, **knobs)` with natural values `(B,)`, see `reprs.models.proxy`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.effects import estimators, plugins
from reprs.effects.spec import Effect, Param, registry

# `(C, T)` float32, sample rate, knobs in natural units → `(C, T)`.
Play = Callable[[np.ndarray, int, Mapping[str, float]], np.ndarray]
OF_PEDALBOARD = "pedalboard."
GRADIENTS = ("finite_differences", "spsa", "full_hybrid", "half_hybrid", "none")
OPTIONS = {
    "gradient": "finite_differences",
    "step": 0.01,
    "draws": 1,
    "audio_gradient": "refused",
    "proxy": None,
    "generator": None,
}


@dataclass(frozen=True)
class BlackBox(Effect):
    """An effect whose function has no gradient of its own."""

    def _render(self, x: Tensor, sample_rate: int, z: Tensor, key: dict[str, Tensor]) -> Tensor:
        timeline.whole_clip_only("a plugin plays whole clips with one setting")
        how = self.options["gradient"]
        if how not in GRADIENTS:
            raise ValueError(f"{self.name}: gradient is one of {', '.join(GRADIENTS)}, not {how!r}")

        def render(z: Tensor) -> Tensor:
            with torch.no_grad():
                return self.function(x.detach(), sample_rate, **self.from_unit(z))

        if not torch.is_grad_enabled() or not (z.requires_grad or x.requires_grad) or how == "none":
            return render(z)
        if how in ("full_hybrid", "half_hybrid"):
            stand_in = self._proxy(x, sample_rate, z)
            return stand_in if how == "half_hybrid" else estimators.substitute(render(z), stand_in)
        y = estimators.estimated(render, z.clamp(0, 1), self._estimator(how))
        return y + (x - x.detach()) if self._passes_gradient(x) else y

    def _passes_gradient(self, x: Tensor) -> bool:
        """Whether the audio's gradient goes through as if the plugin were a wire."""
        how = self.options["audio_gradient"]
        if x.requires_grad and how not in ("straight_through", "none"):
            raise ValueError(
                f"{self.name}: only a proxy knows the gradient in the audio (gradient='full_hybrid'); "
                "without one say audio_gradient='straight_through' or 'none'"
            )
        return x.requires_grad and how == "straight_through"

    def _estimator(self, how: str) -> estimators.Estimator:
        step, draws = self.options["step"], self.options["draws"]
        if how == "finite_differences":
            return functools.partial(estimators.finite_differences, step=step)
        return functools.partial(estimators.spsa, step=step, draws=draws, generator=self.options["generator"])

    def _proxy(self, x: Tensor, sample_rate: int, z: Tensor) -> Tensor:
        if self.options["proxy"] is None:
            raise ValueError(
                f"{self.name}: give the proxy: with_options(gradient=…, proxy=reprs.load('proxy'))"
            )
        y: Tensor = self.options["proxy"](x, sample_rate, **self.from_unit(z))
        return y


def from_function(name: str, play: Play, params: Mapping[str, Param], **options: Any) -> Effect:
    """Any host: `play(audio, sample_rate, knobs)` on one clip, `(C, T)` float32 in and out."""

    def function(x: Tensor, sample_rate: int, **knobs: Tensor) -> Tensor:
        clips, values = x.detach().cpu().float().numpy(), {k: v.tolist() for k, v in knobs.items()}
        rows = []
        for i, clip in enumerate(clips):
            y = np.asarray(play(clip.copy(), sample_rate, {k: v[i] for k, v in values.items()}))
            if y.shape != clip.shape:
                raise ValueError(f"{name}: {clip.shape} audio came back as {y.shape}")
            rows.append(y)
        return torch.from_numpy(np.stack(rows)).to(x)

    return BlackBox(name, function, dict(params), dict(OPTIONS)).with_options(**options)


def from_pedalboard(
    plugin: Any, name: str | None = None, ranges: Mapping[str, Param] | None = None, **options: Any
) -> Effect:
    """A pedalboard plugin: an object, a built-in's class or name, or the path of a VST3 (or Audio Unit).

    Knobs are its continuous parameters, with their ranges, units and present values; `ranges` adds or
    replaces some. Everything else (modes, switches) stays as it is set on the object. Mono and stereo. The
    plugin is reset before every clip. Without the package: ImportError that names the extra `eval`.
    """
    hosted = plugins.load(plugin)
    knobs = plugins.knobs(hosted, ranges or {})
    name = name or plugins.name_of(hosted, plugin if isinstance(plugin, (str, Path)) else None)
    play = functools.partial(plugins.play, hosted, knobs)
    return from_function(name, play, {each: knob.param for each, knob in knobs.items()}, **options)


def opaque(effect: Effect, **options: Any) -> Effect:
    """An effect of ours as if it were a plugin: it plays the same, and says nothing of its gradient."""
    play = functools.partial(effect.function, **effect.options)
    return BlackBox(effect.name, play, effect.params, dict(OPTIONS)).with_options(**options)


def register(effect: Effect) -> Effect:
    """Put an effect into the registry, from a file in a folder of REPRS_EFFECTS; a name is given once."""
    if effect.name in registry:
        raise ValueError(f"two effects are called {effect.name!r}")
    registry[effect.name] = effect
    return effect


def named(name: str) -> Effect:
    """The effect of the registry, or the built-in plugin "pedalboard.Compressor", as "pedalboard_compressor".

    For names out of files: never a path, and nothing that REPRS_EFFECTS does not name is imported. An unknown
    name, or pedalboard missing: ValueError.
    """
    if name in registry:
        return registry[name]
    plugin = name.removeprefix(OF_PEDALBOARD)
    if plugin == name or not plugin.isidentifier():
        raise ValueError(
            f"no effect is called {name!r}: its file belongs into a folder that REPRS_EFFECTS names "
            f"(docs/black_boxes.md); plugins of pedalboard are called as {OF_PEDALBOARD}Compressor is"
        )
    try:
        return from_pedalboard(plugins.built_in(plugin), f"pedalboard_{plugins.snake(plugin)}")
    except ImportError as error:
        raise ValueError(f"{name}: {error}") from None
