"""The same chain through two engines: pedalboard, and reprs' own effects set as pedalboard's plugins are.

Pedalboard judges (its code is strange to reprs); our engine makes training data. A probe trained on one and
tested on the other says whether an embedding knows the effect or only one program's rendering of it. The two
need not agree sample by sample: equaliser and filters do (below −80 dB), the reverbs not at all.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

import reprs
from eval.chains import DRY_RMS_DB, KINDS, PedalboardChain, Step, match_rms, rms_db, sample_chain
from eval.chains import render as render_pedalboard

ENGINES = ("pedalboard", "reprs")
Knobs = dict[str, float]
Translation = tuple[str, Knobs, dict[str, object]]
# JUCE counts ballistics as exp(-2π / time): its time is 2π of our time to 63 %.
JUCE_TIME = 2 * math.pi


def render(engine: str, chain: PedalboardChain, x: np.ndarray, sample_rate: int) -> np.ndarray:
    """`x` `(2, T)` float32 through the chain by an engine, at the RMS level of `x`."""
    if engine == "pedalboard":
        return render_pedalboard(chain, x, sample_rate)
    y = torch.from_numpy(np.ascontiguousarray(x, np.float32))[None]
    for name, knobs, options in translated(chain.steps):
        y = reprs.effects.registry[name].with_options(**options)(y, sample_rate, **knobs)
    return match_rms(y[0].numpy(), rms_db(x))


def fingerprint() -> str:
    """A hash of what our engine makes of noise: it changes when an effect does, but not with rounding.

    Every kind's output counts by its level in bands, to a tenth of a decibel.
    """
    rng = np.random.default_rng(0)
    noise = match_rms(rng.standard_normal((2, 8_192)), DRY_RMS_DB)
    levels_db = []
    for kind in KINDS:
        wet = render("reprs", sample_chain(rng, [kind], 1), noise, 44_100)
        power = np.abs(np.fft.rfft(wet.astype(np.float64))) ** 2
        bands = np.add.reduceat(power, np.geomspace(4, 3_000, 12).astype(int), axis=1)
        levels_db.append(np.round(10 * np.log10(bands + 1e-12), 1))
    return hashlib.sha256(np.stack(levels_db).tobytes()).hexdigest()[:16]


def translated(steps: Sequence[Step]) -> list[Translation]:
    """Our effects for steps of pedalboard: name, knobs within range, options; bands share an equaliser."""
    result: list[Translation] = []
    for plugin, settings in steps:
        name, knobs, options = TRANSLATIONS[plugin](settings)
        params = reprs.effects.registry[name].params
        knobs = {k: min(max(v, params[k].min), params[k].max) for k, v in knobs.items()}
        before = result[-1] if result and result[-1][0] == name == "parametric_eq" else None
        free = None if before is None else _free_band(knobs, before[1])
        if before is None or free is None:
            result.append((name, knobs, options))
        else:
            before[1].update(free)
    return result


def _free_band(band: Knobs, taken: Knobs) -> Knobs | None:
    """The band's knobs under a name that the equaliser has not used yet, or `None`."""
    prefix = next(iter(band)).rsplit("_hz", 1)[0]
    names = [f"peak{i}" for i in range(1, 5)] if prefix == "peak1" else [prefix]
    free = next((name for name in names if f"{name}_hz" not in taken), None)
    return None if free is None else {free + k[len(prefix) :]: v for k, v in band.items()}


def _band(band: str) -> Callable[[Knobs], Translation]:
    return lambda s: (
        "parametric_eq",
        {f"{band}_hz": s["cutoff_frequency_hz"], f"{band}_gain_db": s["gain_db"], f"{band}_q": s["q"]},
        {},
    )


def _compressor(s: Knobs) -> Translation:
    times = {name: s[name] / JUCE_TIME for name in ("attack_ms", "release_ms")}
    knobs = {"threshold_db": s["threshold_db"], "ratio": s["ratio"], "knee_db": 0.0, **times}
    return "compressor", knobs, {"stereo_link": False}


def _distortion(s: Knobs) -> Translation:
    return "distortion", {"drive_db": s["drive_db"], "output_db": 0.0, "mix": 1.0}, {}


def _clipping(s: Knobs) -> Translation:
    knobs = {"drive_db": -s["threshold_db"], "output_db": 0.0, "mix": 1.0}
    return "distortion", knobs, {"shape": "hard"}


def _chorus(s: Knobs) -> Translation:
    """JUCE's delay swings by up to 10 ms, on both channels together; its feedback has no match here."""
    knobs = {"rate_hz": s["rate_hz"], "depth_ms": 10 * s["depth"], "centre_delay_ms": s["centre_delay_ms"]}
    return "chorus", knobs | {"spread_deg": 0.0, "mix": s["mix"]}, {}


def _phaser(s: Knobs) -> Translation:
    """JUCE sweeps half the depth of 20 Hz to 20 kHz (10 octaves) to either side, through six stages."""
    knobs = {"rate_hz": s["rate_hz"], "depth_octaves": 5 * s["depth"], "centre_hz": s["centre_frequency_hz"]}
    return "phaser", knobs | {"feedback": s["feedback"], "spread_deg": 0.0, "mix": s["mix"]}, {"stages": 6}


def _delay(s: Knobs) -> Translation:
    knobs = {"delay_ms": 1_000 * s["delay_seconds"], "feedback": s["feedback"], "mix": s["mix"]}
    return "delay", knobs | {"ping_pong": 0.0, "damping_hz": 16_000.0}, {}


def _reverb(s: Knobs) -> Translation:
    """Freeverb's combs feed back 0.7 + 0.28 · size every 31 ms; that is a decay time."""
    decay_s = 0.031 * 60 / (-20 * math.log10(0.7 + 0.28 * s["room_size"]))
    knobs = {"decay_s": decay_s, "damping_hz": 16_000 * 0.1 ** s["damping"], "size": 0.9}
    return "room", knobs | {"width": s["width"], "mix": s["wet_level"]}, {}


TRANSLATIONS: dict[str, Callable[[Knobs], Translation]] = {
    "LowShelfFilter": _band("low_shelf"),
    "PeakFilter": _band("peak1"),
    "HighShelfFilter": _band("high_shelf"),
    "HighpassFilter": lambda s: ("highpass", {"cutoff_hz": s["cutoff_frequency_hz"]}, {"order": 1}),
    "LowpassFilter": lambda s: ("lowpass", {"cutoff_hz": s["cutoff_frequency_hz"]}, {"order": 1}),
    "Compressor": _compressor,
    "Gain": lambda s: ("gain", {"gain_db": s["gain_db"]}, {}),
    "Distortion": _distortion,
    "Clipping": _clipping,
    "Bitcrush": lambda s: ("bitcrush", {"bits": s["bit_depth"], "mix": 1.0}, {}),
    "Phaser": _phaser,
    "Chorus": _chorus,
    "Delay": _delay,
    "Reverb": _reverb,
    "Limiter": lambda s: ("limiter", {"ceiling_db": s["threshold_db"], "release_ms": s["release_ms"]}, {}),
}
