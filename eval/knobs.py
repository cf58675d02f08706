"""The knobs of rendered chains as numbers to regress on, and which of them can be heard at all.

A knob's name is `kind.band.setting` (`eq.peak_1.gain_db`). Frequencies, times and ratios count in octaves, as
people hear them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval.chains import PedalboardChain, match_rms, render
from eval.clips import STORED_RMS_DB
from eval.music import SAMPLE_RATE, read_cut
from eval.plan import PREROLL_S
from eval.probe_plan import ProbePlan

KIND_OF = {
    "LowShelfFilter": "eq.low_shelf",
    "PeakFilter": "eq.peak",
    "HighShelfFilter": "eq.high_shelf",
    "HighpassFilter": "filter.highpass",
    "LowpassFilter": "filter.lowpass",
    "Compressor": "compressor",
    "Distortion": "distortion",
    "Clipping": "clipping",
    "Bitcrush": "bitcrush",
    "Phaser": "phaser",
    "Chorus": "chorus",
    "Delay": "delay",
    "Reverb": "reverb",
    "Limiter": "limiter",
}
LOGARITHMIC = ("_hz", "_ms", "_seconds", "ratio")
# A knob whose whole travel changes a clip by less than 1 dB of level would (a difference 18 dB below the
# clip), in the median, cannot be identified from it.
AUDIBLE_DB = -18.0
TRIED = 8


def knobs(chain: PedalboardChain) -> dict[str, float]:
    """Name → value of every drawn setting; the make-up gain and the second of two equal filters follow."""
    return {name: _scaled(name, chain.steps[i][1][s]) for name, (i, s) in _places(chain).items()}


def measured(values: Sequence[dict[str, float]]) -> list[str]:
    """The knobs that were drawn: those with more than one value."""
    names = sorted({name for v in values for name in v})
    return [n for n in names if np.ptp([v[n] for v in values if n in v]) > 1e-6]


def audibility_db(
    plan: ProbePlan, indices: Sequence[int], path: Path, tried: int = TRIED
) -> dict[str, float]:
    """Knob → how much a clip changes when that knob alone travels, the median of a few clips; kept at `path`.

    The rest of the chain stays, the knob goes to the far tenth of its values, both versions have one level,
    and the energy of their difference is compared with the clip's.
    """
    if path.exists():
        return json.loads(path.read_text())
    values = {i: knobs(plan.chain_of(i)) for i in indices}
    found = {}
    for name in measured(list(values.values())):
        low, high = np.percentile([v[name] for v in values.values() if name in v], [10, 90])
        having = [i for i in indices if name in values[i]][:tried]
        moved = {i: high if values[i][name] < (low + high) / 2 else low for i in having}
        found[name] = round(float(np.median([_change_db(plan, i, name, moved[i]) for i in having])), 2)
    path.write_text(json.dumps(found, indent=1))
    return found


def _places(chain: PedalboardChain) -> dict[str, tuple[int, str]]:
    """Name of a knob → its step and setting."""
    places: dict[str, tuple[int, str]] = {}
    peaks = 0
    for i, (plugin, settings) in enumerate(chain.steps):
        if plugin not in KIND_OF or (i and chain.steps[i - 1] == (plugin, settings)):
            continue
        peaks += plugin == "PeakFilter"
        prefix = KIND_OF[plugin] + (f"_{peaks}" if plugin == "PeakFilter" else "")
        places |= {f"{prefix}.{s}": (i, s) for s in settings if s != "dry_level"}
    return places


def _change_db(plan: ProbePlan, index: int, name: str, value: float) -> float:
    clip, chain = plan.clips[index], plan.chain_of(index)
    clip_s = plan.settings["clip_s"]
    dry, frames = read_cut(plan.cuts[clip.cut], clip_s + PREROLL_S[1]), round(clip_s * SAMPLE_RATE)
    dry = dry[:, dry.shape[1] - frames - round(clip.preroll_s * SAMPLE_RATE) :]
    before, after = (
        match_rms(render(c, dry, SAMPLE_RATE)[:, -frames:], STORED_RMS_DB)
        for c in (chain, _with(chain, name, value))
    )
    change = float(np.mean(np.square(before - after, dtype=np.float64)))
    return 10 * math.log10(max(change, 1e-20)) - STORED_RMS_DB


def _with(chain: PedalboardChain, name: str, value: float) -> PedalboardChain:
    """The chain with one knob elsewhere; equal filters in series and a reverb's dry level go with it."""
    place, setting = _places(chain)[name]
    old = chain.steps[place]
    new = dict(old[1]) | {setting: 2**value if name.endswith(LOGARITHMIC) else value}
    if setting == "wet_level":
        new["dry_level"] = 1 - new["wet_level"]
    steps = tuple((old[0], new) if step == old else step for step in chain.steps)
    return PedalboardChain(chain.kinds, steps)


def _scaled(name: str, value: float) -> float:
    return math.log2(value) if name.endswith(LOGARITHMIC) else value
