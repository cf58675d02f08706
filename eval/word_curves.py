"""Equaliser curves that listeners chose for words, and how well the listeners agree."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CONSISTENT = 0.3  # a listener whose own ratings repeat themselves less is not asked


@dataclass(frozen=True)
class Word:
    """One word: `curves` `(N, F)` of its listeners, and how consistently each of them rated, `(N,)`."""

    text: str
    curves: np.ndarray
    consistency: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return self.curves.mean(axis=0)

    @property
    def ceiling(self) -> float:
        """Mean r of each listener with the mean of the others; NaN for a single listener."""
        if len(self.curves) < 2:
            return float("nan")
        others = (self.curves.sum(axis=0) - self.curves) / (len(self.curves) - 1)
        return float(np.mean([pearson(a, b) for a, b in zip(self.curves, others, strict=True)]))

    def consistent(self) -> Word | None:
        """The word as its consistent listeners hear it; None where there is none."""
        kept = self.consistency >= CONSISTENT
        return Word(self.text, self.curves[kept], self.consistency[kept]) if kept.any() else None


def read_words(path: Path) -> tuple[list[Word], np.ndarray]:
    """The words of a CSV with a row a listener, and the frequencies `(F,)` of its columns in Hz.

    Columns: `word`, one for every band such as `161_hz`, and `rating_consistency` where it is known.
    """
    rows: dict[str, list[tuple[float, list[float]]]] = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        bands = [name for name in reader.fieldnames or () if re.fullmatch(r"[\d.]+_hz", name)]
        if not bands or "word" not in (reader.fieldnames or ()):
            raise ValueError(f"{path} needs a column 'word' and columns of gains such as '161_hz'")
        for row in reader:
            try:
                consistency = float(row.get("rating_consistency") or 1.0)
                gains = [float(row[band]) for band in bands]
            except ValueError:
                raise ValueError(f"{path}, line {reader.line_num}: a gain is not a number") from None
            rows[row["word"]].append((consistency, gains))
    words = [
        Word(text, np.array([gains for _, gains in found]), np.array([c for c, _ in found]))
        for text, found in sorted(rows.items())
    ]
    return words, np.array([float(band[:-3]) for band in bands])


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two curves `(F,)`; 0 where one is flat."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 1e-12 else 0.0
