"""One-shots and loops by name: sample packs out of Debian packages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from reprs.corpora.debian import DebianCorpus
from reprs.corpora.debian_packages import Role
from reprs.corpora.drumkits import sample_names
from reprs.corpora.families_by_word import family_by_words
from reprs.corpora.item import Item, Problem, problems_of
from reprs.corpora.named import DRUMS, NamedItem, Playing
from reprs.corpora.preset_names import words_of

SHORTEST_S = 0.05
# First parts of file names that stand for a word.
PREFIXES = {
    "ambi": "ambient",
    "bd": "bass drum",
    "drum": "acoustic drum kit",
    "elec": "electronic",
    "guit": "guitar",
    "hat": "hi-hat",
    "loop": "",
    "mehackit": "",
    "misc": "",
    "perc": "percussion",
    "sn": "snare drum",
}
# Folders that say what their files are, with the family where their names do not.
FOLDERS: dict[str, tuple[str, str | None, Playing]] = {
    "basses": ("bass", "Bass", "sound"),
    "bassloops": ("bass line", "Bass", "loop"),
    "beats": ("drum beat", DRUMS, "loop"),
    "drums": ("", DRUMS, "hit"),
    "effects": ("sound effect", "Sound Effects", "sound"),
    "latin": ("", None, "loop"),
    "stringsnpads": ("", "Synth Pad", "sound"),
}
# Waveforms and controllers of synthesisers are no sounds by themselves.
LEFT_OUT = re.compile(r"/(waveforms|shapes)/|/click\.|emptySample|rand-stream")
STRUM = re.compile(r"([A-G])(sharp)?\s*(.*?)_(?:(UP|DOWN)_)?\d+$")
NAMELESS = re.compile(r"\bbeats -|\bundefined\b")
DYNAMICS = re.compile(r"\b(softest|soft|med|medium|hard|hardest|\d+)\b")


class SamplePackCorpus:
    """The named samples of packages, or of every pack of one role ("train", "test").

    Content is the sound: velocity layers and takes of one drum share it. Items are `NamedItem`s.
    """

    name = "sample_packs"

    def __init__(self, packages: Sequence[str] | None = None, role: Role | None = None) -> None:
        self._files = DebianCorpus(packages, role, kinds=("samples",), shortest_s=SHORTEST_S)
        self.packages = self._files.packages

    def download(self) -> None:
        """Fetch and unpack what is not in the cache yet."""
        self._files.download()

    def items(self) -> list[NamedItem]:
        """The samples of every package that was fetched, in the order of packages and paths."""
        return [_named(item) for item in self._files.items() if not LEFT_OUT.search(item.path.as_posix())]

    def validate(self) -> list[Problem]:
        """The items that cannot be used."""
        return problems_of(self.items())


def _named(item: Item) -> NamedItem:
    kit = item.path.parent / "drumkit.xml"
    if STRUM.match(item.path.stem) and "Strums" in item.path.parent.name:
        return _made(item, _strum(item.path.stem), (), "Guitar", "chord")
    if kit.exists():
        label = words_of(re.sub(r"\(.*?\)|^[a-g]#?\d - ", "", _kit(kit).get(item.path.name, item.path.stem)))
        return _made(item, label, (_kit_name(item.path.parent.name),), DRUMS, "hit")
    return _by_path(item)


def _by_path(item: Item) -> NamedItem:
    """Named by its file and folder."""
    stem, folder = item.path.stem, item.path.parent.name
    prefix, _, rest = stem.partition("_")
    own = f"{PREFIXES[prefix]} {words_of(rest)}".strip() if prefix in PREFIXES and rest else words_of(stem)
    also, family, playing = FOLDERS.get(folder, ("", None, "sound"))
    if prefix == "loop":
        playing = "loop"
    family = family or family_by_words(own)
    if family == DRUMS and playing == "sound":
        playing = "hit"
    return _made(item, own, (also,) if also and also not in own else (), family, playing)


def _made(item: Item, label: str, tags: tuple[str, ...], family: str | None, playing: Playing) -> NamedItem:
    # Takes of one sound differ in what DYNAMICS matches; they belong together in every split.
    sound = " ".join(DYNAMICS.sub("", label).split()) or label
    content = f"{item.source}/{item.path.parent.name}/{sound}"
    return NamedItem(
        item.path,
        content,
        item.source,
        sound,
        item.licence,
        family=family,
        label=None if NAMELESS.search(sound) else sound,
        tags=tags,
        playing=playing,
    )


def _strum(stem: str) -> str:
    """ "Gsharp minor7b5_UP_01" → "G sharp minor seventh flat five acoustic guitar strum upwards"."""
    found = STRUM.match(stem)
    assert found is not None
    root, sharp, kind, way = found.groups()
    kind = kind.replace("minro", "minor").replace("7b5", " seventh flat five")
    parts = [root, sharp, kind, "acoustic guitar strum", {"UP": "upwards", "DOWN": "downwards"}.get(way)]
    return " ".join(part for part in parts if part)


def _kit_name(folder: str) -> str:
    """ "The Black Pearl 1.0" → "the black pearl kit"."""
    words = words_of(re.sub(r"\d+\.\d+", "", folder))
    words = re.sub(r"\b(kit|drumkit|drums?|emulation|h2|z01|v)\b|(?<=\w)kit\b", "", words)
    return f"{' '.join(words.split())} kit"


@lru_cache(maxsize=64)
def _kit(path: Path) -> dict[str, str]:
    return sample_names(path)
