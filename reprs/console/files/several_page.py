"""The page that compares several mixes: how they differ, spectra, loudness, width, and how to go on."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reprs.console.files import mix_measures
from reprs.console.files.compared import TRAITS, levels, traits, words
from reprs.console.files.described import shared_rows
from reprs.console.files.mix_page import STYLE, png, table
from reprs.console.spectrum import CENTRES_HZ, third_octaves_db

if TYPE_CHECKING:
    from reprs.console.files.several_files import Candidate

IN_LEGEND = 12


def write_page(
    path: Path, title: str, mixes: Sequence[Candidate], calls: Sequence[str], notes: Sequence[str] = ()
) -> None:
    """Write the page; `calls` go on from each mix."""
    names = [m.path.stem for m in mixes]
    saved = [m.saved for m in mixes]
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        "".join(f'<p class="note">{html.escape(n)}</p>' for n in notes),
    ]
    usual = f" {names[0]} is the most usual one." if saved[0].details.get("temperature") == 0 else ""
    parts.append(f"<p>All at the same loudness.{usual} To go on from one, run the line below it.</p>")
    for mix, said, call in zip(mixes, words(saved), calls, strict=True):
        file = html.escape(mix.path.name)
        player = f'<audio controls preload="none" src="{file}"></audio>'
        parts.append(f"<h3>{file} {player}</h3><p>{html.escape(said)}</p><pre>{html.escape(call)}</pre>")
    picture = f'<img alt="spectra and loudness of the mixes" src="data:image/png;base64,{png(draw(mixes))}">'
    parts += [picture, "<h2>What they do</h2>", table(("", *names), _trait_rows(mixes))]
    parts += ["<h2>Levels and places</h2>", table(("track", *names), levels(saved))]
    parts += ["<h2>Shared</h2>", table(("", "section", "setting"), _shared(mixes))]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
    path.write_text(f"{head}<style>{STYLE}</style>{''.join(parts)}</html>\n", encoding="utf-8")


def draw(mixes: Sequence[Candidate]) -> Any:
    """A matplotlib figure: third octaves against their mean, and loudness over time."""
    from matplotlib.figure import Figure  # without pyplot: no display and no global state

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    rate = mixes[0].saved.sample_rate
    below = rate / 2 > CENTRES_HZ
    spectra = np.stack([third_octaves_db(m.audio, rate)[below] for m in mixes])
    for number, (mix, level) in enumerate(zip(mixes, spectra - spectra.mean(0), strict=True)):
        label = mix.path.stem if number < IN_LEGEND else None
        left.plot(CENTRES_HZ[below], level, label=label)
        right.plot(*mix_measures.short_term_lufs(mix.audio, rate), label=label)
    left.set_xscale("log")
    left.set_title("third octaves against the mean of all mixes", fontsize=9)
    left.set_xlabel("Hz")
    left.set_ylabel("dB")
    right.set_title("loudness of the last 3 s", fontsize=9)
    right.set_xlabel("time (s)")
    right.set_ylabel("LUFS")
    low, high = right.get_ylim()
    right.set_ylim(max(low, high - 30), high + 1)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), fontsize=8, loc="outside right upper")
    return figure


def _trait_rows(mixes: Sequence[Candidate]) -> list[tuple[str, ...]]:
    found = [traits(m.saved) for m in mixes]
    rows = [
        (
            f"{name} ({unit})" if unit else name,
            *(f"{f[name]:+.1f}" if unit else f"{f[name]:.2f}" for f in found),
        )
        for name, (unit, *_) in TRAITS.items()
    ]
    measured = {"loudness (LUFS)": "loudness_lufs", "crest (dB)": "crest_db", "side to mid (dB)": "width_db"}
    return rows + [(name, *(f"{getattr(m.after, key):.1f}" for m in mixes)) for name, key in measured.items()]


def _shared(mixes: Sequence[Candidate]) -> list[tuple[str, str, str]]:
    return [(m.path.stem, *row) for m in mixes for row in shared_rows(m.saved)]
