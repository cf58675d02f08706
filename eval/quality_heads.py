"""Heads on `effect`, the rows that are asked for beside `quality`: made small enough to come with the code.

    python -m eval.quality_heads runs/quality/frozen runs/quality/tuned

Each keeps the encoder that it learnt on or trained further, so that a later `effect` changes nothing here.
They are baselines and no models to use, and so are not among the checkpoints.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from eval.quality_rows import Judge
from reprs.models import hub

FOLDER = Path(__file__).parent / "heads"
NAMES = {"frozen": "head on effect", "tuned": "effect, trained further"}


def head_rows() -> list[Judge]:
    """The heads that came with the code, as judging rows named by whether `effect` is still theirs."""
    shipped, rows = hub.load("effect").model_hash, []
    for name, title in NAMES.items():
        model = hub.load(FOLDER / name)
        rows.append(Judge(title if model.metadata["effect"] == shipped else f"{title} (a former one)", model))
    return rows


def keep(run: Path, folder: Path = FOLDER) -> Path:
    """Write what a run left at half precision, all but its scale of scores; returns where it is."""
    model = hub.load(run)
    scale = model.scale
    model.half().scale = scale
    about = {"effect": hub.load("effect").model_hash, **model.metadata}
    hub.save(model, folder / run.stem, about)
    return folder / run.stem


def main(argv: Sequence[str] | None = None) -> int:
    """Keep every run that is named; 2 where one cannot be read."""
    runs = [Path(name) for name in (sys.argv[1:] if argv is None else argv)]
    try:
        for run in runs:
            print(keep(run))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    with torch.no_grad():
        sys.exit(main())
