"""The picture of a mix: equaliser curves, loudness over time, spectra and spectrograms before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reprs.console import strip
from reprs.console.files import mix_measures
from reprs.console.files.eq_plot import TICKS_HZ
from reprs.console.saved_mix import SavedMix
from reprs.console.spectrum import CENTRES_HZ, third_octaves_db
from reprs.effects import Chain

CLICK = 2**14
IN_LEGEND = 12
RANGE_DB = 70.0


def draw(title: str, saved: SavedMix, heard: Mapping[str, Tensor]) -> Any:
    """A matplotlib figure; `heard` is "before", "after" and perhaps "reference", `(2, T)` each."""
    from matplotlib.figure import Figure  # without pyplot: no display and no global state

    figure = Figure(figsize=(11, 9))
    # Placed by hand: a layout that is solved takes longer than the mix.
    grid = figure.add_gridspec(3, 2, left=0.07, right=0.98, bottom=0.06, top=0.92, hspace=0.35, wspace=0.14)
    figure.suptitle(title.replace("$", r"\$"), fontsize=11)
    _draw_curves(figure.add_subplot(grid[0, 0]), saved)
    _draw_spectra(figure.add_subplot(grid[0, 1]), saved.sample_rate, heard)
    _draw_loudness(figure.add_subplot(grid[1, :]), saved.sample_rate, heard)
    pictures = {n: mix_measures.spectrogram_db(heard[n], saved.sample_rate) for n in ("before", "after")}
    top_db = max(float(picture.max()) for picture in pictures.values())
    for column, (name, picture) in enumerate(pictures.items()):
        duration_s = heard[name].shape[1] / saved.sample_rate
        _draw_spectrogram(figure.add_subplot(grid[2, column]), name, picture, duration_s, top_db)
    return figure


def equaliser_curves_db(saved: SavedMix, hz: np.ndarray) -> dict[str, np.ndarray]:
    """Track → response of its filters at `hz`, from a click; tracks whose filters are off are left out."""
    console, knobs = saved.console, saved.knobs
    places = [i for i, name in enumerate(console.strip.names) if name in ("highpass", "parametric_eq")]
    if not places:
        return {}
    count = len(saved.names)
    on = torch.ones(count, len(console.track_switches)) if knobs.tracks_on is None else knobs.tracks_on[0]
    on = (on != 0)[:, places]
    z = knobs.tracks[0] if knobs.tracks.ndim == 3 else knobs.tracks[0].mean(-1)
    filters = Chain([console.strip.effects[i] for i in places])
    z = torch.cat([z[:, console.strip.slices[i]] for i in places], dim=1)
    click = torch.zeros(count, 1, CLICK)
    click[..., 0] = 1
    spectrum = torch.fft.rfft(strip.run(filters, click, saved.sample_rate, z, on)[:, 0].double()).abs()
    bins = np.fft.rfftfreq(CLICK, 1 / saved.sample_rate)
    levels = 20 * np.log10(spectrum.numpy() + 1e-6)
    heard = [n for n in range(count) if bool(on[n].any())]
    return {saved.names[n]: np.interp(hz, bins, levels[n]) for n in heard}


def _draw_curves(axes: Any, saved: SavedMix) -> None:
    hz = np.geomspace(20, min(20_000, 0.49 * saved.sample_rate), 300)
    curves = equaliser_curves_db(saved, hz)
    for number, (name, level) in enumerate(curves.items()):
        axes.plot(hz, level, linewidth=1.2, label=name.replace("$", r"\$") if number < IN_LEGEND else None)
    _frequencies(axes)
    axes.set_ylim(-18, 18)
    axes.set_title("equalisers", fontsize=9)
    axes.set_ylabel("gain (dB)")
    if len(curves) > 1:
        axes.legend(fontsize=6, ncols=2)


def _draw_spectra(axes: Any, sample_rate: int, heard: Mapping[str, Tensor]) -> None:
    below = sample_rate / 2 > CENTRES_HZ
    styles = {"before": "--", "after": "-", "reference": ":"}
    levels = {name: third_octaves_db(x, sample_rate) for name, x in heard.items()}
    for name, level in levels.items():
        axes.plot(CENTRES_HZ[below], level[below], styles[name], label=name)
    top = max(float(level.max()) for level in levels.values())
    _frequencies(axes)
    axes.set_ylim(top - RANGE_DB, top + 5)
    axes.set_title("third octaves", fontsize=9)
    axes.set_ylabel("level (dB FS)")
    axes.legend(fontsize=7)


def _draw_loudness(axes: Any, sample_rate: int, heard: Mapping[str, Tensor]) -> None:
    for name, style in (("before", "--"), ("after", "-")):
        axes.plot(*mix_measures.short_term_lufs(heard[name], sample_rate), style, label=name)
    axes.set_title("loudness of the last 3 s", fontsize=9)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("LUFS")
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, high - 40), high + 1)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)


def _draw_spectrogram(axes: Any, name: str, level_db: np.ndarray, duration_s: float, top_db: float) -> None:
    low, high = np.log10([mix_measures.LOWEST_HZ, mix_measures.HIGHEST_HZ])
    axes.imshow(
        level_db,
        origin="lower",
        aspect="auto",
        extent=(0, duration_s, low, high),
        vmin=top_db - RANGE_DB,
        vmax=top_db,
        cmap="magma",
    )
    axes.set_yticks(np.log10(list(TICKS_HZ)), list(TICKS_HZ.values()))
    axes.set_title(f"spectrogram {name}", fontsize=9)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("Hz")


def _frequencies(axes: Any) -> None:
    axes.set_xscale("log", subs=[])
    axes.set_xlim(20, 20_000)
    axes.set_xticks(list(TICKS_HZ), list(TICKS_HZ.values()))
    axes.grid(alpha=0.3)
