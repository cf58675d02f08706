"""A HEAR task folder out of the built-in corpus: which instrument is playing, on songs that are apart.

    python -m eval.hear_builtin runs/hear/instruments
    reprs eval hear runs/hear/instruments --model effect mfcc

Two seconds of one stem, mono, 48 kHz, 16 bits; the songs of train, valid and test are different ones.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SAMPLE_RATE = 48_000
CLIP_S = 2.0
CLIPS_A_STEM = 3
FEWEST_SONGS = 6


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m eval.hear_builtin",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--songs", type=int, default=48, help="of the built-in corpus (default 48)")
    options = parser.parse_args(argv)
    try:
        print(make_task(options.folder, options.songs))
    except (ValueError, OSError) as error:
        print(f"eval.hear_builtin: {error}", file=sys.stderr)
        return 2
    return 0


def make_task(folder: Path, songs: int, seed: int = 0) -> Path:
    """Write the task folder; an existing one is not touched."""
    import soundfile

    from eval.music import Piece, draw_cut, read_cut
    from reprs.audio import files
    from reprs.audio.resample import resample
    from reprs.corpora.builtin import BuiltinCorpus
    from reprs.corpora.progress import track

    if folder.exists():
        raise ValueError(f"{folder} is there already: delete it, or give another name")
    corpus = BuiltinCorpus(n_songs=songs)
    corpus.download()
    stems = [item for item in corpus.items() if item.instrument]
    heard = Counter(instrument for _, instrument in {(i.content, i.instrument) for i in stems})
    labels = sorted(str(name) for name, count in heard.items() if count >= FEWEST_SONGS)
    rng = np.random.default_rng(seed)
    sides = _sides(sorted({item.content for item in stems}), rng)
    known: dict[str, dict[str, list[str]]] = {"train": {}, "valid": {}, "test": {}}
    for item in track([s for s in stems if s.instrument in labels], "cutting stems"):
        side = sides[item.content]
        target = folder / str(SAMPLE_RATE) / side
        target.mkdir(parents=True, exist_ok=True)
        duration_s = item.duration_s or files.info(item.path).duration_s
        piece = Piece(str(item.path), item.content, item.source, item.start_s, duration_s, 0)
        for number in range(CLIPS_A_STEM):
            x = resample(_tensor(read_cut(draw_cut(rng, piece, CLIP_S), CLIP_S)), 44_100, SAMPLE_RATE)
            name = f"{item.content.replace('/', '-')}-{Path(item.path).stem}-{number}.wav"
            soundfile.write(target / name, x.mean(dim=0).numpy(), SAMPLE_RATE, subtype="PCM_16")
            known[side][name] = [str(item.instrument)]
    _describe(folder, labels, known)
    return folder


def _sides(songs: list[str], rng: np.random.Generator) -> dict[str, str]:
    """Song → train (60 %), valid or test (20 % each)."""
    order = rng.permutation(len(songs))
    first, second = round(0.6 * len(songs)), round(0.8 * len(songs))
    return {
        songs[j]: "train" if i < first else "valid" if i < second else "test" for i, j in enumerate(order)
    }


def _describe(folder: Path, labels: list[str], known: dict[str, dict[str, list[str]]]) -> None:
    about = {
        "task_name": "builtin_instruments",
        "version": "1",
        "embedding_type": "scene",
        "prediction_type": "multiclass",
        "split_mode": "trainvaltest",
        "sample_duration": CLIP_S,
        "evaluation": ["top1_acc", "mAP"],
        "splits": list(known),
    }
    (folder / "task_metadata.json").write_text(json.dumps(about, indent=1) + "\n")
    for side, files in known.items():
        (folder / f"{side}.json").write_text(json.dumps(files, indent=1) + "\n")
    with (folder / "labelvocabulary.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("idx", "label"), *enumerate(labels)])


def _tensor(x: np.ndarray):
    import torch

    return torch.from_numpy(x)


if __name__ == "__main__":
    sys.exit(main())
