"""How mixes of the same tracks differ, in words and numbers, from their knobs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from reprs.console.files.described import natural, switched
from reprs.console.files.mix_plot import equaliser_curves_db
from reprs.console.knobs import FIRST
from reprs.console.saved_mix import SavedMix
from reprs.views.mixes import PEAKS_DB

# What is compared: name → (unit, the word for more of it, the word for less, what is worth a word).
TRAITS: dict[str, tuple[str, str, str, float]] = {
    "bass": ("dB", "more bass", "less bass", 1.0),
    "low mids": ("dB", "fuller low mids", "leaner low mids", 1.0),
    "treble": ("dB", "brighter", "darker", 1.0),
    "compression": ("dB", "more compressed", "more open dynamics", 0.7),
    "saturation": ("dB", "more saturated", "cleaner", 1.5),
    "reverb": ("dB", "more reverb", "drier", 2.0),
    "delay": ("dB", "more echo", "less echo", 3.0),
    "width": ("", "wider", "narrower", 0.08),
    "compressors before EQs": ("", "more compressors before EQs", "fewer compressors before EQs", 0.3),
}
REGIONS_HZ = {"bass": (50, 160), "low mids": (200, 600), "treble": (5_000, 14_000)}
LEVEL_DB = -20.0
CLOSED_DB = -48.0
MOST_WORDS = 4


def traits(saved: SavedMix) -> dict[str, float]:
    """Every trait as a number, in the mean over the tracks; sends in dB, closed ones at -48.

    Of orders it is the share of the tracks with a compressor and an equaliser that compress first.
    """
    values = [natural(saved.console.track_params, z) for z in saved.knobs.tracks[0]]
    on_all = saved.knobs.tracks_on
    names = saved.console.track_switches
    on = [switched(names, None if on_all is None else on_all[0, n]) for n in range(len(values))]
    hz = np.geomspace(20, 20_000, 200)
    curves = equaliser_curves_db(saved, hz)
    found = {}
    for region, (low, high) in REGIONS_HZ.items():
        inside = (hz >= low) & (hz <= high)
        found[region] = sum(float(curve[inside].mean()) for curve in curves.values()) / len(values)
    found["compression"] = float(
        np.mean([_reduced_db(v) if o["compressor"] else 0 for v, o in zip(values, on, strict=True)])
    )
    drive = [v["distortion.drive_db"] if o["distortion"] else 0.0 for v, o in zip(values, on, strict=True)]
    found["saturation"] = float(np.mean(drive))
    shared = saved.knobs.shared_on
    shared_on = switched(saved.console.shared_switches, None if shared is None else shared[0])
    for bus in ("reverb", "delay"):
        sent = [10 ** (v[f"{bus}.send_db"] / 10) for v in values]
        found[bus] = max(CLOSED_DB, 10 * float(np.log10(np.mean(sent)))) if shared_on[bus] else CLOSED_DB
    width = [v["stereo_width.width"] if o["stereo_width"] else 1.0 for v, o in zip(values, on, strict=True)]
    found["width"] = float(np.mean(width))
    # Where one of the two is off there is no order to speak of.
    both = [o[f"compressor{FIRST}"] for o in on if o["compressor"] and o["parametric_eq"]]
    found["compressors before EQs"] = float(np.mean(both)) if both else 0.0
    return found


def words(mixes: Sequence[SavedMix]) -> list[str]:
    """What sets each mix apart from the mean of all, the largest first; a sentence each."""
    found = [traits(m) for m in mixes]
    mean = {name: float(np.mean([f[name] for f in found])) for name in TRAITS}
    sentences = []
    for each in found:
        apart = {name: (each[name] - mean[name]) / TRAITS[name][3] for name in TRAITS}
        said: list[str] = []
        for name in sorted(apart, key=lambda n: -abs(apart[n])):
            if abs(apart[name]) >= 1 and len(said) < MOST_WORDS:
                unit, more, less, _ = TRAITS[name]
                by = each[name] - mean[name]
                amount = f"{by:+.1f} {unit}" if unit else f"{by:+.2f}"
                said.append(f"{more if by > 0 else less} ({amount})")
        sentences.append(", ".join(said) or "near the middle of these mixes")
    return sentences


def levels(mixes: Sequence[SavedMix]) -> list[tuple[str, ...]]:
    """A row a track: its name, and fader and pan in every mix."""
    rows = []
    for n, name in enumerate(mixes[0].names):
        cells = []
        for mix in mixes:
            values = natural(mix.console.track_params, mix.knobs.tracks[0, n])
            side = round(100 * values["pan"])
            pan = "C" if side == 0 else f"{abs(side)} {'L' if side < 0 else 'R'}"
            cells.append(f"{values['fader_db']:+.1f} dB, {pan}")
        rows.append((name, *cells))
    return rows


def apart(a: SavedMix, b: SavedMix) -> float:
    """Root mean square difference of all knobs of two mixes, in shares of their ranges."""
    z = [torch.cat([m.knobs.tracks.flatten(), m.knobs.shared.flatten()]) for m in (a, b)]
    return float((z[0] - z[1]).square().mean().sqrt())


def _reduced_db(values: dict[str, float]) -> float:
    """What a compressor takes from the peaks of a track at -20 dBFS."""
    over = LEVEL_DB + PEAKS_DB - values["compressor.threshold_db"]
    return max(0.0, over) * (1 - 1 / values["compressor.ratio"])
