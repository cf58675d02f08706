"""Several mixes of a folder of stems → numbered files at one loudness, and a page that compares them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import Tensor

from reprs.audio import files
from reprs.audio.batch import check_writable
from reprs.console.files.eq_files import on_grid
from reprs.console.files.mix_measures import Figures, figures
from reprs.console.mixdown import mixdown
from reprs.console.saved_mix import SavedMix
from reprs.console.session import Session
from reprs.console.several import levelled_db
from reprs.corpora.progress import track

PAGE = "mixes.html"


@dataclass(frozen=True)
class Candidate:
    """A mix that was written, its figures, and the audio `(2, T)`."""

    path: Path
    saved: SavedMix
    after: Figures
    audio: Tensor


def check_several(out: str | Path, samples: int, force: bool) -> Path:
    """Refuse, before any work, a place that is no folder or holds mixes already."""
    folder = Path(out)
    if folder.is_file() or folder.suffix.lower() in files.SUFFIXES:
        raise ValueError(f"{out}: mixes go into a folder; name one with -o FOLDER")
    check_writable(folder / PAGE)
    there = [path for path in (folder / PAGE, *sorted(folder.glob("mix-*.json"))) if path.exists()]
    if there and not force:
        raise ValueError(f"{there[0]} exists: choose another folder or replace it with --force")
    return folder


def write_several(
    folder: Path,
    session: Session,
    mixes: Sequence[SavedMix],
    title: str,
    stems: str,
    notes: Sequence[str] = (),
) -> list[Candidate]:
    """Mix the session in every way and write mix-1.wav, mix-1.json, … at one loudness, and the page.

    The files have 24 bits. Of an earlier call with more samples nothing is left behind.
    """
    from reprs.console.files.several_page import write_page

    raw = []
    for saved in track(mixes, "mixing"):
        done = mixdown(session, saved)
        raw.append(done.mix * 10 ** (-done.output_db / 20))
    known = [figures(x, session.sample_rate) for x in raw]
    gains_db = levelled_db([f.loudness_lufs for f in known], [f.peak_db for f in known])
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("mix-*.json"), *folder.glob("mix-*.wav")]:
        old.unlink()
    found = []
    for number, (saved, x, gain_db) in enumerate(zip(mixes, raw, gains_db, strict=True), 1):
        x = on_grid(x * 10 ** (gain_db / 20), "PCM_24")
        after = figures(x, session.sample_rate)
        saved = replace(saved, sample_rate=session.sample_rate, output_db=round(gain_db, 6))
        path = folder / f"mix-{number}.wav"
        files.write(path, x, session.sample_rate, "PCM_24")
        path.with_suffix(".json").write_text(saved.to_json(after=asdict(after)), encoding="utf-8")
        found.append(Candidate(path, saved, after, x))
    write_page(folder / PAGE, title, found, [next_call(stems, c.path) for c in found], notes)
    return found


def next_call(stems: str, path: Path) -> str:
    """The command that goes on from a mix."""
    start = str(path.with_suffix(".json"))
    onward = str(path.parent / f"from-{path.stem}")
    return shlex.join(["reprs", "mix", stems, "--start", start, "--variation", "0.2", "-o", onward])
