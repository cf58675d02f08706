"""The presets of a SoundFont file, read from its preset headers.

SoundFont Technical Specification 2.04 (Creative/E-mu 2006), section 7.2: the `phdr` chunk of the list `pdta`
holds one record of 38 bytes a preset (name in 20 bytes, preset number, bank, then indices), and a last one
that only ends the list.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

RECORD = struct.Struct("<20sHHHIII")


@dataclass(frozen=True)
class Preset:
    """An instrument of a soundfont: its name, MIDI bank and program; `offset` of its record in the file."""

    name: str
    bank: int
    program: int
    offset: int


def presets(path: Path) -> list[Preset]:
    """Every preset, by bank and program; raises `ValueError` for a file that is no SoundFont 2."""
    with path.open("rb") as file:
        start, size = _preset_headers(file, path)
        file.seek(start)
        records = file.read(size)
    if size % RECORD.size or size < RECORD.size or len(records) != size:
        raise ValueError(f"{path}: its list of presets is damaged")
    found = []
    for at in range(0, size - RECORD.size, RECORD.size):
        name, program, bank, *_ = RECORD.unpack_from(records, at)
        text = name.split(b"\0", 1)[0].decode("latin-1").strip()
        found.append(Preset(text, bank, program, start + at))
    return sorted(found, key=lambda p: (p.bank, p.program))


def renumbered(source: Path, target: Path, numbers: Mapping[Preset, tuple[int, int]]) -> None:
    """A copy of a soundfont in which presets have the `(bank, program)` given, for a synthesiser that only
    reaches some banks.
    """
    shutil.copyfile(source, target)
    with target.open("r+b") as file:
        for preset, (bank, program) in numbers.items():
            file.seek(preset.offset + 20)
            file.write(struct.pack("<HH", program, bank))


def _preset_headers(file: BinaryIO, path: Path) -> tuple[int, int]:
    """Where the records of `phdr` are, and their size in bytes."""
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise ValueError(f"{path}: is not a SoundFont 2 file")
    end = 8 + struct.unpack("<I", head[4:8])[0]
    for name, start, size in _chunks(file, 12, end):
        if name == b"LIST":
            file.seek(start)
            if file.read(4) == b"pdta":
                for inner, at, length in _chunks(file, start + 4, start + size):
                    if inner == b"phdr":
                        return at, length
    raise ValueError(f"{path}: this soundfont has no list of presets")


def _chunks(file: BinaryIO, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of the RIFF chunks between two positions."""
    while position + 8 <= end:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return
        size = struct.unpack("<I", head[4:])[0]
        yield head[:4], position + 8, size
        position += 8 + size + size % 2
