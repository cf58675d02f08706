"""What a knob means: `Param`, `Effect` and the registry.

Every controller in reprs emits one tensor `z` in [0, 1]^(B × P); this module alone turns it into natural
units. An effect is a pure function whose signature is its declaration:

    @effect
    def gain(x, sample_rate, gain_db: Annotated[Tensor, Param(-24, 24, default=0)]) -> Tensor: ...

Name = argument, unit = suffix, range and scale = annotation. Keyword-only arguments are options: static
choices (a curve, a seed) that no controller turns. Two names of arguments are special: a keyword-only
`sidechain: Tensor | None = None` is a second signal to listen to (`Effect.takes_sidechain`), and
`**gains_db: Annotated[Tensor, {"gain_1khz_db": Param(…), …}]` declares a row of knobs at once.
"""

from __future__ import annotations

import functools
import inspect
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from reprs.audio.timeline import NeedsWholeClipError
from reprs.effects.automation import automated
from reprs.effects.streaming import Stream

UNITS = {
    "db": "dB",
    "hz": "Hz",
    "ms": "ms",
    "s": "s",
    "samples": "samples",
    "octaves": "octaves",
    "percent": "%",
    "deg": "°",
    "bpm": "BPM",
    "lufs": "LUFS",
}


@dataclass(frozen=True)
class Param:
    """The range, default and scale of one knob, in natural units."""

    min: float
    max: float
    default: float
    scale: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        if self.scale not in ("linear", "log"):
            raise ValueError(f"a knob's scale is 'linear' or 'log', not {self.scale!r}")
        if not self.min < self.max or not self.min <= self.default <= self.max:
            raise ValueError(f"need min < max and min <= default <= max, got {self}")
        if self.scale == "log" and self.min <= 0:
            raise ValueError(f"a log knob needs min > 0, got {self}")

    def from_unit(self, z: Tensor) -> Tensor:
        """Natural value of `z` in [0, 1]; any shape."""
        if self.scale == "log":
            value = torch.exp(math.log(self.min) + z * math.log(self.max / self.min))
        else:
            value = self.min + z * (self.max - self.min)
        # Rounding may end outside the range: back to its end, but not without a gradient.
        within = value.clamp(self.min, self.max)
        return torch.where((z >= 0) & (z <= 1), value + (within - value).detach(), within)

    def to_unit(self, value: Tensor) -> Tensor:
        """`z` in [0, 1] of a natural value; values outside the range land on its ends."""
        value = value.clamp(self.min, self.max)
        if self.scale == "log":
            return torch.log(value / self.min) / math.log(self.max / self.min)
        return (value - self.min) / (self.max - self.min)

    def narrow(self, low: float, high: float) -> Param:
        """The same knob over a smaller range; the default moves inside if it has to."""
        if low < self.min or high > self.max:
            raise ValueError(f"[{low}, {high}] is not inside the declared range [{self.min}, {self.max}]")
        return replace(self, min=low, max=high, default=min(max(self.default, low), high))


def ranges(params: Mapping[str, Param]) -> Tensor:
    """`(5, P, 1)` float64, for `natural`: min, max, what z = 0 is on the knob's scale, what z spans there,
    and whether that is logarithmic."""
    rows = [
        (p.min, p.max, math.log(p.min), math.log(p.max / p.min), 1.0)
        if p.scale == "log"
        else (p.min, p.max, p.min, p.max - p.min, 0.0)
        for p in params.values()
    ]
    return torch.tensor(rows, dtype=torch.float64).reshape(-1 if rows else 0, 5).T[..., None]


def natural(params: Mapping[str, Param], ranges: Tensor, z: Tensor) -> dict[str, Tensor]:
    """`Param.from_unit` of all columns of `z` `(B, P)` at once: eighteen knobs for the time of two."""
    low, high, start, span, logarithmic = ranges.to(z)
    z, logarithmic = z.mT.contiguous(), logarithmic.bool()
    value = start + z * span
    # The exponential of a linear knob may overflow, and infinity times its gradient of 0 is not a number.
    value = torch.where(logarithmic, value.masked_fill(~logarithmic, 0).exp(), value)
    # Rounding may end outside the range: back to its end, but not without a gradient.
    within = value.clamp(low, high)
    inside = (z >= 0) & (z <= 1)
    return dict(zip(params, torch.where(inside, value + (within - value).detach(), within), strict=True))


@dataclass(frozen=True)
class Effect:
    """A pure audio function and its knobs.

    Call it with unit knobs, `effect(x, sample_rate, z)` with `z` `(B, P)`, or by name in natural units,
    `effect(x, sample_rate, gain_db=3.0)`, where a value is a number or a `(B,)` tensor and knobs left out
    keep their default. `x` is `(B, C, T)`; the output has the same shape. An effect with `takes_sidechain`
    listens to `sidechain` `(B, C, T)` or `(B, 1, T)` instead of `x`, where it is given. With `z`
    `(B, P, frames)` the knobs move in straight lines from frame to frame, spread evenly over the clip.
    """

    name: str
    function: Callable[..., Tensor]
    params: Mapping[str, Param]
    options: Mapping[str, Any] = field(default_factory=dict)
    takes_sidechain: bool = False
    linear: bool = False

    def __call__(
        self,
        x: Tensor,
        sample_rate: int,
        z: Tensor | None = None,
        *,
        sidechain: Tensor | None = None,
        **knobs: Any,
    ) -> Tensor:
        check_audio(x)
        if z is not None and knobs:
            raise ValueError(f"{self.name}: give z or named knobs, not both")
        if z is None:
            z = self.to_unit(len(x), device=x.device, dtype=x.dtype, **knobs)
        key = None if sidechain is None else self._key(x, sidechain)
        z = z.to(x.dtype)

        def render(x: Tensor, z: Tensor, key: Tensor | None) -> Tensor:
            return self._render(x, sample_rate, z, {} if key is None else {"sidechain": key})

        try:
            if z.ndim == 3:
                return automated(render, x, z, key, self.linear)
            return render(x, z, key)
        except NeedsWholeClipError as error:
            doing = "automate" if z.ndim == 3 else "stream"
            raise ValueError(f"cannot {doing} {self.name}: {error}") from None

    def stream(self, channels: int, sample_rate: int, z: Tensor) -> Stream:
        """The effect with knobs `z` `(B, P)`, for `B` signals that come in blocks."""
        return Stream(lambda x: self(x, sample_rate, z), len(z), channels)

    @functools.cached_property
    def _ranges(self) -> Tensor:
        return ranges(self.params)

    def _render(self, x: Tensor, sample_rate: int, z: Tensor, key: dict[str, Tensor]) -> Tensor:
        return self.function(x, sample_rate, **self.from_unit(z), **self.options, **key)

    def __len__(self) -> int:
        return len(self.params)

    def from_unit(self, z: Tensor) -> dict[str, Tensor]:
        """Knob name → natural value `(B,)`, from `z` `(B, P)`."""
        if z.ndim != 2 or z.shape[1] != len(self.params):
            raise ValueError(f"{self.name}: z is (B, {len(self.params)}), got {tuple(z.shape)}")
        return natural(self.params, self._ranges, z)

    def to_unit(
        self,
        batch: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **knobs: Any,
    ) -> Tensor:
        """`z` `(B, P)` of natural values; knobs not named sit at their default."""
        unknown = set(knobs) - set(self.params)
        if unknown:
            raise ValueError(f"{self.name} has no knob {sorted(unknown)}; it has {list(self.params)}")
        columns = []
        for name, param in self.params.items():
            value = torch.as_tensor(knobs.get(name, param.default), device=device, dtype=dtype)
            columns.append(param.to_unit(value).expand(batch))
        return torch.stack(columns, dim=1) if columns else torch.zeros(batch, 0, device=device, dtype=dtype)

    def narrow(self, **ranges: tuple[float, float]) -> Effect:
        """The same effect with smaller knob ranges: `peaking.narrow(cutoff_hz=(80, 2000))`."""
        unknown = set(ranges) - set(self.params)
        if unknown:
            raise ValueError(f"{self.name} has no knob {sorted(unknown)}; it has {list(self.params)}")
        params = {n: p.narrow(*ranges[n]) if n in ranges else p for n, p in self.params.items()}
        return replace(self, params=params)

    def fix(self, **values: float) -> Effect:
        """The same effect without these knobs, which stay put in natural units: `reverb.fix(mix=1)`."""
        unknown = set(values) - set(self.params)
        if unknown:
            raise ValueError(f"{self.name} has no knob {sorted(unknown)}; it has {list(self.params)}")

        @functools.wraps(self.function)
        def function(x: Tensor, sample_rate: int, **others: Any) -> Tensor:
            fixed = {name: x.new_full((len(x),), value) for name, value in values.items()}
            return self.function(x, sample_rate, **fixed, **others)

        params = {n: p for n, p in self.params.items() if n not in values}
        return replace(self, params=params, function=function)

    def with_options(self, **options: Any) -> Effect:
        """The same effect with other static choices: `distortion.with_options(shape="hard")`."""
        unknown = set(options) - set(self.options)
        if unknown:
            raise ValueError(f"{self.name} has no option {sorted(unknown)}; it has {list(self.options)}")
        return replace(self, options={**self.options, **options})

    def _key(self, x: Tensor, sidechain: Tensor) -> Tensor:
        """The side-chain with the channels and the type of `x`."""
        if not self.takes_sidechain:
            raise ValueError(f"{self.name} takes no side-chain")
        check_audio(sidechain)
        if sidechain.shape not in (x.shape, (len(x), 1, x.shape[2])):
            raise ValueError(
                f"{self.name}: the side-chain of {tuple(x.shape)} audio has its shape or one channel, "
                f"not {tuple(sidechain.shape)}"
            )
        return sidechain.to(x.dtype).expand_as(x)


registry: dict[str, Effect] = {}


@typing.overload
def effect(function: Callable[..., Tensor]) -> Effect: ...
@typing.overload
def effect(*, linear: bool) -> Callable[[Callable[..., Tensor]], Effect]: ...
def effect(function: Callable[..., Tensor] | None = None, *, linear: bool = False) -> Any:
    """Declare an effect: read its knobs and options from the signature and put it into the registry.

    `@effect(linear=True)` says that the sum of two sounds becomes the sum of what each becomes alone, which
    lets knobs move even where a setting plays a whole clip (see `reprs.effects.automation`).
    """
    return _declare(function, linear) if function is not None else functools.partial(_declare, linear=linear)


def _declare(function: Callable[..., Tensor], linear: bool) -> Effect:
    name = function.__name__
    if name in registry and registry[name].function.__module__ != function.__module__:
        raise ValueError(f"two effects are called {name!r}")
    hints = typing.get_type_hints(function, include_extras=True)
    arguments = list(inspect.signature(function).parameters.values())
    if [a.name for a in arguments[:2]] != ["x", "sample_rate"]:
        raise TypeError(f"{name}: an effect's first arguments are x and sample_rate")
    params: dict[str, Param] = {}
    options = {}
    for argument in arguments[2:]:
        if argument.kind is argument.KEYWORD_ONLY:
            options[argument.name] = argument.default
        else:
            params.update(_declared_params(name, argument, hints.get(argument.name)))
    takes_sidechain = "sidechain" in options
    options.pop("sidechain", None)
    registry[name] = Effect(name, function, params, options, takes_sidechain, linear)
    return registry[name]


def unit_of(knob: str) -> str:
    """The unit a knob's name ends in, as it is printed: `"cutoff_hz"` → `"Hz"`, `"ratio"` → `""`."""
    return UNITS.get(knob.rsplit("_", 1)[-1], "") if "_" in knob else ""


def check_audio(x: Tensor) -> None:
    """Refuse anything but a non-empty floating-point `(B, C, T)` tensor."""
    if x.ndim != 3 or x.numel() == 0:
        raise ValueError(f"audio is a non-empty (batch, channels, samples) tensor, got {tuple(x.shape)}")
    if not x.is_floating_point():
        raise ValueError(f"audio is floating point in [-1, 1], got {x.dtype}")


def _declared_params(effect_name: str, argument: inspect.Parameter, hint: Any) -> Mapping[str, Param]:
    """The knob of one argument, or all those that `**argument` stands for."""
    several = argument.kind is argument.VAR_KEYWORD
    kind: type = Mapping if several else Param
    found: list[Any] = [extra for extra in get_args(hint)[1:] if isinstance(extra, kind)]
    if len(found) != 1:
        raise TypeError(
            f"{effect_name}.{argument.name}: annotate a knob as Annotated[Tensor, Param(min, max, default=…)]"
        )
    return found[0] if several else {argument.name: found[0]}
