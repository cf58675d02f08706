"""A user's own listening test: files and their mean opinion scores in a CSV, perhaps with references."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eval.baselines import Row
from eval.quality_rows import Judge
from eval.quality_scores import mapped, over_contents, pearson, rmse, spearman
from reprs.audio import files
from reprs.corpora.progress import track

FEWEST = 3


@dataclass(frozen=True)
class Label:
    """One file of a listening test; paths are as in the CSV or beside it."""

    path: Path
    mos: float
    reference: Path | None = None


def read_labels(path: Path) -> tuple[list[Label], list[str]]:
    """The labels of a CSV, and a line for every row that cannot be used; a bad CSV raises ValueError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, names = list(reader), [n.strip().lower() for n in reader.fieldnames or ()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: cannot be read as a CSV ({error})") from None
    if not {"path", "mos"} <= set(names):
        raise ValueError(f"{path}: needs the columns path and mos (and may have reference), has {names}")
    labels: list[Label] = []
    failed: list[str] = []
    for number, row in enumerate(rows, 2):
        fields = {(k or "").strip().lower(): (v or "").strip() for k, v in row.items() if isinstance(v, str)}
        try:
            labels.append(_label(fields, path.parent))
        except ValueError as error:
            failed.append(f"{path}, line {number}: {error}")
    return labels, failed


def judge_labels(rows: Sequence[Row], labels: Sequence[Label], failed: list[str]) -> dict[str, Any]:
    """PCC, SRCC and RMSE of every row on the files that can be read; raises ValueError with fewer than three.

    A quality model gives its score. Another embedding has none: where every file has a reference, it is
    judged by the distance to it.
    """
    pairs = [pair for pair in track([_read(label, failed) for label in labels], "reading") if pair]
    if len(pairs) < FEWEST:
        raise ValueError(f"{len(pairs)} usable files: a correlation needs {FEWEST}: " + "; ".join(failed))
    mos = np.array([label.mos for label, *_ in pairs])
    result: dict[str, Any] = {
        "sizes": {"files": len(pairs), "with reference": sum(p[3] is not None for p in pairs)},
        "unseen kinds": [],
        "rows": {},
        "failed": failed,
    }
    for row in rows:
        scores = _scores(row, pairs)
        if scores is None:
            continue
        names = [str(label.reference or label.path) for label, *_ in pairs]
        figures: dict[str, Any] = {
            "PCC": over_contents(pearson, scores, mos, names),
            "SRCC": over_contents(spearman, scores, mos, names),
        }
        if isinstance(row, Judge):
            figures["RMSE"] = rmse(scores, mos)
        result["rows"][row.name] = figures | {"RMSE, mapped": rmse(mapped(scores, mos), mos)}
    return result


def _label(fields: dict[str, str], folder: Path) -> Label:
    try:
        mos = float(fields["mos"])
    except (KeyError, ValueError):
        mos = math.nan
    if not math.isfinite(mos):
        raise ValueError(f"mos is a number, not {fields.get('mos', '')!r}")
    if not fields.get("path"):
        raise ValueError("there is no path")
    reference = fields.get("reference")
    return Label(_found(fields["path"], folder), mos, _found(reference, folder) if reference else None)


def _found(name: str, folder: Path) -> Path:
    """As given, or beside the CSV."""
    path = Path(name).expanduser()
    return path if path.is_absolute() or path.exists() else folder / path


def _read(label: Label, failed: list[str]) -> tuple[Any, ...] | None:
    """A label, its audio and rate, and its reference's audio or `None`; a bad file goes to `failed`."""
    try:
        audio, rate = files.read(label.path)
        if label.reference is None:
            return label, audio, rate, None
        return label, audio, rate, files.read(label.reference, sample_rate=rate)[0]
    except files.AudioError as error:
        failed.append(str(error))
        return None


def _scores(row: Row, pairs: Sequence[tuple[Any, ...]]) -> np.ndarray | None:
    """A row's score of every file, higher is better; `None` where it has none."""
    if isinstance(row, Judge):
        return np.array([row.model.judge(audio, rate).score for _, audio, rate, _ in pairs])
    if any(reference is None for *_, reference in pairs):
        return None
    return np.array([-_distance(row, audio, reference, rate) for _, audio, rate, reference in pairs])


def _distance(row: Row, audio: Any, reference: Any, sample_rate: int) -> float:
    a, b = (row.embed(x[:2].expand(2, -1)[None], sample_rate)[0] for x in (audio, reference))
    return float(torch.linalg.vector_norm(a - b))
