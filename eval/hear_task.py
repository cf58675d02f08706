"""A HEAR task folder: metadata, labels and audio as `hear-preprocess` writes them (Turian 2022).

task_metadata.json      task_name, embedding_type, prediction_type, split_mode, evaluation, …
labelvocabulary.csv     idx,label
train.json …            file → labels, for every split: train, valid, test, or fold00, fold01, …
48000/train/*.wav …     the audio at one or more sample rates
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SCENE_KINDS = ("multiclass", "multilabel")


@dataclass(frozen=True)
class Split:
    """The files of one split and their labels, `targets` `(n, K)` of 0 and 1."""

    files: tuple[Path, ...]
    targets: np.ndarray


@dataclass(frozen=True)
class Task:
    """A scene task: which of `labels` a sound has, one (`multiclass`) or several (`multilabel`)."""

    name: str
    prediction_type: str
    evaluation: tuple[str, ...]
    labels: tuple[str, ...]
    splits: dict[str, Split]

    def rounds(self) -> Iterator[tuple[list[str], list[str], list[str]]]:
        """Splits to learn from, to choose the head by, and to test on: one round, or one for each fold."""
        names = sorted(self.splits)
        if set(names) == {"train", "valid", "test"}:
            yield ["train"], ["valid"], ["test"]
            return
        for i, tested in enumerate(names):
            chosen = names[(i + 1) % len(names)]
            yield [n for n in names if n not in (tested, chosen)], [chosen], [tested]

    def data_hash(self) -> str:
        """A hash over names, sizes and labels of all files."""
        digest = hashlib.sha256()
        for name, split in sorted(self.splits.items()):
            for file in split.files:
                digest.update(f"{name}/{file.name} {file.stat().st_size}\0".encode())
            digest.update(split.targets.tobytes())
        return digest.hexdigest()[:16]


def read_task(folder: Path) -> Task:
    """The task in a folder; raises ValueError with one line that says what is missing or not supported."""
    about = _json(folder / "task_metadata.json")
    try:
        name, kind = about["task_name"], about["embedding_type"]
        prediction_type, evaluation = about["prediction_type"], tuple(about["evaluation"])
    except KeyError as error:
        raise ValueError(f"{folder / 'task_metadata.json'} has no {error}") from None
    if kind != "scene" or prediction_type not in SCENE_KINDS:
        raise ValueError(f"{folder}: {kind} tasks ({prediction_type}) are not judged here, only scene tasks")
    labels = _labels(folder / "labelvocabulary.csv")
    splits = {n: _split(folder, n, labels) for n in _split_names(folder, about)}
    if not {"train", "valid", "test"} <= set(splits) and len(splits) < 3:
        raise ValueError(f"{folder}: need train, valid and test, or at least three folds; has {list(splits)}")
    return Task(name, prediction_type, evaluation, tuple(labels), splits)


def audio_folder(folder: Path) -> Path:
    """The audio at its highest rate."""
    rates = [f for f in folder.iterdir() if f.is_dir() and f.name.isdigit()]
    if not rates:
        raise ValueError(f"{folder} has no folder of audio named after a sample rate, such as 48000")
    return max(rates, key=lambda f: int(f.name))


def _split_names(folder: Path, about: dict[str, Any]) -> list[str]:
    if about.get("split_mode", "trainvaltest") == "trainvaltest":
        return ["train", "valid", "test"]
    return about.get("splits") or sorted(f.stem for f in folder.glob("fold*.json"))


def _split(folder: Path, name: str, labels: list[str]) -> Split:
    known = _json(folder / f"{name}.json")
    place = {label: i for i, label in enumerate(labels)}
    files = tuple(audio_folder(folder) / name / file for file in sorted(known))
    missing = [f for f in files if not f.is_file()]
    if missing or not files:
        raise ValueError(f"{folder}: {len(missing) or 'all'} files of {name} are missing: {missing[:1]}")
    targets = np.zeros((len(files), len(labels)), np.float32)
    for i, file in enumerate(files):
        said = known[file.name]
        for label in said if isinstance(said, list) else [said]:
            if str(label) not in place:
                raise ValueError(
                    f"{folder / name}.json: {file.name} is {label!r}, not in labelvocabulary.csv"
                )
            targets[i, place[str(label)]] = 1
    return Split(files, targets)


def _labels(path: Path) -> list[str]:
    try:
        with path.open(newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: int(row["idx"]))
            return [row["label"] for row in rows]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a table with idx and label: {error}") from None


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read, so this is no HEAR task folder: {error}") from None
