"""Several mixes of one session: samples of the generator, or samples around a mix that was picked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from reprs.audio import files
from reprs.console.amount import scaled
from reprs.console.generator import TEMPERATURE, Generator, temperature_of
from reprs.console.knobs import Knobs
from reprs.console.locks import locked_places
from reprs.console.parts import parse_only, parts_of, without
from reprs.console.restrained import restrained
from reprs.console.saved_mix import SavedMix, read_mix
from reprs.console.session import Session
from reprs.console.standard import standard_console
from reprs.console.wish import MOST_HEARD, Wish, fitted
from reprs.models import hub
from reprs.views.mixes import level_db

DEFAULT_SAMPLES, MOST_SAMPLES = 5, 64


@dataclass(frozen=True)
class Sampling:
    """How many mixes, of which noise, how close to the style and to the usual, and around which mix.

    With `start`, the JSON of a mix, `variation` says how far from it samples may be (0 to 1).
    """

    samples: int = DEFAULT_SAMPLES
    seed: int = 0
    guidance: float = 1.0
    temperature: float = TEMPERATURE
    start: str | None = None
    variation: float | None = None
    model: str = "mixgen"

    def check(self) -> None:
        """Refuse what cannot be done, with one line."""
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise ValueError(f"--samples is from 1 to {MOST_SAMPLES}, got {self.samples}")
        if not 0 <= self.guidance <= 20:
            raise ValueError(f"--guidance is from 0 to 20 (1: as the style says), got {self.guidance:g}")
        if not 0 <= self.temperature <= 2:
            raise ValueError(f"--temperature is from 0 to 2 (1: as usual), got {self.temperature:g}")
        if self.variation is not None and self.start is None:
            raise ValueError("--variation goes around a mix: name one with --start OUT/mix-3.json")
        if self.variation is not None and not 0 <= self.variation <= 1:
            raise ValueError(f"--variation is from 0 (the same) to 1 (any), got {self.variation:g}")


def generator(name: str) -> Generator:
    """The generator of a checkpoint; ValueError says what to do where there is none."""
    try:
        model = hub.load(name)
    except hub.CheckpointError as error:
        raise ValueError(f"{error}; one is trained with: reprs fit -c configs/mixgen.yaml") from None
    if not isinstance(model, Generator):
        raise ValueError(f"{name!r} samples no mixes: give a mix generator with --model")
    return model


def settle_several(
    wish: Wish, how: Sampling, session: Session, model: Generator | None = None
) -> tuple[list[SavedMix], list[str]]:
    """The settings of every mix, and notes; locks hold what `how.start` has, or leave alone without it."""
    how.check()
    if wish.refine:
        raise ValueError("--refine goes on from one mix: pick one, then leave out --samples and --start")
    console = standard_console()
    model = generator(how.model) if model is None else model
    reference, rate = files.read(wish.reference) if wish.reference else (None, session.sample_rate)
    heard = _heard(session)
    song = model.hear(heard, session.sample_rate)
    start, notes = (None, []) if how.start is None else fitted(read_mix(how.start), session.names)
    variation = 1.0 if start is None else 0.2 if how.variation is None else how.variation
    lock = locked_places(console, wish.lock, session.names) if wish.lock else None
    knobs = model.sample(
        song,
        model.condition(reference, wish.text, rate),
        how.samples,
        how.seed,
        how.guidance,
        how.temperature,
        start=console.neutral(1, len(session.names)) if start is None else start.knobs,
        variation=variation,
        lock=lock,
    )
    knobs = restrained(
        console,
        knobs,
        level_db(heard),
        start=None if start is None else start.knobs,
        locked=None if lock is None else lock[0][:, : len(console.track_params)],
    )
    about = wish.details() | _details(how) | {"model_hash": getattr(model, "model_hash", "")}
    off = set(parts_of(console)) - parse_only(console, wish.only) if wish.only else set()
    knobs = scaled(console, without(console, knobs, off) if off else knobs, wish.amount)
    found = []
    for number in range(how.samples):
        each = one_of(knobs, number)
        saved = SavedMix("standard", session.names, each, session.sample_rate)
        heat = temperature_of(number, how.temperature, variation < 1)
        found.append(replace(saved, details={**about, "temperature": heat, "sample": number + 1}).snapped())
    return found, notes


def one_of(knobs: Knobs, number: int) -> Knobs:
    """One mix of a batch, as a batch of one."""
    row = slice(number, number + 1)
    on, shared_on = knobs.tracks_on, knobs.shared_on
    assert on is not None and shared_on is not None
    return replace(
        knobs, tracks=knobs.tracks[row], shared=knobs.shared[row], tracks_on=on[row], shared_on=shared_on[row]
    )


def _heard(session: Session) -> torch.Tensor:
    """The tracks, or the loudest part of long ones; silent tracks do not make it shorter."""
    sounding = sum(bool(x.any()) for x in session.tracks)
    samples = min(session.samples, MOST_HEARD // (2 * max(1, sounding)))
    return session.batch(start=session.loudest(samples), samples=samples)[0]


def _details(how: Sampling) -> dict[str, Any]:
    found = {"model": how.model, "seed": how.seed, "guidance": how.guidance}
    return found if how.start is None else {**found, "start": how.start, "variation": how.variation}


def levelled_db(loudness_lufs: Sequence[float], peaks_db: Sequence[float]) -> list[float]:
    """Gains in dB that make mixes equally loud, as loud as they can be without one that clips."""
    reachable = [level - peak for level, peak in zip(loudness_lufs, peaks_db, strict=True)]
    target = min(reachable) - 0.1
    return [target - level for level in loudness_lufs]
