"""Recordings that come with words: what instrument, what its maker called it, or a caption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reprs.corpora.item import Item

Playing = Literal[
    "note", "short note", "chord", "melody", "arpeggio", "rhythm", "hit", "beat", "sound", "loop"
]
DRUMS = "Drums"


@dataclass(frozen=True)
class NamedItem(Item):
    """One recording and what is known of it in words; `None` and empty where it is not known.

    `family` is one of `general_midi.FAMILIES`, or `DRUMS` for what General MIDI plays on channel 10.
    `program` is the General MIDI name of the instrument or drum, `label` the name its maker gave it, in plain
    words, `tags` words that hold beside it (the name of a kit, of a pack's folder). `pitch` and `velocity`
    (MIDI) are those of a single note. `text` is a caption somebody wrote: it is used as it is.
    """

    family: str | None = None
    program: str | None = None
    label: str | None = None
    tags: tuple[str, ...] = ()
    playing: Playing = "sound"
    pitch: int | None = None
    velocity: int | None = None
    text: str | None = None
