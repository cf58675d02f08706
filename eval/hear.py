"""Scene tasks in HEAR's format: embeddings, shallow heads, the scores that the task names.

    python -m eval.hear_builtin runs/hear/instruments     # a task folder out of the built-in corpus
    reprs eval hear runs/hear/instruments --model effect hear:reprs.hear mfcc
    reprs eval hear hear-2021.0.6/tasks/mridangam_tonic-v1.5-full -o runs/eval

A task folder is what hear-preprocess writes and HEAR offers to download. The heads and their choice follow
hear-eval-kit (Turian 2022) with a pinned, smaller grid. Event tasks are not judged.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval import called
from eval.hear_task import Task, read_task

AT_ONCE = 16


def arguments() -> argparse.ArgumentParser:
    parser = called.parser("hear", __doc__)
    parser.add_argument("task", nargs="+", type=Path, metavar="TASK_FOLDER")
    called.add_embeddings(parser, "effect", "mfcc")
    called.add_seed(parser, "the heads")
    called.add_out(parser)
    return parser


@called.one_line("hear")
def main(argv: Sequence[str] | None = None) -> int:
    """Judge every task, print and write a table each; 0 done, 1 some tasks failed, 2 an unusable call."""
    options = arguments().parse_args(argv)
    from eval.rows import make_rows

    out = called.folder(options)
    rows = make_rows(options.model, untrained=False)
    command = called.command("hear", argv)
    failed = 0
    for folder in options.task:
        try:
            result = judge(read_task(folder), rows, options.seed)
        except (ValueError, OSError) as error:
            failed += 1
            called.refuse("hear", error)
            continue
        print_table(result)
        print(save(result | {"command": command}, out))
    if failed < len(options.task):
        called.name([], out)
    return 0 if not failed else 2 if failed == len(options.task) else 1


def judge(task: Task, rows: Sequence[Any], seed: int) -> dict[str, Any]:
    """The scores of every row on the test side, averaged over the folds where there are folds."""
    from eval.hear_head import SCORES

    known = [name for name in task.evaluation if name in SCORES]
    if not known:
        raise ValueError(f"{task.name}: none of its scores ({', '.join(task.evaluation)}) is known here")
    result: dict[str, Any] = {
        "task": "hear",
        "name": task.name,
        "labels": list(task.labels),
        "sizes": {name: len(split.files) for name, split in task.splits.items()},
        "data": task.data_hash(),
        "rows": {},
    }
    for row in rows:
        start = time.perf_counter()
        e = embeddings(task, row)
        figures = np.mean([_one_round(task, e, names, known, seed) for names in task.rounds()], axis=0)
        result["rows"][row.name] = dict(zip(known, map(float, figures), strict=True))
        result["rows"][row.name]["seconds"] = round(time.perf_counter() - start, 1)
    return result


def embeddings(task: Task, row: Any) -> dict[str, np.ndarray]:
    """Split → `(n, D)`; kept in the cache by the hashes of the data and of the model."""
    from eval.embedding import file_name
    from reprs.corpora.cache import cache_folder

    path = cache_folder("eval", f"hear-{task.name}-{task.data_hash()}") / file_name(row)
    first = next(iter(task.splits.values())).files[:2]
    probe = _embedded(row, first)
    if path.exists():
        with np.load(path) as known:
            if known["probe"].shape == probe.shape and np.allclose(known["probe"], probe, atol=1e-5):
                return {name: known[f"split {name}"] for name in task.splits}
    found = {name: _embedded(row, split.files, f"{row.name}, {name}") for name, split in task.splits.items()}
    np.savez(path, probe=probe, **{f"split {name}": e for name, e in found.items()})
    return found


def save(result: dict[str, Any], folder: Path) -> Path:
    from eval.report import rounded

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"hear_{re.sub(r'[^A-Za-z0-9]+', '_', result['name'])}.json"
    path.write_text(json.dumps(rounded(result), indent=1, ensure_ascii=False) + "\n")
    return path


def print_table(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    scores = list(next(iter(result["rows"].values())))
    sizes = ", ".join(f"{name} {count}" for name, count in result["sizes"].items())
    table = Table(result["name"], *scores, caption=f"{len(result['labels'])} labels; {sizes}")
    for name, figures in result["rows"].items():
        table.add_row(name, *(f"{figures[s]:.3f}" if s != "seconds" else f"{figures[s]:.0f}" for s in scores))
    Console(width=None if Console().is_terminal else 120).print(table)


def _one_round(
    task: Task, e: dict[str, np.ndarray], names: Sequence[list[str]], scores: Sequence[str], seed: int
) -> list[float]:
    """The scores of the best head of one division into learning, choosing and testing."""
    from eval.hear_head import SCORES, best_head

    sides = dict(zip(("train", "valid", "test"), names, strict=True))
    x = {side: np.concatenate([e[n] for n in own]) for side, own in sides.items()}
    y = {side: np.concatenate([task.splits[n].targets for n in own]) for side, own in sides.items()}
    head = best_head(x, y, task.prediction_type, scores[0], seed)
    return [SCORES[score](head.test, y["test"]) for score in scores]


def _embedded(row: Any, files: Sequence[Path], label: str = "") -> np.ndarray:
    """Embeddings of files, those of one length and rate together."""
    import torch

    from reprs.corpora.progress import track

    found: list[np.ndarray] = []
    waiting: list[Any] = []
    rate = 0
    for file in track(files, label) if label else files:
        x, file_rate = _read(file)
        if waiting and (len(waiting) == AT_ONCE or waiting[0].shape != x.shape or rate != file_rate):
            found.append(row.embed(torch.stack(waiting), rate).float().cpu().numpy())
            waiting = []
        waiting.append(x)
        rate = file_rate
    found.append(row.embed(torch.stack(waiting), rate).float().cpu().numpy())
    return np.concatenate(found)


def _read(file: Path) -> tuple[Any, int]:
    """A file as stereo `(2, T)` at its own rate; HEAR's are mono, which then is on both sides."""
    from reprs.audio import files

    x, rate = files.read(file)
    return x[:2].expand(2, -1), rate


if __name__ == "__main__":
    sys.exit(main())
