"""A folder of stems → a folder with the mix, its stems, its settings and a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from reprs.audio import files
from reprs.audio.batch import check_writable
from reprs.audio.resample import resample
from reprs.console.files.eq_files import on_grid
from reprs.console.files.mix_measures import Figures, figures
from reprs.console.mixdown import mixdown
from reprs.console.saved_mix import SavedMix, read_mix
from reprs.console.session import Session
from reprs.corpora.progress import track

MIX, SETTINGS, REPORT, STEMS, BUSES = "mix.wav", "mix.json", "report.html", "stems", "buses"


@dataclass(frozen=True)
class Mixed:
    """A mix that was written, with its figures and those of the stems as they came in."""

    saved: SavedMix
    before: Figures
    after: Figures


def check_folder(out: str | Path, force: bool) -> Path:
    """Refuse, before any work, a place that is no folder or holds a mix already."""
    folder = Path(out)
    if folder.is_file() or folder.suffix.lower() in files.SUFFIXES:
        raise ValueError(f"{out}: a mix goes into a folder; name one with -o FOLDER")
    check_writable(folder / MIX)
    there = [folder / name for name in (MIX, SETTINGS, REPORT, STEMS, BUSES) if (folder / name).exists()]
    if there and not force:
        raise ValueError(f"{there[0]} exists: choose another folder or replace it with --force")
    return folder


def write_mix(
    folder: Path,
    session: Session,
    saved: SavedMix,
    title: str,
    notes: Sequence[str] = (),
    reference: tuple[Tensor, int] | None = None,
) -> Mixed:
    """Mix the session as `saved` says and write everything; `reference` is shown in the report.

    mix.wav has 24 bits. Stems and what buses and groups add are 32-bit floats; together they are what goes
    into the master, so of an earlier mix in this folder none are left behind.
    """
    _clear(folder)
    progress = track(session.names, "mixing")

    def keep(name: str, stem: Tensor) -> None:
        next(progress)
        files.write(folder / STEMS / f"{name}.wav", stem, session.sample_rate, "FLOAT")

    done = mixdown(session, replace(saved, sample_rate=session.sample_rate), keep)
    next(progress, None)
    for name, audio in done.returns.items():
        files.write(folder / BUSES / f"{name}.wav", audio, session.sample_rate, "FLOAT")
    files.write(folder / MIX, on_grid(done.mix, "PCM_24"), session.sample_rate, "PCM_24")
    saved = replace(saved, sample_rate=session.sample_rate, output_db=round(done.output_db, 6))
    heard = {"before": session.sum(), "after": done.mix}
    before, after = (figures(x, session.sample_rate) for x in heard.values())
    also: dict[str, Any] = {"before": asdict(before), "after": asdict(after)}
    (folder / SETTINGS).write_text(saved.to_json(**also), encoding="utf-8")
    _write_report(folder / REPORT, session, saved, title, notes, heard, reference)
    return Mixed(saved, before, after)


def _clear(folder: Path) -> None:
    """Take away the stems that the mix in this folder wrote, and no other file."""
    try:
        old = read_mix(folder / SETTINGS)
    except ValueError:  # none, or not one of ours
        return
    for name in old.names:
        (folder / STEMS / f"{name}.wav").unlink(missing_ok=True)
    for name in old.groups:
        (folder / BUSES / f"{name}.wav").unlink(missing_ok=True)


def _write_report(
    path: Path,
    session: Session,
    saved: SavedMix,
    title: str,
    notes: Sequence[str],
    heard: Mapping[str, Tensor],
    reference: tuple[Tensor, int] | None,
) -> None:
    from reprs.console.files.mix_page import write_page
    from reprs.console.files.mix_plot import draw

    heard = dict(heard)
    if reference is not None:
        x = resample(reference[0][:2], reference[1], session.sample_rate)
        heard["reference"] = x.expand(2, -1) if len(x) == 1 else x
    found = {name: figures(x, session.sample_rate) for name, x in heard.items()}
    write_page(path, title, saved, found, draw(title, saved, heard), notes, [MIX])
