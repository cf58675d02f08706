"""A folder of songs, each a folder of stems."""

from __future__ import annotations

from pathlib import Path

from reprs.audio import files
from reprs.corpora.item import Item, Problem, problems_of

MIXES = frozenset(("mix", "mixture", "master", "full", "song"))


class StemsCorpus:
    """`path/SONG/INSTRUMENT.wav`: a song's files are stems of one piece, named after their instruments.

    A file called mix, mixture, master, full or song is the mixture. Deeper folders belong to the song they
    are in.
    """

    name = "stems"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def download(self) -> None:
        """Nothing to fetch; raises `AudioError` when there are no song folders with audio."""
        self.items()

    def items(self) -> list[Item]:
        """Stems and mixtures, sorted by song and file."""
        found = [p for p in files.find([self.path]) if p.parent != self.path]
        if not found:
            raise files.AudioError(f"{self.path}: expected one folder a song, with its stems inside")
        source = self.path.resolve().name
        return [Item(p, f"{source}/{self._song(p)}", source, _instrument(p)) for p in found]

    def validate(self) -> list[Problem]:
        """The files that cannot be used."""
        return problems_of(self.items())

    def _song(self, path: Path) -> str:
        return path.relative_to(self.path).parts[0]


def _instrument(path: Path) -> str | None:
    name = path.stem.lower().replace("_", " ").replace("-", " ").strip()
    return None if name in MIXES else name
