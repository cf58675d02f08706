"""Rows of the mixing table that are controllers of ours: as they answer, and after refinement by gradient."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.mix_rows import Mixed, MixRow, by_knobs
from eval.mix_trials import Trial
from eval.music import SAMPLE_RATE
from reprs.console.console import Console
from reprs.console.knobs import Knobs


class Controlled:
    """A controller that hears the tracks and the reference, once."""

    def __init__(self, name: str, controller: Any) -> None:
        self.name, self.controller = name, controller
        self.model_hash = str(getattr(controller, "model_hash", ""))

    def mix(self, console: Console, trial: Trial) -> Mixed:
        return by_knobs(console, trial, self.knobs(console, trial))

    def knobs(self, console: Console, trial: Trial) -> Knobs:
        """Settings of the console for the trial's tracks."""
        return self.controller(trial.tracks[None], SAMPLE_RATE, reference=trial.reference, console=console)


class Refined(Controlled):
    """The same, and then steps of gradient through the exact console."""

    def __init__(self, name: str, controller: Any, steps: int | None, most: int | None = None) -> None:
        super().__init__(f"{name} + refinement", controller)
        self.most = most
        self.steps = {} if steps is None else {"steps": steps}
        self.model_hash += f", {steps} steps"

    def knobs(self, console: Console, trial: Trial) -> Knobs:
        from reprs.console.refine import refine

        knobs = super().knobs(console, trial)
        ears = self.controller.hearing
        return refine(
            console, trial.tracks[None], SAMPLE_RATE, knobs, trial.reference, ears=ears, **self.steps
        )


def controllers(specs: Sequence[str], steps: int | None, most: int | None = None) -> list[MixRow]:
    """Two rows for every checkpoint, one where `steps` is 0; raises ValueError or OSError in one line.

    `most` is the number of trials of a task that are refined.
    """
    import reprs

    rows: list[MixRow] = []
    for spec in specs:
        controller, name = reprs.load(spec), Path(spec).stem
        if not hasattr(controller, "condition"):
            raise ValueError(f"{spec!r} turns no knobs of a console; controller does")
        rows.append(Controlled(name, controller))
        if steps != 0:
            rows.append(Refined(name, controller, steps, most))
    return rows
