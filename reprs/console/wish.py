"""What is wished for, and the setting that a controller finds for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reprs.audio import files
from reprs.audio.resample import resample
from reprs.console import meaning
from reprs.console.amount import scaled
from reprs.console.console import Console
from reprs.console.held_regions import held
from reprs.console.knobs import NOWHERE, Knobs, Patch
from reprs.console.listening import SAMPLE_RATE, sounding
from reprs.console.parts import at_rest, parse_locks, parse_only, parts_of, without
from reprs.console.saved_mix import SavedMix, console_of
from reprs.console.session import Session
from reprs.console.text_eq import check_amount
from reprs.corpora.progress import track
from reprs.models import hub

# A controller hears windows of what it is given; of long sessions it is given their loudest part.
MOST_HEARD = 2**28
MOST_STEPS = 5_000


@dataclass(frozen=True)
class Wish:
    """A reference, words or neither; how much of it (`amount`), by what (`only`), and what to leave (`lock`).

    `refine` is a number of gradient steps through the exact console, towards the reference.
    """

    reference: str | None = None
    text: str | None = None
    amount: float = 1.0
    only: Sequence[str] = ()
    lock: Sequence[str] = ()
    refine: int = 0
    model: str = "controller"

    def check(self, console: Console, names: Sequence[str] | None = None) -> None:
        """Refuse what cannot be done, before anything is; without `names` of tracks locks are not read."""
        check_amount(self.amount)
        parse_only(console, self.only)
        if names is not None:
            parse_locks(console, self.lock, names)
        if self.text is not None and not self.text.strip():
            raise ValueError("--text is empty: say how it should sound, such as 'warm and wide'")
        if self.text is not None:
            meaning.target_curve(self.text, np.array([1_000.0]))  # refuses what means nothing
        if self.reference is not None:
            files.info(self.reference)
        if not 0 <= self.refine <= MOST_STEPS:
            raise ValueError(f"--refine is from 0 to {MOST_STEPS} steps, got {self.refine}")
        if self.refine and self.reference is None:
            raise ValueError("--refine goes towards a recording: give one with --reference")

    def details(self) -> dict[str, Any]:
        """What was wished, as JSON."""
        found: dict[str, Any] = {"reference": self.reference, "text": self.text, "amount": self.amount}
        found |= {
            "model": self.model,
            "only": list(self.only),
            "lock": list(self.lock),
            "refine_steps": self.refine,
        }
        return {name: value for name, value in found.items() if value not in (None, [], 0)}


def controller(name: str) -> Any:
    """The controller of a checkpoint; ValueError says what to do where there is none."""
    try:
        model = hub.load(name)
    except hub.CheckpointError as error:
        raise ValueError(
            f"{error}; a controller is trained with: reprs fit -c configs/controller.yaml"
        ) from None
    if not hasattr(model, "turned"):
        raise ValueError(f"{name!r} turns no knobs: give a controller with --model")
    return model


def settle(wish: Wish, kind: str, session: Session, model: Any = None) -> SavedMix:
    """The setting of the console `kind` that fulfils the wish for a session; `model`: a loaded controller."""
    model = controller(wish.model) if model is None else model
    console = console_of(kind, strip=model.strip)
    wish.check(console, session.names)
    reference, rate = files.read(wish.reference) if wish.reference else (None, None)
    if reference is not None and not bool(sounding(reference[None, None]).any()):
        raise ValueError(f"{wish.reference}: is silent; give a reference that can be heard")
    knobs = model(
        _heard(session),
        session.sample_rate,
        reference=reference,
        text=wish.text,
        reference_rate=rate,
        console=console,
    )
    knobs = _kept(wish, console, knobs, session)
    if wish.refine and reference is not None and rate is not None:
        knobs = _refined(wish, console, knobs, session, (reference, rate), model)
    found = SavedMix(kind, session.names, scaled(console, knobs, wish.amount), session.sample_rate)
    details = wish.details() | {"model_hash": getattr(model, "model_hash", "")}
    return replace(found, strip=model.strip, details=details).snapped()


def fitted(saved: SavedMix, names: Sequence[str], amount: float = 1.0) -> tuple[SavedMix, list[str]]:
    """A saved mix for tracks `names`, by name; what has no setting stays as it is. Notes say what that is."""
    places = [saved.names.index(name) if name in saved.names else len(saved.names) for name in names]
    new = [name for name in names if name not in saved.names]
    gone = [name for name in saved.names if name not in names]
    notes = [f"no setting for {', '.join(new)}: left alone"] if new else []
    notes += [f"settings without a stem: {', '.join(gone)}"] if gone else []
    if len(new) == len(names):
        raise ValueError(f"the saved mix is for other stems: {', '.join(saved.names)}")
    knobs = _with_neutral(saved.console, saved.knobs).of(torch.tensor(places))
    knobs = scaled(saved.console, knobs, amount)
    return replace(saved, names=tuple(names), knobs=knobs), notes


def _kept(wish: Wish, console: Console, knobs: Knobs, session: Session) -> Knobs:
    """The knobs within what the wish allows."""
    off, tracks, regions = parse_locks(console, wish.lock, session.names)
    if len(session.tracks) == 1 and "pan" not in parse_only(console, wish.only):
        off.add("pan")  # a finished recording keeps its balance
    if wish.only:
        off |= set(parts_of(console)) - parse_only(console, wish.only)
    knobs = without(console, knobs, off) if off else knobs
    knobs = at_rest(console, knobs, tracks) if tracks else knobs
    return held(console, knobs, regions, session.sample_rate)


def _refined(
    wish: Wish, console: Console, knobs: Knobs, session: Session, reference: tuple[Tensor, int], model: Any
) -> Knobs:
    """Gradient steps at the rate of the controller's ears; what must not change is put back after them."""
    from reprs.console.refine import refine

    tracks = resample(_heard(session), session.sample_rate, SAMPLE_RATE)
    wanted = resample(*reference, SAMPLE_RATE)
    steps = track(range(wish.refine + 1), "refining")

    def step(number: int, loss: float) -> None:
        next(steps, None)

    found = refine(
        console,
        tracks,
        SAMPLE_RATE,
        knobs,
        wanted,
        wish.refine,
        ears=getattr(model, "hearing", None),
        on_step=step,
    )
    for _ in steps:  # of a refinement that ended early, or was not needed
        pass
    return _kept(wish, console, found, session)


def _heard(session: Session) -> Tensor:
    """What a controller is given: all of a session, or the loudest part of a long one."""
    samples = min(MOST_HEARD // (2 * len(session.tracks)), session.samples)
    return session.batch(start=session.loudest(samples), samples=samples)


def _with_neutral(console: Console, knobs: Knobs) -> Knobs:
    """The knobs and, behind them, one neutral track."""
    neutral = console.neutral(1, 1)
    assert neutral.tracks_on is not None
    tracks = neutral.tracks if knobs.tracks.ndim == 3 else neutral.tracks[..., None]
    on, patch = knobs.tracks_on, knobs.patch

    def longer(plug: Tensor | None, value: int | bool) -> Tensor | None:
        return None if plug is None else torch.cat([plug, plug.new_full((1, 1), value)], dim=1)

    return replace(
        knobs,
        tracks=torch.cat([knobs.tracks, tracks.expand(1, 1, *knobs.tracks.shape[2:])], dim=1),
        tracks_on=None if on is None else torch.cat([on != 0, neutral.tracks_on], dim=1),
        patch=Patch(
            longer(patch.key, NOWHERE),
            longer(patch.group, NOWHERE),
            longer(patch.muted, False),
            longer(patch.soloed, False),
        ),
    )
