"""Regions of the spectrum that the equalisers of a console leave alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from reprs.console.bands import LAYOUT, Band, response_db
from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.console.parts import switches
from reprs.effects import Param

HELD_DB = 0.5
# A second-order Butterworth high-pass is within 0.5 dB from 1.7 times its cutoff on.
CLEAR_OF_CUTOFF = 1.7
POINTS = 24


def held(console: Console, knobs: Knobs, regions: Sequence[tuple[float, float]], sample_rate: int) -> Knobs:
    """The knobs with equalisers within half a decibel in `regions` (Hz), without high-passes near them."""
    if not regions:
        return knobs
    hz = np.concatenate([_grid(low, high, sample_rate) for low, high in regions])
    tracks, shared = knobs.tracks.clone(), knobs.shared.clone()
    for params, rows in ((console.track_params, tracks.flatten(0, 1)), (console.shared_params, shared)):
        for name in params:
            if name.endswith("parametric_eq.low_shelf_gain_db"):
                _hold(params, rows, name.removesuffix("low_shelf_gain_db"), hz, sample_rate)
    return _clear_of_filters(console, replace(knobs, tracks=tracks, shared=shared), float(hz.min()))


def _hold(params: Mapping[str, Param], rows: Tensor, prefix: str, hz: np.ndarray, sample_rate: int) -> None:
    """Lower the gains of one equaliser in `rows` `(R, P, …)`, in place, until `hz` holds still."""
    names = list(params)
    for row in rows:
        peaks = {
            band: _peak_db(params, names, row, prefix + band, kind, hz, sample_rate)
            for band, kind in LAYOUT.items()
        }
        most = _cap(list(peaks.values()))
        for band, peak_db in peaks.items():
            column = names.index(f"{prefix}{band}_gain_db")
            origin = params[names[column]].to_unit(torch.tensor(0.0))
            if peak_db > most:
                row[column] = origin + (row[column] - origin) * (most / peak_db)


def _peak_db(
    params: Mapping[str, Param],
    names: list[str],
    row: Tensor,
    band: str,
    kind: str,
    hz: np.ndarray,
    sample_rate: int,
) -> float:
    """The most that one band does at `hz`, at any time."""
    gain_db, band_hz, q = (
        params[f"{band}_{knob}"].from_unit(row[names.index(f"{band}_{knob}")].double().reshape(-1)).tolist()
        for knob in ("gain_db", "hz", "q")
    )
    settings = zip(band_hz, gain_db, q, strict=True)
    return max(float(np.abs(response_db([Band(kind, *s)], sample_rate, hz)).max()) for s in settings)


def _cap(peaks_db: list[float]) -> float:
    """The most that each may do for all together to stay within `HELD_DB`."""
    left = HELD_DB
    for done, peak_db in enumerate(sorted(peaks_db)):
        share = left / (len(peaks_db) - done)
        if peak_db > share:
            return share
        left -= peak_db
    return HELD_DB


def _clear_of_filters(console: Console, knobs: Knobs, lowest_hz: float) -> Knobs:
    if "highpass" not in console.track_switches:
        return knobs
    column = list(console.track_params).index("highpass.cutoff_hz")
    cutoff_hz = console.track_params["highpass.cutoff_hz"].from_unit(knobs.tracks[:, :, column])
    highest_hz = cutoff_hz if cutoff_hz.ndim == 2 else cutoff_hz.amax(-1)
    tracks_on, _ = switches(console, knobs)
    tracks_on[..., console.track_switches.index("highpass")] &= highest_hz * CLEAR_OF_CUTOFF < lowest_hz
    return replace(knobs, tracks_on=tracks_on)


def _grid(low_hz: float, high_hz: float, sample_rate: int) -> np.ndarray:
    top = 0.49 * sample_rate
    return np.geomspace(min(max(low_hz, 10), top), min(high_hz, top), POINTS)
