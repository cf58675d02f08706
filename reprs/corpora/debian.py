"""Recordings out of Debian packages: released game music, stems, one-shots, speech, soundfonts.

The packages are fetched with `apt-get download` and unpacked with `dpkg-deb` into the cache folder; nothing
is installed and no rights are needed.

    python -m reprs.corpora.debian --packages supertux-data ufoai-music     # or every package of the table
    python -m reprs.corpora.debian --report                                 # files, minutes, licences
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from reprs.audio import files
from reprs.corpora.cache import cache_folder
from reprs.corpora.debian_packages import PACKAGES, Role
from reprs.corpora.item import Item, Problem, problems_of
from reprs.corpora.progress import track

ARCHIVES = frozenset((".pk3", ".pk4", ".zip", ".dat"))
OTHER_SUFFIXES = frozenset((".mid", ".midi", ".sf2", ".sf3", ".pat", ".xml", ".cfg", ".txt"))


class DebianCorpus:
    """Audio of the named packages, or of every package of one role ("train", "test") and the given kinds.

    Content is the piece: package and file, or package and folder where a folder holds the stems of one song.
    `shortest_s` and `longest_s` bound the length of a file: 20 s by default for music, which leaves jingles
    out.
    """

    name = "debian"

    def __init__(
        self,
        packages: Sequence[str] | None = None,
        role: Role | None = None,
        kinds: Sequence[str] = ("music",),
        shortest_s: float = 20.0,
        longest_s: float = float("inf"),
    ) -> None:
        unknown = set(packages or ()) - set(PACKAGES)
        if unknown:
            raise ValueError(
                f"no such package in the table: {', '.join(sorted(unknown))}; it has {' '.join(PACKAGES)}"
            )
        chosen = PACKAGES if packages is None else {name: PACKAGES[name] for name in packages}
        self.packages = [
            name
            for name, package in chosen.items()
            if packages is not None or (role in (None, package.role) and package.kind in kinds)
        ]
        self.shortest_s, self.longest_s = shortest_s, longest_s

    def download(self) -> None:
        """Fetch and unpack what is not in the cache yet."""
        fetch(self.packages)

    def items(self) -> list[Item]:
        """The audio files of every package that was fetched, in the order of packages and paths."""
        return [item for package in self.packages for item in self._items_of(package)]

    def validate(self) -> list[Problem]:
        """The items that cannot be used."""
        return problems_of(self.items())

    def _items_of(self, package: str) -> list[Item]:
        folder = package_folder(package)
        if not (folder / "complete").exists():
            return []
        table = PACKAGES[package]
        found = []
        for path, duration_s in _listing(folder):
            within = path.relative_to(folder).as_posix()
            if self.shortest_s <= duration_s <= self.longest_s and table.keeps(within):
                piece = Path(within).parent.as_posix() if table.kind == "stems" else within
                instrument = path.stem if table.kind == "stems" else table.instrument
                licence = f"{table.licence} ({folder / 'copyright'})"
                found.append(Item(path, f"{package}/{piece}", package, instrument, licence))
        return found


def package_folder(package: str) -> Path:
    """Where a package's files are unpacked."""
    return cache_folder("debian") / package


def fetch(packages: Sequence[str]) -> None:
    """Download and unpack packages into the cache; those already there are left alone."""
    missing = [p for p in packages if not (package_folder(p) / "complete").exists()]
    for package in track(missing, "Debian packages"):
        with tempfile.TemporaryDirectory(dir=cache_folder("debian"), prefix=".fetching-") as scratch:
            _unpack(_download(package, Path(scratch)), Path(scratch) / "unpacked", package)
            shutil.rmtree(package_folder(package), ignore_errors=True)
            (Path(scratch) / "unpacked").rename(package_folder(package))


def _download(package: str, folder: Path) -> Path:
    """The package file of `apt-get download`, put into `folder`."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise RuntimeError(
            "this corpus needs Debian or Ubuntu (apt-get, dpkg-deb); use `builtin` or `folder` elsewhere"
        )
    command = ["apt-get", "download", "-q", package]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = sorted(folder.glob("*.deb"))
    if done.returncode or not found:
        reason = " ".join((done.stderr.strip().splitlines() or ["no file came"])[-1].split())
        raise RuntimeError(f"{package}: {reason}: run `apt-get update` (as root) and try again")
    return found[-1]


def _unpack(deb: Path, folder: Path, package: str) -> None:
    """Take audio, instruments and licence out of a package file: textures and models stay behind."""
    folder.mkdir(parents=True)
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                _take(archive, member, folder, package)
        process.communicate()
    if process.returncode:
        raise RuntimeError(f"{deb.name}: cannot be unpacked; delete it and fetch again")
    _list(folder)
    (folder / "complete").touch()


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, package: str) -> None:
    suffix = Path(member.name).suffix.lower()
    source = archive.extractfile(member) if member.isfile() else None
    if source is None:
        return
    if member.name.endswith(f"usr/share/doc/{package}/copyright"):
        (folder / "copyright").write_bytes(source.read())
    elif suffix in files.SUFFIXES or suffix in OTHER_SUFFIXES:
        _save(folder, member.name, source)
    elif suffix in ARCHIVES:
        _take_zip(source, folder, Path(member.name).name)


def _take_zip(source, folder: Path, name: str) -> None:
    """The audio inside a zip file of a package (games call theirs .pk3)."""
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        if not zipfile.is_zipfile(copy):
            return
        with zipfile.ZipFile(copy) as inner:
            for entry in inner.infolist():
                if Path(entry.filename).suffix.lower() in files.SUFFIXES:
                    with inner.open(entry) as sound:
                        _save(folder, f"{name}/{entry.filename}", sound)


def _save(folder: Path, name: str, source) -> None:
    """Copy one file out of an archive, below `folder` whatever its name says."""
    parts = [p for p in Path(name).parts if p not in ("/", ".", "..")]
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        shutil.copyfileobj(source, out)


def _list(folder: Path) -> None:
    """Write down which audio files decode and how long they are, so that listing them later opens none."""
    rows = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in files.SUFFIXES):
        try:
            rows.append(f"{files.info(path).duration_s:.3f}\t{path.relative_to(folder).as_posix()}\n")
        except files.AudioError as error:
            print(f"left out: {error}", file=sys.stderr)
    (folder / "durations.tsv").write_text("".join(rows))


def _listing(folder: Path) -> list[tuple[Path, float]]:
    rows = (line.split("\t", 1) for line in (folder / "durations.tsv").read_text().splitlines())
    return [(folder / name, float(duration_s)) for duration_s, name in rows]


def report(packages: Sequence[str]) -> str:
    """One line a package: role, kind, files, files and minutes of at least 20 s, licence."""
    lines = [f"{'package':40} role   kind     files  >=20 s  minutes  licence"]
    for package in packages:
        if not (package_folder(package) / "complete").exists():
            continue
        about = PACKAGES[package]
        every = _listing(package_folder(package))
        durations = [
            d for p, d in every if d >= 20 and about.keeps(p.relative_to(package_folder(package)).as_posix())
        ]
        lines.append(
            f"{package:40} {about.role:6} {about.kind:8} {len(every):5}  {len(durations):6}  "
            f"{sum(durations) / 60:7.1f}  {about.licence}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch packages and say what is in them."""
    parser = argparse.ArgumentParser(
        prog="python -m reprs.corpora.debian", description="Fetch recordings out of Debian packages."
    )
    parser.add_argument(
        "--packages", nargs="+", metavar="NAME", help="default: all of the table (5 GB to fetch)"
    )
    parser.add_argument("--role", choices=("train", "test"), help="only packages of this side of the split")
    parser.add_argument("--report", action="store_true", help="only say what is in the cache")
    options = parser.parse_args(arguments)
    packages = options.packages or [n for n, p in PACKAGES.items() if options.role in (None, p.role)]
    try:
        if not options.report:
            fetch(DebianCorpus(packages).packages)
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(report(packages))
    return 0


if __name__ == "__main__":
    sys.exit(main())
