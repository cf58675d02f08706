"""The text-prompted equaliser against listeners: does the response of a word look like the one people chose?

    reprs eval text_eq --curves words.csv                      # a row a listener: word, 20_hz, 50_hz, …
    reprs eval text_eq --curves words.csv --audio mix.wav --engines predicted optimised
    python -m eval.text_eq --curves words.csv --quick          # frequent words, fewer wishes

A figure is the mean Pearson r, over words, between a response at the bands' frequencies and the mean curve
of the listeners. The ceiling is a listener against the mean of the others. By default the equaliser works on
pink noise, so that the figure is that of the words and not of a recording.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval import called

AGREED = 0.4  # the ceiling from which listeners count as agreeing


def arguments() -> argparse.ArgumentParser:
    parser = called.parser("text_eq", __doc__)
    parser.add_argument("--curves", type=Path, required=True, metavar="CSV", help="listeners' curves")
    parser.add_argument("--word-min-listeners", type=int, default=4, metavar="N", help="frequent words")
    parser.add_argument("--audio", nargs="+", type=Path, default=[], metavar="FILE", help="instead of noise")
    parser.add_argument("--engines", nargs="+", default=["predicted"], choices=("predicted", "optimised"))
    parser.add_argument(
        "--wishes-every", type=int, default=6, metavar="N", help="bands for every Nth descriptor (default 6)"
    )
    called.add_quick(parser, "frequent words only, fewer wishes")
    called.add_out(parser)
    return parser


@called.one_line("text_eq")
def main(argv: Sequence[str] | None = None) -> int:
    """Judge, print the tables, write JSON and plot; 0 when done, 2 for an unusable call."""
    options = arguments().parse_args(argv)
    out = called.folder(options)
    result = judge(options)
    from eval.word_report import print_tables, save

    # Names only: a result says nothing of the folders of whoever made it.
    given = [Path(a).name if Path(a).exists() else a for a in (sys.argv[1:] if argv is None else argv)]
    result["command"] = called.command("text_eq", given)
    print_tables(result)
    called.name(save(result, out, "text_eq"), out)
    return 0


def judge(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, as data for JSON."""
    from eval import word_rows
    from eval.word_curves import read_words

    words, frequencies_hz = read_words(options.curves)
    sets = word_sets(words, options.word_min_listeners)
    if options.quick:
        sets.pop("all words")
    if not sets["frequent"]:
        raise ValueError(f"no word has {options.word_min_listeners} listeners: lower --word-min-listeners")
    recordings = [_read(path) for path in options.audio] or [word_rows.pink_noise()]
    rows: dict[str, word_rows.Row] = {
        f"text_eq, {engine}": word_rows.text_eq_row(engine, recordings) for engine in options.engines
    }
    rows |= {
        "target curve": word_rows.target_row,
        "word not in lexicon": word_rows.unseen_row,
        "nor its synonyms": word_rows.unrelated_row,
        "embedding → ridge": word_rows.EmbeddingRidge(words),
        "mean curve": word_rows.MeanCurve(words),
        "spectral tilt": word_rows.tilt_row,
        "flat": word_rows.flat_row,
    }
    return compare(rows, sets, frequencies_hz) | {
        "task": "text_eq",
        "curves": options.curves.name,
        "audio": [path.name for path in options.audio] or ["pink noise"],
        "wishes": _wishes(rows, 18 if options.quick else options.wishes_every),
    }


def word_sets(words: Sequence[Any], min_listeners: int) -> dict[str, list[Any]]:
    """Frequent words on which listeners agree, all frequent ones, and all words as heard consistently."""
    frequent = [word for word in words if len(word.curves) >= min_listeners]
    heard = [word.consistent() for word in words]
    return {
        "agreed": [word for word in frequent if word.ceiling >= AGREED],
        "frequent": frequent,
        "all words": [word for word in heard if word is not None],
    }


def compare(rows: dict[str, Any], sets: dict[str, list[Any]], frequencies_hz: np.ndarray) -> dict[str, Any]:
    """Mean r with its 95 % interval of every row on every set, and r word by word on the frequent ones."""
    from eval.scoring import interval
    from eval.word_curves import pearson

    texts = sorted({word.text for words in sets.values() for word in words})
    result: dict[str, Any] = {
        "sizes": {name: len(words) for name, words in sets.items()},
        "listeners": {name: sum(len(w.curves) for w in words) for name, words in sets.items()},
        "ceiling": {name: _ceiling(words) for name, words in sets.items()},
        "words": {w.text: {"listeners": len(w.curves), "ceiling": w.ceiling} for w in sets["frequent"]},
        "rows": {},
    }
    for name, row in rows.items():
        start = time.perf_counter()
        curves = {text: row(text, frequencies_hz) for text in texts}
        figures: dict[str, Any] = {"refused": sum(curve is None for curve in curves.values())}
        for label, words in sets.items():
            r = [_r(pearson, curves[w.text], w.mean) for w in words]
            figures[label] = interval(np.array(r), [w.text for w in words]) if words else (0.0, 0.0, 0.0)
        for word in sets["frequent"]:
            result["words"][word.text][name] = _r(pearson, curves[word.text], word.mean)
        result["rows"][name] = figures | {"seconds": round(time.perf_counter() - start, 1)}
    return result


def _r(pearson: Any, curve: np.ndarray | None, wanted: np.ndarray) -> float:
    """A refused word counts as a flat response."""
    return 0.0 if curve is None else pearson(curve, wanted)


def _ceiling(words: Sequence[Any]) -> float:
    ceilings = [word.ceiling for word in words if len(word.curves) > 1]
    return float(np.mean(ceilings)) if ceilings else float("nan")


def _wishes(rows: dict[str, Any], every: int) -> dict[str, Any]:
    """The wishes over the lexicon for the target, over a part of it through the bands of the first engine."""
    from eval.wishes import wishes
    from reprs.views.lexicon import Lexicon

    frequencies_hz = np.geomspace(30, 16_000, 100)
    names = list(Lexicon.shipped().descriptors)
    first = next(iter(rows))
    return {
        "target curve": wishes(rows["target curve"], names, frequencies_hz),
        # Paraphrases are settled by the target; here the bands are in question.
        first: wishes(rows[first], names[:: max(every, 1)], frequencies_hz, False),
    }


def _read(path: Path) -> tuple[Any, int]:
    from reprs.audio import files

    return files.read(path)


if __name__ == "__main__":
    sys.exit(main())
