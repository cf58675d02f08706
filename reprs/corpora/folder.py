"""Any folder of audio files."""

from __future__ import annotations

from pathlib import Path

from reprs.audio import files
from reprs.corpora.item import Item, Problem, problems_of


class FolderCorpus:
    """Every audio file below a folder; each file is a piece of its own.

    `instrument` says what the files hold where they are no mixtures.
    """

    name = "folder"

    def __init__(self, path: str | Path, instrument: str | None = None) -> None:
        self.path, self.instrument = Path(path), instrument

    def download(self) -> None:
        """Nothing to fetch; raises `AudioError` when the folder does not exist or holds no audio."""
        files.find([self.path])

    def items(self) -> list[Item]:
        """The files, sorted by path."""
        source = self.path.resolve().name
        return [
            Item(path, f"{source}/{path.relative_to(self.path).as_posix()}", source, self.instrument)
            for path in files.find([self.path])
        ]

    def validate(self) -> list[Problem]:
        """The files that cannot be used."""
        return problems_of(self.items())
