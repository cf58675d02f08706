"""Chains of pedalboard effects that judge models; training never sees them.

A chain is data (a list of steps that JSON can hold): which plugins run, with which settings. Every kind of
effect is one sampler in `KINDS`, so the set is changed by editing a table. Rendering is pedalboard's alone
(JUCE code that shares nothing with reprs' own processors). Settings are drawn wide enough to be heard on
music at `DRY_RMS_DB`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DRY_RMS_DB = -20.0
Step = tuple[str, dict[str, float]]


@dataclass(frozen=True)
class PedalboardChain:
    """The kinds of effect in the order they run, and the pedalboard plugins with their settings."""

    kinds: tuple[str, ...]
    steps: tuple[Step, ...]

    def to_json(self) -> dict[str, Any]:
        return {"kinds": list(self.kinds), "steps": [[name, settings] for name, settings in self.steps]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PedalboardChain:
        return cls(tuple(data["kinds"]), tuple((name, dict(settings)) for name, settings in data["steps"]))

    def describe(self) -> str:
        """One line for people: the kinds with their rounded settings."""
        return " → ".join(
            f"{name}({', '.join(f'{k}={v:.3g}' for k, v in settings.items())})"
            for name, settings in self.steps
        )


def sample_chain(
    rng: np.random.Generator,
    kinds: Sequence[str] | None = None,
    count: int | None = None,
    probability: float = 0.5,
    random_order: bool = False,
) -> PedalboardChain:
    """A random chain: each kind on with `probability` (at least one), or exactly `count` of them."""
    kinds = list(kinds or DEFAULT_KINDS)
    chosen = _choose(rng, kinds, count, probability)
    if random_order:
        chosen = [chosen[i] for i in rng.permutation(len(chosen))]
    steps = [step for kind in chosen for step in KINDS[kind](rng)]
    rounded = [(name, {k: round(float(v), 5) for k, v in settings.items()}) for name, settings in steps]
    return PedalboardChain(tuple(chosen), tuple(rounded))


def render(chain: PedalboardChain, x: np.ndarray, sample_rate: int) -> np.ndarray:
    """`x` `(2, T)` float32 through the chain, at the RMS level of `x`; a silent result is an error."""
    import pedalboard

    board = pedalboard.Pedalboard([getattr(pedalboard, name)(**settings) for name, settings in chain.steps])
    return match_rms(board(np.ascontiguousarray(x, np.float32), sample_rate), rms_db(x))


def match_rms(x: np.ndarray, level_db: float) -> np.ndarray:
    """`x` scaled to an RMS level over all channels in dB re full scale 1."""
    present_db = rms_db(x)
    if not math.isfinite(present_db):
        raise ValueError("a silent or non-finite signal has no level to match")
    return (x * 10 ** ((level_db - present_db) / 20)).astype(np.float32)


def rms_db(x: np.ndarray) -> float:
    """RMS over all channels in dB re full scale 1; `-inf` for silence."""
    power = float(np.mean(np.square(x, dtype=np.float64)))
    return 10 * math.log10(power) if power > 0 else -math.inf


def _choose(rng: np.random.Generator, kinds: list[str], count: int | None, probability: float) -> list[str]:
    if count is not None:
        if not 1 <= count <= len(kinds):
            raise ValueError(f"a chain has 1 to {len(kinds)} effects, not {count}")
        on = set(rng.choice(len(kinds), size=count, replace=False).tolist())
        return [kind for i, kind in enumerate(kinds) if i in on]
    while True:
        mask = rng.random(len(kinds)) < probability
        if mask.any():
            return [kind for kind, is_on in zip(kinds, mask, strict=True) if is_on]


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))


def _gain_db(rng: np.random.Generator, low: float = 4.0, high: float = 15.0) -> float:
    return float(rng.choice([-1, 1]) * rng.uniform(low, high))


def _eq(rng: np.random.Generator) -> list[Step]:
    def band(plugin: str, low_hz: float, high_hz: float, q: float) -> Step:
        return plugin, {"cutoff_frequency_hz": _log(rng, low_hz, high_hz), "gain_db": _gain_db(rng), "q": q}

    return [
        band("LowShelfFilter", 80, 300, 0.707),
        band("PeakFilter", 200, 1_000, _log(rng, 0.5, 3)),
        band("PeakFilter", 1_000, 5_000, _log(rng, 0.5, 3)),
        band("HighShelfFilter", 3_000, 10_000, 0.707),
    ]


def _filter(rng: np.random.Generator) -> list[Step]:
    """High-pass or low-pass at 12 dB/octave: pedalboard's filters are first order, so two run in series."""
    if rng.random() < 0.5:
        return [("HighpassFilter", {"cutoff_frequency_hz": _log(rng, 100, 800)})] * 2
    return [("LowpassFilter", {"cutoff_frequency_hz": _log(rng, 1_000, 8_000)})] * 2


def _compressor(rng: np.random.Generator) -> list[Step]:
    threshold_db, ratio = rng.uniform(DRY_RMS_DB - 22, DRY_RMS_DB - 8), _log(rng, 3, 20)
    settings = {"attack_ms": _log(rng, 0.5, 60), "release_ms": _log(rng, 30, 500)}
    make_up_db = (DRY_RMS_DB - threshold_db) * (1 - 1 / ratio)
    return [
        ("Compressor", {"threshold_db": threshold_db, "ratio": ratio, **settings}),
        ("Gain", {"gain_db": make_up_db}),
    ]


def _distortion(rng: np.random.Generator) -> list[Step]:
    return [("Distortion", {"drive_db": rng.uniform(12, 40)})]


def _chorus(rng: np.random.Generator) -> list[Step]:
    settings = {"rate_hz": _log(rng, 0.3, 4), "depth": rng.uniform(0.2, 0.9)}
    settings |= {"centre_delay_ms": rng.uniform(4, 18), "feedback": rng.uniform(0, 0.4)}
    return [("Chorus", settings | {"mix": rng.uniform(0.35, 0.65)})]


def _phaser(rng: np.random.Generator) -> list[Step]:
    settings = {"rate_hz": _log(rng, 0.2, 3), "depth": rng.uniform(0.3, 0.9)}
    settings |= {"centre_frequency_hz": _log(rng, 400, 3_000), "feedback": rng.uniform(0.2, 0.8)}
    return [("Phaser", settings | {"mix": rng.uniform(0.4, 0.6)})]


def _delay(rng: np.random.Generator) -> list[Step]:
    settings = {"delay_seconds": _log(rng, 0.06, 0.6), "feedback": rng.uniform(0.1, 0.7)}
    return [("Delay", settings | {"mix": rng.uniform(0.25, 0.6)})]


def _reverb(rng: np.random.Generator) -> list[Step]:
    wet = rng.uniform(0.2, 0.8)
    settings = {
        "room_size": rng.uniform(0.2, 0.95),
        "damping": rng.uniform(0, 1),
        "width": rng.uniform(0.3, 1),
    }
    return [("Reverb", settings | {"wet_level": wet, "dry_level": 1 - wet})]


def _limiter(rng: np.random.Generator) -> list[Step]:
    settings = {"threshold_db": rng.uniform(DRY_RMS_DB - 12, DRY_RMS_DB), "release_ms": _log(rng, 20, 400)}
    return [("Limiter", settings)]


def _bitcrush(rng: np.random.Generator) -> list[Step]:
    return [("Bitcrush", {"bit_depth": rng.uniform(4, 8)})]


def _clipping(rng: np.random.Generator) -> list[Step]:
    return [("Clipping", {"threshold_db": rng.uniform(DRY_RMS_DB - 9, DRY_RMS_DB + 3)})]


# In the order a channel strip has them; the order of a chain unless it is drawn too.
KINDS: dict[str, Callable[[np.random.Generator], list[Step]]] = {
    "eq": _eq,
    "filter": _filter,
    "compressor": _compressor,
    "distortion": _distortion,
    "clipping": _clipping,
    "bitcrush": _bitcrush,
    "phaser": _phaser,
    "chorus": _chorus,
    "delay": _delay,
    "reverb": _reverb,
    "limiter": _limiter,
}
DEFAULT_KINDS = ("eq", "filter", "compressor", "distortion", "phaser", "chorus", "delay", "reverb")
