"""Rows of the mixing table that listen to no reference through a network: what a controller has to beat.

A row has `.name` and `mix(console, trial) -> Mixed`.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from eval.mix_trials import Trial, prior_of, random_knobs
from eval.music import SAMPLE_RATE
from reprs.audio import files, loudness
from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.views.mixes import level_db

TAPS = 4097
LARGEST_DB = 20.0
SMOOTHED_OCTAVES = 1 / 6
DRAWS = 256


@dataclass(frozen=True)
class Mixed:
    """A mix `(2, T)`, and the knobs that made it where it was made by the console."""

    audio: Tensor
    knobs: Knobs | None = None


class MixRow(Protocol):
    """One line of the table."""

    name: str

    def mix(self, console: Console, trial: Trial) -> Mixed:
        """The trial's tracks, mixed like its reference."""


class NoChange:
    """The sum of the tracks."""

    name = "no change"

    def mix(self, console: Console, trial: Trial) -> Mixed:
        return Mixed(trial.tracks.sum(0))


class LoudnessMatch:
    """The sum, as loud as the reference (BS.1770)."""

    name = "loudness match"

    def mix(self, console: Console, trial: Trial) -> Mixed:
        return Mixed(as_loud_as(trial.tracks.sum(0), trial.reference))


class EqMatch:
    """The sum through the filter that gives it the reference's average spectrum, then as loud as it is.

    A linear-phase filter of the ratio of the long-term spectra, smoothed over a sixth of an octave either
    way, within ±20 dB.
    """

    name = "EQ match"

    def mix(self, console: Console, trial: Trial) -> Mixed:
        from scipy.signal import fftconvolve, firwin2

        mix = trial.tracks.sum(0)
        hz, wanted_db = average_db(trial.reference)
        gain_db = np.clip(wanted_db - average_db(mix)[1], -LARGEST_DB, LARGEST_DB)
        taps = firwin2(TAPS, hz / hz[-1], 10 ** (gain_db / 20))
        wet = fftconvolve(mix.numpy(), taps[None], mode="same", axes=1)
        return Mixed(as_loud_as(torch.from_numpy(wet.astype(np.float32)), trial.reference))


class Matchering:
    """The program matchering 2 (Sergree), with its own limiter, on the sum."""

    name = "matchering"

    def __init__(self) -> None:
        try:
            import matchering
        except ImportError:
            raise ModuleNotFoundError("no row of matchering: pip install 'reprs[mixing]'") from None
        self.program = matchering

    def mix(self, console: Console, trial: Trial) -> Mixed:
        with tempfile.TemporaryDirectory() as folder:
            names = [str(Path(folder) / f"{name}.wav") for name in ("mix", "reference", "result")]
            for name, x in zip(names, (trial.tracks.sum(0), trial.reference), strict=False):
                files.write(name, x, SAMPLE_RATE, "FLOAT")
            self.program.process(names[0], names[1], [self.program.Result(names[2], "FLOAT")])
            return Mixed(files.read(names[2])[0])


class MeanKnobs:
    """The mean of the prior's draws for tracks of these levels, and what is on in most of them."""

    name = "mean knobs"

    def mix(self, console: Console, trial: Trial) -> Mixed:
        levels_db = level_db(trial.tracks)[None].expand(DRAWS, -1)
        drawn = prior_of(console).draw(levels_db, torch.Generator().manual_seed(0))
        switches = [on.float().mean(0, keepdim=True) >= 0.5 for on in (drawn.tracks_on, drawn.shared_on)]
        means = [z.mean(0, keepdim=True) for z in (drawn.tracks, drawn.shared)]
        return by_knobs(console, trial, Knobs(*means, *switches))


class RandomKnobs:
    """A draw of the prior, another one for every trial."""

    name = "random knobs"

    def __init__(self, seed: int) -> None:
        self.seed, self.model_hash = seed, str(seed)

    def mix(self, console: Console, trial: Trial) -> Mixed:
        rng = np.random.default_rng([self.seed, *trial.content.encode(), trial.tracks.shape[-1]])
        knobs = random_knobs(console, trial.tracks, int(rng.integers(2**31)))
        return by_knobs(console, trial, knobs)


@torch.no_grad()
def by_knobs(console: Console, trial: Trial, knobs: Knobs) -> Mixed:
    """The console's mix with these knobs."""
    return Mixed(console(trial.tracks[None], SAMPLE_RATE, knobs)[0], knobs)


def as_loud_as(x: Tensor, reference: Tensor) -> Tensor:
    """`x` `(2, T)` at the loudness of the reference."""
    wanted, found = (float(loudness.integrated(a[None], SAMPLE_RATE)) for a in (reference, x))
    return x * 10 ** ((wanted - found) / 20)


def average_db(x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz and the smoothed mean power spectrum of both channels of `(2, T)` in dB."""
    from scipy.signal import welch

    hz, power = welch(x.numpy().astype(np.float64), SAMPLE_RATE, nperseg=4096)
    power = power.mean(0)
    factor = 2**SMOOTHED_OCTAVES
    edges = [np.searchsorted(hz, hz / factor), np.searchsorted(hz, hz * factor, side="right")]
    upto = np.concatenate([[0.0], np.cumsum(power)])
    smooth = (upto[edges[1]] - upto[edges[0]]) / np.maximum(edges[1] - edges[0], 1)
    return hz, 10 * np.log10(np.maximum(smooth, 1e-20))


def baselines(seed: int) -> tuple[list[MixRow], str | None]:
    """All of them, and why one is missing."""
    rows: list[MixRow] = [NoChange(), LoudnessMatch(), EqMatch()]
    missing = None
    try:
        rows.append(Matchering())
    except ModuleNotFoundError as error:
        missing = str(error)
    return [*rows, MeanKnobs(), RandomKnobs(seed)], missing
