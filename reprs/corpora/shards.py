"""Captioned WebDataset shards: tar files with KEY.flac (or .wav, .ogg, .mp3) beside KEY.txt or KEY.json.

A random segment needs random access, which a tar does not give, so that shards are unpacked into the cache
once. The package webdataset reads them: globs, `{000..015}` braces and compressed tars as it knows them.
"""

from __future__ import annotations

import glob
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reprs.audio import files
from reprs.corpora.cache import cache_folder
from reprs.corpora.item import Problem, problems_of
from reprs.corpora.named import NamedItem
from reprs.corpora.progress import track

AUDIO = ("flac", "wav", "ogg", "mp3", "opus")
# Where a JSON caption may stand, the first that is there.
TEXT_FIELDS = ("text", "caption", "captions", "texts", "description")


class ShardsCorpus:
    """Captioned samples of local shards: a path, a glob or braces, such as `"music-{000..003}.tar"`.

    A JSON caption is its field text, caption or description; a list counts as several captions, each an item
    of one content. Samples that cannot be used are named once, when they are unpacked, and by `validate()`.
    """

    name = "shards"

    def __init__(self, shards: str) -> None:
        self.shards = str(shards)

    def download(self) -> None:
        """Unpack what is not in the cache yet; raises `ValueError` when nothing can be used."""
        for path in self._paths():
            if not (_folder(path) / "items.jsonl").exists():
                _unpack(path)
        if not self.items():
            raise ValueError(
                f"{self.shards}: no sample has audio ({' '.join(AUDIO)}) and a caption (txt or json)"
            )

    def items(self) -> list[NamedItem]:
        """Every caption of every sample, in the order of shards and samples."""
        return [
            NamedItem(folder / row["file"], f"{path.stem}/{row['key']}", path.stem, text=text)
            for path in self._paths()
            for folder in (_folder(path),)
            for row in _listed(folder, "items.jsonl")
            for text in row["texts"]
        ]

    def validate(self) -> list[Problem]:
        """The samples that were left out, and files that cannot be used."""
        rows = ((path, row) for path in self._paths() for row in _listed(_folder(path), "problems.jsonl"))
        return [Problem(path, row["reason"]) for path, row in rows] + problems_of(self.items())

    def _paths(self) -> list[Path]:
        import braceexpand

        found = [
            Path(path)
            for pattern in braceexpand.braceexpand(self.shards)
            for path in (sorted(glob.glob(pattern)) or [pattern])
        ]
        missing = [path for path in found if not path.is_file()]
        if missing:
            raise ValueError(f"{missing[0]}: no such shard")
        return found


def _folder(shard: Path) -> Path:
    """Where a shard is unpacked: changes with its path, size and time."""
    stat = shard.stat()
    key = f"{shard.absolute()}|{stat.st_size}|{stat.st_mtime_ns}"
    return cache_folder("shards") / f"{shard.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _unpack(shard: Path) -> None:
    """Write the audio of a shard, the list of its captions and the list of what cannot be used."""
    scratch = _folder(shard).with_suffix(".part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    items, problems = [], []
    for number, sample in enumerate(track(_samples(shard), f"unpacking {shard.name}")):
        key = str(sample.get("__key__", number))
        try:
            items.append(_save(sample, key, number, scratch))
        except ValueError as error:
            reason = f"{shard}: sample {key}: {error}"
            problems.append({"key": key, "reason": reason})
            print(f"left out: {reason}", file=sys.stderr)
    for name, rows in (("problems.jsonl", problems), ("items.jsonl", items)):
        (scratch / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    shutil.rmtree(_folder(shard), ignore_errors=True)
    scratch.rename(_folder(shard))


def _samples(shard: Path) -> Iterator[Mapping[str, Any]]:
    import tarfile

    import webdataset

    dataset = webdataset.WebDataset(
        [str(shard.absolute())], shardshuffle=False, empty_check=False, nodesplitter=None, workersplitter=None
    )
    try:
        yield from dataset
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{shard}: not a readable tar file ({error})") from None


def _save(sample: Mapping[str, Any], key: str, number: int, folder: Path) -> dict[str, Any]:
    """Write one sample's audio under a name of our own; raises `ValueError` where it cannot be used."""
    texts = _texts(sample)
    suffix = next((s for s in AUDIO if s in sample), None)
    if suffix is None:
        raise ValueError(f"has no audio ({' '.join(AUDIO)})")
    path = folder / f"{number:06d}.{suffix}"
    path.write_bytes(sample[suffix])
    try:
        files.info(path)
    except files.AudioError as error:
        path.unlink()
        raise ValueError(str(error).replace(str(path), f"its {suffix}")) from None
    return {"key": key, "file": path.name, "texts": texts}


def _texts(sample: Mapping[str, Any]) -> list[str]:
    """The captions of a sample; raises `ValueError` where there is none."""
    try:
        found = sample["txt"].decode("utf-8") if "txt" in sample else json.loads(sample.get("json", "null"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"its caption cannot be read ({error})") from None
    if isinstance(found, dict):
        found = next((found[field] for field in TEXT_FIELDS if found.get(field)), None)
    texts = [str(text).strip() for text in (found if isinstance(found, list) else [found])]
    texts = [text for text in texts if text]
    if found is None or not texts:
        raise ValueError("has no caption (txt, or json with a field text)")
    return texts


def _listed(folder: Path, name: str) -> list[dict[str, Any]]:
    path = folder / name
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )
