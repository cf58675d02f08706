"""Instruments by name: every preset of several soundfonts plays notes and phrases, every kit hits and beats.

python -m reprs.corpora.soundfonts                       # fetch (0.8 GB) and render all
python -m reprs.corpora.soundfonts --packages timgm6mb-soundfont
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from reprs.corpora import debian
from reprs.corpora.cache import cache_folder
from reprs.corpora.debian_packages import PACKAGES, Role
from reprs.corpora.families_by_word import family_by_words
from reprs.corpora.general_midi import DRUM_KEYS, PROGRAMS, family_of
from reprs.corpora.item import Problem, problems_of
from reprs.corpora.named import DRUMS, NamedItem, Playing
from reprs.corpora.preset_names import words_of
from reprs.corpora.presets import Preset, presets, renumbered
from reprs.corpora.progress import track
from reprs.corpora.synth import play
from reprs.corpora.takes import Take, drum_beats, drum_hits, instrument_takes

# Part of the folder's name: raise it when takes, synthesiser or levels change what is rendered.
VERSION = 1
PEAK = 0.7
# A few drums end before the 0.1 s that models take at least.
SHORTEST_S, LONGEST_S = 0.12, 5.0
FADE_S = 0.03
SILENT_DB = -60.0
DRUM_BANK = 128


@dataclass(frozen=True)
class Soundfont:
    """What one package's soundfont needs to be told.

    Soundfonts of one `origin` share samples. `foreign_banks` number their programs otherwise than General
    MIDI, `kits` are drum kits outside bank 128, `skip` matches presets that double others, `sound` says how
    all of it sounds, where the names do not.
    """

    files: tuple[str, ...]
    origin: str
    foreign_banks: tuple[int, ...] = ()
    kits: tuple[tuple[int, int], ...] = ()
    skip: str | None = None
    sound: str | None = None


SOUNDFONTS: dict[str, Soundfont] = {
    "fluid-soundfont-gm": Soundfont(
        ("FluidR3_GM.sf2",), "fluid", skip=r"(Standard|Room|Power|Jazz|Brush) \d"
    ),
    "fluid-soundfont-gs": Soundfont(("FluidR3_GS.sf2",), "fluid"),
    "musescore-general-soundfont-lossless": Soundfont(
        ("MuseScore_General_Full.sf2",), "fluid", skip=r".* Expr\.|(Standard|Room|Power|Jazz|Brush) \d"
    ),
    "opl3-soundfont": Soundfont(("OPL-3_FM_128M.sf2",), "opl3", sound="FM chip"),
    "avldrums.lv2-soundfont": Soundfont(
        ("Black_Pearl_4_LV2.sf2", "Red_Zeppelin_4_LV2.sf2"), "avl", kits=((0, 0),), sound="acoustic rock"
    ),
    "timgm6mb-soundfont": Soundfont(("TimGM6mb.sf2",), "tim"),
    # 257 of its 393 samples are those of TimGM6mb. Bank 127 follows the MT-32.
    "csound-soundfont": Soundfont(("sf_GMbank.sf2",), "tim", foreign_banks=(127,)),
}


class SoundfontCorpus:
    """The presets of the named packages, or of every package of one role ("train", "test").

    Content is the preset: package, file, bank and program. Items are `NamedItem`s.
    """

    name = "soundfonts"

    def __init__(
        self, packages: Sequence[str] | None = None, role: Role | None = None, sample_rate: int = 44_100
    ) -> None:
        unknown = set(packages or ()) - set(SOUNDFONTS)
        if unknown:
            raise ValueError(
                f"no soundfont in {', '.join(sorted(unknown))}; there are {' '.join(SOUNDFONTS)}"
            )
        chosen = SOUNDFONTS if packages is None else packages
        self.packages = [p for p in chosen if role in (None, PACKAGES[p].role)]
        self.sample_rate = sample_rate

    def download(self) -> None:
        """Fetch the soundfonts and render what is missing; about 100 times as fast as it plays."""
        missing = [p for p in self.packages if not self._list(p).exists()]
        debian.fetch(missing)
        for package in missing:
            _render_package(package, self._folder(package), self.sample_rate)

    def items(self) -> list[NamedItem]:
        """Every take of every package that was rendered, in a fixed order."""
        return [item for p in self.packages if self._list(p).exists() for item in self._items_of(p)]

    def validate(self) -> list[Problem]:
        """The items that cannot be used."""
        return problems_of(self.items())

    def _items_of(self, package: str) -> Iterator[NamedItem]:
        folder, about = self._folder(package), SOUNDFONTS[package]
        licence = f"{PACKAGES[package].licence} ({debian.package_folder(package) / 'copyright'})"
        for line in self._list(package).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            path, playing, key = folder / row["path"], row["playing"], row["key"]
            names = _names(Preset(*row["preset"]), about, playing, key)
            if playing == "beat":  # its file's name ends in the style
                names["tags"] = (path.stem.split("_")[-1], *names["tags"])
            content = f"{package}/{Path(row['path']).parent.as_posix()}"
            pitch = None if playing == "hit" else key
            yield NamedItem(
                path,
                content,
                package,
                names["label"] or "drums",
                licence,
                playing=playing,
                pitch=pitch,
                velocity=row["velocity"],
                **names,
            )

    def _folder(self, package: str) -> Path:
        return cache_folder("soundfonts", f"v{VERSION}-{self.sample_rate}") / package

    def _list(self, package: str) -> Path:
        """Written last: where it is, everything is."""
        return self._folder(package) / "items.jsonl"


def _render_package(package: str, folder: Path, sample_rate: int) -> None:
    """Render all presets of a package into `folder` and write the list of what came out."""
    rows: list[dict[str, Any]] = []
    about = SOUNDFONTS[package]
    for name in about.files:
        font = debian.package_folder(package) / "usr/share/sounds/sf2" / name
        wanted = [p for p in presets(font) if not re.fullmatch(about.skip or "$^", p.name)]
        for copy, preset, program in track(_reachable(font, wanted), f"playing {name}", len(wanted)):
            place = f"{font.stem}/{preset.bank:03d}-{preset.program:03d}"
            for take in _takes(preset, about, place):
                sound = trimmed(play(take.notes, program, False, sample_rate, copy), sample_rate)
                if sound is not None:
                    path = f"{place}/{take.name}.flac"
                    write(folder / path, sound, sample_rate)
                    told = {"playing": take.playing, "key": take.key, "velocity": take.velocity}
                    rows.append({"path": path, "preset": astuple(preset)} | told)
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / "items.jsonl.part"
    scratch.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    scratch.replace(folder / "items.jsonl")


def _reachable(font: Path, wanted: Sequence[Preset]) -> Iterator[tuple[Path, Preset, int]]:
    """Copies of a soundfont, and the presets that each of them has in bank 0, with their numbers there.

    The synthesiser reaches bank 0 alone (and 128 for drums); the presets of all banks take turns in it.
    """
    shelves = -(-len(wanted) // 128)
    rest = {p: (shelves + 1, i % 128) for i, p in enumerate(presets(font)) if p not in wanted}
    for shelf in range(shelves):
        with tempfile.TemporaryDirectory(dir=cache_folder("soundfonts"), prefix=".playing-") as scratch:
            copy = Path(scratch) / font.name
            places = {p: ((i // 128 - shelf) % shelves, i % 128) for i, p in enumerate(wanted)}
            renumbered(font, copy, rest | places)
            for preset, (bank, program) in places.items():
                if bank == 0:
                    yield copy, preset, program


def _is_kit(preset: Preset, about: Soundfont) -> bool:
    return preset.bank == DRUM_BANK or (preset.bank, preset.program) in about.kits


def _takes(preset: Preset, about: Soundfont, place: str) -> list[Take]:
    seed = zlib.crc32(place.encode())
    if _is_kit(preset, about):
        return drum_hits() + drum_beats(seed)
    known = preset.bank not in about.foreign_banks
    return instrument_takes(family_of(preset.program) if known else None, preset.program, seed)


def _names(preset: Preset, about: Soundfont, playing: Playing, key: int | None) -> dict[str, Any]:
    """What is known of a take in words; a preset's name without letters tells nothing."""
    own = words_of(preset.name) if re.search("[A-Za-z]{2}", preset.name) else ""
    tags = (about.sound,) if about.sound else ()
    if _is_kit(preset, about):
        kit = "" if about.kits or not own else own if "kit" in own else f"{own} kit"
        drum = DRUM_KEYS[key] if playing == "hit" and key is not None else None
        return {"family": DRUMS, "program": drum, "label": drum, "tags": (*tags, *filter(None, [kit]))}
    known = preset.bank not in about.foreign_banks
    program = PROGRAMS[preset.program] if known else None
    family = family_of(preset.program) if known else family_by_words(own)
    return {"family": family, "program": program, "label": own or program, "tags": tags}


def trimmed(sound: np.ndarray, sample_rate: int) -> np.ndarray | None:
    """Without the silence at its end, at one peak level, `SHORTEST_S` to `LONGEST_S`; `None` for silence."""
    level = np.abs(sound).max(axis=1, initial=0)
    peak = level.max(initial=0)
    if not 1e-4 < peak < np.inf:  # some filters of some presets run away
        return None
    end = np.flatnonzero(level > peak * 10 ** (SILENT_DB / 20))[-1] + 1
    cut = sound[: min(end, round(LONGEST_S * sample_rate))] * np.float32(PEAK / peak)
    fade = min(len(cut), round(FADE_S * sample_rate))
    cut[len(cut) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return np.pad(cut, ((0, max(0, round(SHORTEST_S * sample_rate) - len(cut))), (0, 0)))


def write(path: Path, sound: np.ndarray, sample_rate: int) -> None:
    """`(T, 2)` as 16-bit FLAC."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.round(sound * 32767).astype(np.int16), sample_rate, subtype="PCM_16")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch and render soundfonts and say what came out."""
    parser = argparse.ArgumentParser(
        prog="python -m reprs.corpora.soundfonts", description="Render the presets of soundfonts, by name."
    )
    parser.add_argument("--packages", nargs="+", metavar="NAME", help=f"default: {' '.join(SOUNDFONTS)}")
    parser.add_argument("--role", choices=("train", "test"), help="only packages of this side of the split")
    options = parser.parse_args(arguments)
    try:
        corpus = SoundfontCorpus(options.packages, options.role)
        corpus.download()
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for package in corpus.packages:
        items = SoundfontCorpus([package]).items()
        hours = sum(soundfile.info(item.path).duration for item in items) / 3600
        about, contents = PACKAGES[package], len({item.content for item in items})
        print(f"{package:38} {about.role:5} {contents:4} presets {len(items):5} items {hours:5.2f} h", end="")
        print(f"  {about.licence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
