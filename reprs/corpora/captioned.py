"""A user's own captions: a CSV of `path,text`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from reprs.audio import files
from reprs.corpora.item import Problem, problems_of
from reprs.corpora.named import NamedItem


class CaptionedCorpus:
    """The rows of a CSV with a header that has `path` and `text`; other columns do not matter.

    Paths are relative to the CSV's folder. A file may have several rows, and so several captions; it is one
    content. Rows without text or without a readable file are left out and named by `validate()`.
    """

    name = "captioned"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._read: tuple[list[NamedItem], list[Problem]] | None = None

    def download(self) -> None:
        """Nothing to fetch; names the rows that are left out, and raises `ValueError` when none is left."""
        import sys

        items, problems = self._rows()
        for problem in problems:
            print(f"left out: {problem}", file=sys.stderr)
        if not items:
            raise ValueError(f"{self.path}: not one row has a text and an audio file that can be read")

    def items(self) -> list[NamedItem]:
        """The rows that can be used, in their order."""
        return list(self._rows()[0])

    def validate(self) -> list[Problem]:
        """The rows that are left out, and files that cannot be used."""
        items, problems = self._rows()
        return problems + problems_of(items)

    def _rows(self) -> tuple[list[NamedItem], list[Problem]]:
        if self._read is None:
            items, problems = [], []
            for line, path, text in _read(self.path):
                problem = self._problem(line, path, text)
                if problem is None:
                    items.append(self._item(path, text))
                else:
                    problems.append(problem)
            self._read = items, problems
        return self._read

    def _item(self, path: str, text: str) -> NamedItem:
        source = self.path.stem
        return NamedItem(self.path.parent / path, f"{source}/{path}", source, text=text)

    def _problem(self, line: int, path: str, text: str) -> Problem | None:
        """What is wrong with a row, by its line; only headers are read here."""
        if not path or not text:
            return Problem(self.path, f"{self.path}: line {line} has no {'text' if path else 'path'}")
        try:
            files.info(self.path.parent / path)
        except files.AudioError as error:
            return Problem(self.path, f"{self.path}: line {line}: {error}")
        return None


def _read(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, path and text of every row; raises `ValueError` for a table without these columns."""
    try:
        # utf-8-sig: spreadsheets begin their files with a byte-order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            columns = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
            if not {"path", "text"} <= set(columns):
                raise ValueError(f"{path}: its first line has to name the columns path and text")
            for row in rows:
                cells = ((row[columns[name]] or "").strip() for name in ("path", "text"))
                yield rows.line_num, *cells  # type: ignore[misc]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV file in UTF-8 ({error})") from None
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
