"""How good does it sound, without the original: agreement with ViSQOL, order on ladders, faults named.

    reprs eval quality                                       # the shipped `quality` beside the baselines
    reprs eval quality --model runs/quality/quality py:mine.py:embed
    reprs eval quality --labels listening.csv                # path, mos[, reference]: your own listening test

The music is what training never read. A quality model gives its own score; of any other embedding a ridge
regression is learnt on the seen kinds of other pieces. With the reference beside it, an embedding is judged
by its distance, on the same pairs as CDPAM's. ViSQOL (visqol-python) is a machine teacher, not a listener.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval import called

CUTS, LADDERS, SPEECH = 100, 8, 12


def arguments() -> argparse.ArgumentParser:
    parser = called.parser("quality", __doc__)
    called.add_embeddings(parser, "quality", what="a quality model, or any embedding: ")
    called.add_music(parser)
    parser.add_argument("--labels", type=Path, metavar="CSV", help="columns path, mos and perhaps reference")
    called.add_quick(parser, "about a fifth of the cuts")
    called.add_seed(parser, "music and faults")
    called.add_no_baselines(parser)
    called.add_out(parser)
    return parser


@called.one_line("quality")
def main(argv: Sequence[str] | None = None) -> int:
    """Judge, print the tables, write JSON and plot; 0 done, 1 some files failed, 2 for an unusable call."""
    options = arguments().parse_args(argv)
    out = called.folder(options)
    result = _labelled(options) if options.labels else judge(options)
    from eval.quality_report import print_tables, save

    result["command"] = called.command("quality", argv)
    print_tables(result)
    failed = result.pop("failed")
    if options.labels and options.out is None:
        return 1 if failed else 0
    called.name(save(result, out, plotted=not options.labels), out)
    return 1 if failed else 0


def judge(options: argparse.Namespace) -> dict[str, Any]:
    """Every figure of every row, with sizes and sources, as data for JSON."""
    from eval.music import find_items
    from eval.quality_clips import CutClips
    from eval.quality_plan import judged_cuts, ladder_cuts, speech_cuts
    from eval.quality_rows import quality_row

    rows = [quality_row(spec) for spec in options.model]
    share = 0.2 if options.quick else 1.0
    said: list[str] = []
    music, items = find_items(options.music, options.kept_back)
    cuts = judged_cuts(items, round(CUTS * share), options.seed)
    rungs = ladder_cuts(items, round(LADDERS * share), options.seed, cuts)
    ladders = CutClips(rungs, _can_ask(rungs), "making ladders")
    judged = _asked(cuts, "degrading and asking ViSQOL", said)
    voices = [] if options.music or options.kept_back else _speech()
    speech = _asked(speech_cuts(voices, round(SPEECH * share), options.seed), "degrading speech", said)
    rows += [] if options.no_baselines else _baselines(rows, bool(len(speech)), said)
    result = compare(rows, judged, ladders, speech)
    for line in dict.fromkeys([*said, *result["failed"]]):
        print(line, file=sys.stderr)
    return {"task": "quality", "music": music, **result}


def compare(rows: Sequence[Any], judged: Any, ladders: Any, speech: Any) -> dict[str, Any]:
    """The figures of the rows on three sets of clips; a set may be empty."""
    from eval.quality_tasks import figures_of, teacher_row
    from reprs.views.degradations import UNSEEN, seen_kinds

    result: dict[str, Any] = {
        "sizes": {
            "pieces": len(set(judged.contents)), "seen clips": len(judged.of_kinds(seen_kinds())),
            "unseen clips": len(judged.of_kinds(UNSEEN)), "ladder pieces": len(ladders.cuts),
            "speech clips": len(speech.of_kinds(seen_kinds())),
        },
        "seen kinds": seen_kinds(),
        "unseen kinds": list(UNSEEN),
        "rows": {},
        "failed": [*judged.failed, *ladders.failed, *speech.failed],
    }  # fmt: skip
    for row in rows:
        start = time.perf_counter()
        figures = figures_of(row, judged, ladders, speech)
        result["rows"][row.name] = {**figures, "seconds": round(time.perf_counter() - start, 1)}
    if len(judged):
        result["rows"]["ViSQOL, with the reference"] = teacher_row(judged)
    return result


def _labelled(options: argparse.Namespace) -> dict[str, Any]:
    from eval.quality_labels import judge_labels, read_labels
    from eval.quality_rows import quality_row

    labels, failed = read_labels(options.labels)
    rows = [quality_row(spec) for spec in options.model]
    if not options.no_baselines:
        rows += [quality_row("mfcc")]
    result = judge_labels(rows, labels, failed)
    for line in result["failed"]:
        print(line, file=sys.stderr)
    return {"task": "quality, listening test", "music": options.labels.name, **result}


def _asked(cuts: Sequence[Any], label: str, said: list[str]) -> Any:
    """The cuts with the teacher's scores; none, and a line, where it is missing and was not asked yet."""
    from eval.quality_clips import CutClips
    from reprs.views.visqol import MISSING

    if not _can_ask(cuts):
        said.append(f"{MISSING}; without it ladders alone are judged, by their order")
        cuts = []
    return CutClips(cuts, True, label)


def _can_ask(cuts: Sequence[Any]) -> bool:
    """Whether the teacher is there, or was when it was asked about these cuts."""
    from reprs.views.degraded import is_kept
    from reprs.views.visqol import available

    return available() or all(is_kept(cut, True) for cut in cuts)


def _baselines(rows: Sequence[Any], speech: bool, said: list[str]) -> list[Any]:
    from eval.quality_heads import head_rows
    from eval.quality_rows import Cdpam, Dnsmos, optional_row, quality_row

    found: list[Any] = [*head_rows(), *map(quality_row, ("effect", "untrained", "mfcc", "log-mel"))]
    found += [optional_row(Cdpam, said), optional_row(Dnsmos, said) if speech else None]
    names = {row.name for row in rows}
    return [row for row in found if row is not None and row.name not in names]


def _speech() -> list[Any]:
    """Acted speech, where the package that has it was fetched."""
    from reprs.corpora.debian import DebianCorpus

    return list(DebianCorpus(kinds=("speech",), shortest_s=5.9).items())


if __name__ == "__main__":
    sys.exit(main())
