"""Plugins of pedalboard: their continuous parameters as knobs, and playing a clip through them.

A VST3 names its parameters' values as text; the knob's range is what that text says at both ends, and a
value is set through the table of all texts, so that a knob moves smoothly even where the text is rounded.
pedalboard's built-in plugins declare no ranges: `RANGES` gives those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reprs.effects.spec import Param

# Fewer samples than this and pedalboard takes the channels for the time.
SHORTEST = 16
# Many plugins glide to a new setting, from the last clip's: this much silence first, then the reset.
SETTLE_S = 0.05
RANGES = {
    "attack_ms": Param(0.1, 200, default=10, scale="log"),
    "bit_depth": Param(4, 16, default=8),
    "ceiling_db": Param(-24, 0, default=-1),
    "centre_delay_ms": Param(1, 50, default=7, scale="log"),
    "centre_frequency_hz": Param(100, 10_000, default=1_300, scale="log"),
    "cutoff_frequency_hz": Param(20, 20_000, default=440, scale="log"),
    "cutoff_hz": Param(20, 20_000, default=200, scale="log"),
    "damping": Param(0, 1, default=0.5),
    "delay_seconds": Param(0.02, 1, default=0.25, scale="log"),
    "depth": Param(0, 1, default=0.25),
    "drive": Param(1, 10, default=1, scale="log"),
    "drive_db": Param(0, 48, default=25),
    "dry_level": Param(0, 1, default=0.4),
    "feedback": Param(0, 0.9, default=0),
    "gain_db": Param(-24, 24, default=0),
    "mix": Param(0, 1, default=0.5),
    "q": Param(0.3, 10, default=0.7071, scale="log"),
    "rate_hz": Param(0.1, 8, default=1, scale="log"),
    "ratio": Param(1, 20, default=4, scale="log"),
    "release_ms": Param(5, 2_000, default=100, scale="log"),
    "resonance": Param(0, 1, default=0),
    "room_size": Param(0, 1, default=0.5),
    "semitones": Param(-12, 12, default=0),
    "threshold_db": Param(-60, 0, default=-20),
    "vbr_quality": Param(0, 9.9, default=2),
    "wet_level": Param(0, 1, default=0.33),
    "width": Param(0, 1, default=1),
}


@dataclass(frozen=True)
class Knob:
    """One continuous parameter: its range, and how a value in natural units is set."""

    param: Param
    set: Callable[[Any, float], None]


def load(plugin: Any) -> Any:
    """A plugin object from an object, a class, a built-in's name or a file."""
    host = _host()
    if isinstance(plugin, (str, Path)) and Path(plugin).exists():
        return host.load_plugin(str(plugin))
    if isinstance(plugin, (str, Path)):
        plugin = built_in(str(plugin))
    return plugin() if isinstance(plugin, type) else plugin


def built_in(name: str) -> type:
    """The class of a plugin that pedalboard has built in; no file is looked at."""
    host = _host()
    named = getattr(host, name, None)
    if not (isinstance(named, type) and issubclass(named, host.Plugin)):
        raise ValueError(f"{name} is neither a plugin's file nor the name of a pedalboard plugin")
    return named


def name_of(plugin: Any, given: str | Path | None = None) -> str:
    """`"PeakFilter"` → `"peak_filter"`, `"Big Comp.vst3"` → `"big_comp"`."""
    said = str(getattr(plugin, "name", "") or (Path(given).stem if given else "") or type(plugin).__name__)
    return snake(said)


def snake(name: str) -> str:
    """`"PeakFilter"` → `"peak_filter"`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"\W+", "_", apart).strip("_").lower()


def knobs(plugin: Any, ranges: Mapping[str, Param]) -> dict[str, Knob]:
    """The continuous parameters by name; `ranges` adds to what the plugin and `RANGES` declare."""
    found = _of_host(plugin.parameters) if hasattr(plugin, "parameters") else _of_builtin(plugin, ranges)
    unknown = set(ranges) - set(found)
    if unknown:
        raise ValueError(f"{name_of(plugin)} has no knob {sorted(unknown)}; it has {list(found)}")
    return {name: replace(knob, param=ranges.get(name, knob.param)) for name, knob in found.items()}


def play(
    plugin: Any, knobs: Mapping[str, Knob], x: np.ndarray, sample_rate: int, values: Mapping[str, float]
) -> np.ndarray:
    """`x` `(C, T)` float32 through the plugin, reset, with `values`; what it holds back is waited for."""
    for name, value in values.items():
        knobs[name].set(plugin, value)
    channels, samples = x.shape
    if channels > 2:
        raise ValueError(f"{name_of(plugin)}: plugins take one or two channels, got {channels}")
    padded = np.pad(x, ((0, 0), (0, max(SHORTEST - samples, 0))))
    plugin.process(
        np.zeros((channels, int(SETTLE_S * sample_rate)), dtype=np.float32), sample_rate, reset=True
    )
    y = plugin.process(padded, sample_rate, reset=True)
    silence = np.zeros((channels, SHORTEST + 8_192), dtype=np.float32)
    while 0 < y.shape[1] < samples:
        y = np.concatenate([y, plugin.process(silence, sample_rate, reset=False)], axis=1)
    return y[:, :samples]


def _host() -> Any:
    try:
        import pedalboard
    except ImportError:
        raise ImportError("plugins need pedalboard: pip install 'reprs[eval]'") from None
    return pedalboard


def _of_builtin(plugin: Any, ranges: Mapping[str, Param]) -> dict[str, Knob]:
    declared = {**RANGES, **ranges}
    found = {}
    for name in dir(type(plugin)):
        if not isinstance(getattr(type(plugin), name), property) or name not in declared:
            continue
        param, now = declared[name], getattr(plugin, name)
        if isinstance(now, float):
            param = replace(param, default=min(max(now, param.min), param.max))
            found[name] = Knob(param, lambda plugin, value, name=name: setattr(plugin, name, value))  # type: ignore[misc]
    return found


def _of_host(parameters: Mapping[str, Any]) -> dict[str, Knob]:
    """Of a VST3 or Audio Unit."""
    found = {}
    for name, parameter in parameters.items():
        if parameter.type is float and parameter.min_value < parameter.max_value:
            raw, natural = _table(parameter.ranges)
            now = float(np.interp(parameter.raw_value, raw, natural))
            low, high = float(natural.min()), float(natural.max())
            param = Param(low, high, default=min(max(now, low), high), scale=_scale(raw, natural))
            found[name] = Knob(param, _setter(name, raw, natural))
    return found


def _table(ranges: Mapping[tuple[float, float], float]) -> tuple[np.ndarray, np.ndarray]:
    """Raw positions in [0, 1] and the values there; the position itself where the values are not in order."""
    spans = sorted(ranges)
    raw = np.array([(start + end) / 2 for start, end in spans])
    raw[0], raw[-1] = 0, 1
    natural = np.array([float(ranges[span]) for span in spans])
    steps = np.diff(natural)
    if not ((steps > 0).all() or (steps < 0).all()):
        return np.array([0.0, 1.0]), np.array([0.0, 1.0])
    return raw, natural


def _setter(name: str, raw: np.ndarray, natural: np.ndarray) -> Callable[[Any, float], None]:
    order = np.argsort(natural)

    def set_value(plugin: Any, value: float) -> None:
        plugin.parameters[name].raw_value = float(np.interp(value, natural[order], raw[order]))

    return set_value


def _scale(raw: np.ndarray, natural: np.ndarray) -> Any:
    """Whether the middle of the travel lies nearer to the geometric mean of the ends."""
    low, high, middle = natural.min(), natural.max(), np.interp(0.5, raw, natural)
    if low <= 0 or high < 4 * low:
        return "linear"
    return (
        "log" if abs(np.log(middle**2 / (low * high))) < abs(np.log(2 * middle / (low + high))) else "linear"
    )
