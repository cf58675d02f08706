"""A folder that can be searched: `index.faiss` (vectors), `items.jsonl` (what each one is), `manifest.json`.

Vectors have unit length and are compared by inner product, exactly, so a score is a cosine. The manifest
keeps the model's hash: vectors of two models never meet in one index.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reprs.audio.batch import Failure, check_writable
from reprs.retrieval.embed_files import Embedded, embed_file, embed_files, version

FORMAT_VERSION = 1
SHORTEST_WINDOW_S, SHORTEST_HOP_S = 0.1, 0.01
ITEM_KEYS = {"path", "start_s", "duration_s", "bytes", "mtime_ns"}


class IndexFolderError(ValueError):
    """An index folder that cannot be used; the message is one line."""


@dataclass(frozen=True)
class Hit:
    """One search result: cosine `score`, and where in which file."""

    score: float
    path: str
    start_s: float
    duration_s: float


class Index:
    """Vectors, their items and the manifest of one index folder, in memory."""

    def __init__(self, manifest: dict[str, Any], vectors: np.ndarray, items: list[dict[str, Any]]) -> None:
        self.manifest, self.vectors, self.items = manifest, vectors, items

    @classmethod
    def create(
        cls, encoder: Any, model: str, window_s: float | None = None, hop_s: float | None = None
    ) -> Index:
        """An empty index for the embeddings of `encoder`; windows in seconds, none for one vector a file."""
        manifest = {
            "format": FORMAT_VERSION,
            "model": model,
            "model_hash": encoder.model_hash,
            "embedding_dim": encoder.embedding_dim,
            "metric": "cosine",
            "windowing": {"window_s": window_s, "hop_s": hop_s},
        }
        return cls(manifest, np.zeros((0, encoder.embedding_dim), np.float32), [])

    @classmethod
    def open(cls, folder: str | Path) -> Index:
        """Read an index folder; raises `IndexFolderError`."""
        folder = Path(folder)
        manifest = read_manifest(folder)
        try:
            vectors = _read_vectors(folder / "index.faiss")
            items = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
        except (OSError, ValueError, RuntimeError) as error:
            raise IndexFolderError(f"{folder}: damaged, build it again ({_one_line(error)})") from None
        if not all(isinstance(item, dict) and set(item) >= ITEM_KEYS for item in items):
            raise IndexFolderError(f"{folder}: damaged, build it again (items.jsonl is incomplete)")
        if vectors.shape != (len(items), manifest["embedding_dim"]):
            raise IndexFolderError(f"{folder}: damaged, build it again (vectors and items do not match)")
        return cls(manifest, vectors, items)

    def write(self, folder: str | Path) -> None:
        """Write the folder; files are replaced one by one, the manifest last."""
        import faiss

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        flat = faiss.IndexFlatIP(self.vectors.shape[1])
        flat.add(self.vectors)
        faiss.write_index(flat, str(folder / "index.faiss.new"))
        lines = "".join(json.dumps(item) + "\n" for item in self.items)
        (folder / "items.jsonl.new").write_text(lines)
        manifest = {**self.manifest, "items": len(self.items)}
        (folder / "manifest.json.new").write_text(json.dumps(manifest, indent=2) + "\n")
        for name in ("index.faiss", "items.jsonl", "manifest.json"):
            os.replace(folder / f"{name}.new", folder / name)

    def check_model(self, encoder: Any) -> None:
        """Refuse an encoder whose vectors do not belong here."""
        if encoder.model_hash != self.manifest["model_hash"]:
            raise IndexFolderError(
                f"this index was made by another model ({self.manifest['model']}, hash "
                f"{self.manifest['model_hash'][:12]}, not {encoder.model_hash[:12]}): "
                "name that one with --model or build the index again"
            )

    def add_files(self, encoder: Any, paths: Sequence[Path]) -> tuple[int, list[Failure]]:
        """Embed files that are new or have changed; how many, and the failures."""
        self.check_model(encoder)
        known = {item["path"]: (item["bytes"], item["mtime_ns"]) for item in self.items}
        todo = [p for p in paths if not p.is_file() or known.get(str(p.resolve())) != version(p)]
        results = list(embed_files(encoder, todo, **self.manifest["windowing"]))
        added = [r for r in results if isinstance(r, Embedded)]
        self._replace(added)
        return len(added), [r for r in results if isinstance(r, Failure)]

    def search(self, encoder: Any, audio_path: str | Path, k: int = 10) -> list[Hit]:
        """The `k` items most like a whole audio file, best first; raises `AudioError`."""
        self.check_model(encoder)
        return self.nearest(embed_file(encoder, audio_path).embeddings[0], k)

    def nearest(self, e: np.ndarray, k: int = 10) -> list[Hit]:
        """The `k` items nearest to one embedding `(D,)` of unit length."""
        import faiss

        flat = faiss.IndexFlatIP(self.vectors.shape[1])
        flat.add(self.vectors)
        scores, rows = flat.search(e[None].astype(np.float32), min(k, len(self.items)))
        return [
            Hit(float(s), *(self.items[r][key] for key in ("path", "start_s", "duration_s")))
            for s, r in zip(scores[0], rows[0], strict=True)
        ]

    def _replace(self, added: Sequence[Embedded]) -> None:
        """Drop what a file had before and append what it has now."""
        new = {str(a.path.resolve()) for a in added}
        keep = [i for i, item in enumerate(self.items) if item["path"] not in new]
        self.vectors = np.concatenate([self.vectors[keep], *(a.embeddings for a in added)])
        self.items = [self.items[i] for i in keep] + [item for a in added for item in _items(a)]


def check_output(folder: str | Path, add: bool, force: bool) -> None:
    """Refuse to build over something unless `add` or `force` says how; raises `IndexFolderError`."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise IndexFolderError(f"{folder}: is a file; an index is a folder")
    if folder.exists() and any(folder.iterdir()) and not add and not force:
        raise IndexFolderError(f"{folder} exists: add to it with --add or replace it with --force")
    check_writable(folder)


def check_windowing(window_s: float | None, hop_s: float | None, index: Index | None = None) -> None:
    """Refuse windows that cannot be, and other windows than those of `index`; raises `IndexFolderError`."""
    if window_s is not None and not SHORTEST_WINDOW_S <= window_s < math.inf:
        raise IndexFolderError(f"--window-s {window_s:g} is no length of a window: at least 0.1 s")
    if hop_s is not None and (window_s is None or not SHORTEST_HOP_S <= hop_s < math.inf):
        raise IndexFolderError("--hop-s needs --window-s and at least 0.01 s")
    windowing = {"window_s": window_s, "hop_s": hop_s}
    if index and window_s is not None and windowing != index.manifest["windowing"]:
        known = index.manifest["windowing"]
        has = "windows of other lengths" if known["window_s"] else "a vector a file"
        raise IndexFolderError(f"this index has {has}: leave out --window-s and --hop-s")


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """What an index folder says of itself; raises `IndexFolderError`."""
    folder = Path(folder)
    path = folder / "manifest.json"
    if not path.is_file():
        what = "is not an index (no manifest.json)" if folder.exists() else "no such folder"
        raise IndexFolderError(f"{folder}: {what}; make one with reprs index build")
    try:
        manifest = json.loads(path.read_text())
        written, _ = manifest["format"], manifest["windowing"]["window_s"]
        known = {key: manifest[key] for key in ("model", "model_hash", "embedding_dim", "metric")}
    except (OSError, ValueError, KeyError, TypeError):
        raise IndexFolderError(f"{path}: not an index manifest; build the index again") from None
    if written > FORMAT_VERSION or known["metric"] != "cosine":
        raise IndexFolderError(f"{path}: written by a newer reprs; upgrade reprs or build the index again")
    return manifest


def _read_vectors(path: Path) -> np.ndarray:
    import faiss

    flat = faiss.read_index(str(path))
    return flat.reconstruct_n(0, flat.ntotal) if flat.ntotal else np.zeros((0, flat.d), np.float32)


def _items(embedded: Embedded) -> list[dict[str, Any]]:
    size, mtime_ns = embedded.version
    return [
        {
            "path": str(embedded.path.resolve()),
            "start_s": round(start, 6),
            "duration_s": round(embedded.length_s, 6),
            "bytes": size,
            "mtime_ns": mtime_ns,
        }
        for start in embedded.starts_s
    ]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
