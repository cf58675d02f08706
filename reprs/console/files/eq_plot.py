"""A picture of an equaliser setting: its response with the bands, and the spectrum before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from reprs.console.spectrum import CENTRES_HZ, third_octaves_db
from reprs.console.text_eq import Equalised

TICKS_HZ = {30: "30", 100: "100", 300: "300", 1000: "1k", 3000: "3k", 10_000: "10k"}
QUIETEST_DB = 70.0  # below the loudest third octave


def plot(path: Path, before: Tensor, result: Equalised) -> None:
    """Write a PNG for the recording `before` `(C, T)` and what became of it."""
    from matplotlib.figure import Figure  # without pyplot: no display and no global state

    figure = Figure(figsize=(8, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    figure.suptitle(_title(result), fontsize=11)
    _draw_response(upper, result)
    _draw_spectra(lower, before, result)
    lower.set_xlabel("frequency (Hz)")
    lower.set_xlim(20, 20_000)
    figure.savefig(path, dpi=120)


def _title(result: Equalised) -> str:
    prompt = result.prompt if len(result.prompt) <= 70 else result.prompt[:69] + "…"
    # A dollar sign would begin a formula.
    return f"“{prompt}”, amount {result.setting.amount:g}, {result.setting.engine}".replace("$", r"\$")


def _draw_response(axes: Any, result: Equalised) -> None:
    setting = result.setting
    frequencies = np.geomspace(20, min(20_000, 0.49 * setting.sample_rate), 400)
    for number, band in enumerate(setting.bands, 1):
        alone = result.band_response_db(band, frequencies)
        axes.fill_between(frequencies, alone, alpha=0.15)
        height = float(result.response_db(band.frequency_hz))
        axes.plot(band.frequency_hz, height, "o", color="black", markersize=4)
        axes.annotate(str(number), (band.frequency_hz, height), (0, 6), textcoords="offset points")
    total = result.response_db(frequencies)
    axes.plot(frequencies, total, color="black")
    axes.set_xscale("log")
    axes.set_xticks(list(TICKS_HZ), list(TICKS_HZ.values()))
    axes.minorticks_off()
    reach = max(6.0, 1.15 * float(np.abs(total).max()))
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("gain (dB)")
    axes.grid(alpha=0.3)


def _draw_spectra(axes: Any, before: Tensor, result: Equalised) -> None:
    rate = result.setting.sample_rate
    levels = {"before": third_octaves_db(before, rate), "after": third_octaves_db(result.audio, rate)}
    below = rate / 2 > CENTRES_HZ
    for label, style in (("before", "--"), ("after", "-")):
        axes.plot(CENTRES_HZ[below], levels[label][below], style, label=f"{label} (third octaves)")
    top = max(float(level.max()) for level in levels.values())
    axes.set_ylim(top - QUIETEST_DB, top + 5)
    axes.set_ylabel("level (dB FS)")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
