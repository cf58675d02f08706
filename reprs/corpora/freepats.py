"""The instruments of freepats by name: notes of every tone, one hit of every drum."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from reprs.corpora import debian
from reprs.corpora.cache import cache_folder
from reprs.corpora.debian_packages import PACKAGES
from reprs.corpora.general_midi import DRUM_KEYS, PROGRAMS, family_of
from reprs.corpora.gus_patches import play_patch, read_patch
from reprs.corpora.item import Problem, problems_of
from reprs.corpora.named import DRUMS, NamedItem
from reprs.corpora.preset_names import words_of
from reprs.corpora.progress import track
from reprs.corpora.soundfonts import trimmed, write
from reprs.corpora.takes import instrument_takes

PACKAGE = "freepats"
# Part of the folder's name: raise it when what is rendered changes.
VERSION = 1
NOTE_S, HIT_S = 1.5, 2.0


class FreepatsCorpus:
    """72 tones and 55 drums of Debian's package freepats, held out. Content is the patch.

    Items are `NamedItem`s: four notes of a tone, one hit of a drum.
    """

    name = "freepats"

    def __init__(self, sample_rate: int = 44_100) -> None:
        self.sample_rate = sample_rate
        self.folder = cache_folder("freepats", f"v{VERSION}-{sample_rate}")

    def download(self) -> None:
        """Fetch and play what is not in the cache yet."""
        debian.fetch([PACKAGE])
        if not (self.folder / "items.jsonl").exists():
            patches = sorted(debian.package_folder(PACKAGE).rglob("*.pat"))
            rows = [row for patch in track(patches, "playing freepats") for row in self._render(patch)]
            scratch = self.folder / "items.jsonl.part"
            scratch.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            scratch.replace(self.folder / "items.jsonl")

    def items(self) -> list[NamedItem]:
        """Every note and hit, in a fixed order."""
        listed = self.folder / "items.jsonl"
        lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
        return [self._item(**json.loads(line)) for line in lines]

    def validate(self) -> list[Problem]:
        """The items that cannot be used."""
        return problems_of(self.items())

    def _render(self, patch: Path) -> Iterator[dict[str, object]]:
        samples, number, drum = read_patch(patch), int(patch.stem[:3]), _is_drum(patch)
        seed = zlib.crc32(patch.stem.encode())
        takes = [] if drum else instrument_takes(family_of(number), number, seed)
        for key in [number] if drum else [t.key for t in takes if t.playing == "note" and t.key is not None]:
            # A drum is recorded at its own pitch, whatever key plays it.
            played = round(69 + 12 * np.log2(samples[0].root_hz / 440)) if drum else key
            mono = play_patch(samples, played, HIT_S if drum else NOTE_S, self.sample_rate)
            sound = trimmed(np.stack([mono, mono], axis=1), self.sample_rate)
            if sound is not None:
                path = f"{patch.parent.name}/{patch.stem}/{key:03d}.flac"
                write(self.folder / path, sound, self.sample_rate)
                yield {"path": path, "key": key}

    def _item(self, path: str, key: int) -> NamedItem:
        patch = Path(path).parent
        number, drum = int(patch.name[:3]), _is_drum(patch)
        label = words_of(patch.name[4:])
        licence = f"{PACKAGES[PACKAGE].licence} ({debian.package_folder(PACKAGE) / 'copyright'})"
        return NamedItem(
            self.folder / path,
            f"{PACKAGE}/{patch.as_posix()}",
            PACKAGE,
            label,
            licence,
            family=DRUMS if drum else family_of(number),
            program=DRUM_KEYS.get(number) if drum else PROGRAMS[number],
            label=label,
            playing="hit" if drum else "note",
            pitch=None if drum else key,
        )


def _is_drum(patch: Path) -> bool:
    return patch.parent.name.startswith("Drum")
