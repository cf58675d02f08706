"""Recordings made to sound like another: OUT.wav, and beside it OUT.json, OUT.txt and OUT.png."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reprs.audio import files
from reprs.audio.resample import resample
from reprs.console.bands import Band, response_db
from reprs.console.files.described import equaliser_bands, natural, shared_rows, switched, track_rows
from reprs.console.files.eq_files import on_grid, sample_format
from reprs.console.files.mix_files import Mixed
from reprs.console.files.mix_measures import figures
from reprs.console.files.mix_plot import draw
from reprs.console.mixdown import mixdown
from reprs.console.saved_mix import SavedMix
from reprs.console.session import Session
from reprs.console.setting import apo_text, plain


def match_file(
    path: Path, out: Path, settle: Callable[[Session], SavedMix], reference: tuple[Tensor, int] | None = None
) -> Mixed:
    """Send one recording through the setting that `settle` finds for it and write the four outputs.

    A mono recording stays mono where nothing in its setting tells left from right. Raises ValueError for more
    than two channels.
    """
    x, sample_rate = files.read(path)
    if len(x) > 2:
        raise files.AudioError(f"{path}: has {len(x)} channels; a recording to match is mono or stereo")
    session = Session((path.stem,), (x,), sample_rate)
    saved = replace(settle(session), sample_rate=sample_rate)
    done = mixdown(session, saved)
    saved = replace(saved, output_db=round(done.output_db, 6))
    heard = {"before": session.sum(), "after": done.mix}
    before, after = (figures(y, sample_rate) for y in heard.values())
    subtype = sample_format(path, out)
    files.write(out, on_grid(_channels(x, done.mix), subtype), sample_rate, subtype)
    text = saved.to_json(before=asdict(before), after=asdict(after))
    out.with_suffix(".json").write_text(text, encoding="utf-8")
    out.with_suffix(".txt").write_text(settings_text(saved), encoding="utf-8")
    if reference is not None:
        heard["reference"] = resample(reference[0][:2], reference[1], sample_rate).expand(2, -1)
    draw(_title(saved), saved, heard).savefig(out.with_suffix(".png"), dpi=100)
    return Mixed(saved, before, after)


def settings_text(saved: SavedMix) -> str:
    """The setting in comments, then its filters as Equalizer APO reads them, with room for their gain."""
    console, knobs = saved.console, saved.knobs
    (name, *row), shared = track_rows(saved)[0], shared_rows(saved)
    lines = [f"# {name}, a setting of reprs; Equalizer APO plays its filters and skips the other effects"]
    parts = zip(("fader", "pan", "EQ", "compressor", "saturation", "width", "sends"), row, strict=True)
    lines += [f"# {part}: {text}" for part, text in (*parts, *shared) if text != "-"]
    on = switched(console.track_switches, None if knobs.tracks_on is None else knobs.tracks_on[0, 0])
    values = natural(console.track_params, knobs.tracks[0, 0])
    bands = []
    if on.get("parametric_eq"):
        bands = [
            Band(kind, round(hz, 1), round(g, 1), round(q, 2))
            for kind, hz, g, q in equaliser_bands("", values)
        ]
    highest_db = float(response_db(bands, saved.sample_rate, np.geomspace(20, 20_000, 200)).max())
    filters = apo_text(bands, -math.ceil(10 * max(0.0, highest_db)) / 10)
    if on.get("highpass"):
        number, cutoff_hz = len(bands) + 1, round(values["highpass.cutoff_hz"], 1)
        filters += f"Filter {number}: ON HPQ Fc {plain(cutoff_hz)} Hz Q 0.7071\n"
    return "\n".join(lines) + "\n" + filters


def _channels(x: Tensor, y: Tensor) -> Tensor:
    """One channel for a mono `x` whose `y` `(2, T)` has two that are alike."""
    return y[:1] if len(x) == 1 and torch.allclose(y[0], y[1], atol=1e-6) else y


def _title(saved: SavedMix) -> str:
    wanted = [f"{saved.names[0]}"]
    for what in ("reference", "text"):
        if saved.details.get(what):
            wanted.append(f"{what} {Path(str(saved.details[what])).name}")
    return ", ".join(wanted)
