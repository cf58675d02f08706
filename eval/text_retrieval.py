"""Text → audio on soundfonts and sample packs that training never saw.

    reprs eval text_retrieval                                   # the shipped `timbre` against the baselines
    reprs eval text_retrieval --model runs/timbre/timbre.safetensors --seed 1
    reprs eval text_retrieval --model                           # the baselines alone

For every source, a gallery with a few clips (notes, phrases, drum hits) of every preset or sample. Retrieval:
the query is a name; is a clip of that name among the first 1, 5, 10, and where is the first? Zero-shot: which
of the 16 General MIDI families (each counts the same), and which of the names, is most similar to a clip? The
ridge row maps MFCC statistics to the text tower, fitted on the training soundfonts and packs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from eval import called

TOWER = "minilm"


def arguments() -> argparse.ArgumentParser:
    parser = called.parser("text_retrieval", __doc__)
    called.add_checkpoints(parser, "timbre")
    called.add_seed(parser, "the clips of every name")
    parser.add_argument("--takes", type=int, default=3, help="clips a name at most (default 3)")
    parser.add_argument("--soundfonts", nargs="+", metavar="PACKAGE", help="default: the held-out ones")
    parser.add_argument("--packs", nargs="*", metavar="PACKAGE", help="default: the held-out ones")
    called.add_no_baselines(parser)
    called.add_out(parser)
    return parser


@called.one_line("text_retrieval")
def main(argv: Sequence[str] | None = None) -> int:
    """Judge, print the tables, write JSON and plot; 0 when done, 2 for an unusable call."""
    options = arguments().parse_args(argv)
    out = called.folder(options)
    result = judge(options)
    from eval.text_table import plot, print_tables

    result["command"] = called.command("text_retrieval", argv)
    print_tables(result)
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / "text_retrieval.json", out / "text_retrieval.png"]
    paths[0].write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    plot(result).savefig(paths[1], dpi=120, bbox_inches="tight")
    called.name(paths, out)
    return 0


def judge(options: argparse.Namespace) -> dict[str, Any]:
    """Every figure of every row the options ask for, as data for JSON."""
    from eval.text_rows import LONGEST_S, RidgeRow, model_rows

    if options.takes < 1:
        raise ValueError("--takes is at least 1")
    rows = model_rows(options.model, untrained=not options.no_baselines)
    groups, training = corpora(options.soundfonts, options.packs)
    if not options.no_baselines:
        from reprs.models.text import text_tower

        rows.append(RidgeRow(training, text_tower(TOWER)))
    result = compare(rows, groups, options.takes, options.seed)
    return result | {"settings": {"takes": options.takes, "seed": options.seed, "longest_s": LONGEST_S}}


def corpora(
    soundfonts: Sequence[str] | None, packs: Sequence[str] | None
) -> tuple[dict[str, list[Any]], list[Any]]:
    """What is judged on, by kind, and what the baseline learns from; fetched and rendered where missing.

    Raises `ValueError` when a soundfont is both.
    """
    from reprs.corpora.freepats import FreepatsCorpus
    from reprs.corpora.sample_packs import SamplePackCorpus
    from reprs.corpora.soundfonts import SOUNDFONTS, SoundfontCorpus

    judged = {
        "soundfonts": SoundfontCorpus(soundfonts, None if soundfonts else "test"),
        "sample packs": SamplePackCorpus(packs, None if packs is not None else "test"),
    }
    learned = [SoundfontCorpus(role="train"), SamplePackCorpus(role="train")]
    origins = [{SOUNDFONTS[p].origin for p in c.packages} for c in (judged["soundfonts"], learned[0])]
    both = {p for p in judged["sample packs"].packages if p in learned[1].packages}
    if origins[0] & origins[1] or both:
        raise ValueError("models and baselines learn from these: judge on packages with the role `test`")
    others = [] if soundfonts else [FreepatsCorpus()]
    for corpus in (*judged.values(), *learned, *others):
        corpus.download()
    groups = {kind: list(c.items()) for kind, c in judged.items()}
    groups["soundfonts"] += [item for corpus in others for item in corpus.items()]
    return groups, [item for corpus in learned for item in corpus.items()]


def compare(rows: Sequence[Any], groups: dict[str, list[Any]], takes: int, seed: int) -> dict[str, Any]:
    """The figures of the rows, for each kind of source together and for each source."""
    from eval.text_tasks import figures_of, gallery_figures, make_galleries
    from reprs.corpora.general_midi import FAMILIES
    from reprs.corpora.named import DRUMS

    result: dict[str, Any] = {"task": "text_retrieval", "galleries": {}, "rows": {}}
    galleries = {kind: make_galleries(items, takes, seed) for kind, items in groups.items()}
    for gallery in (g for several in galleries.values() for g in several):
        result["galleries"][gallery.source] = {"names": len(gallery.names), "clips": len(gallery.items)}
    for row in (None, *rows):
        start, figures = time.perf_counter(), {}
        for kind, several in galleries.items():
            # Packs have drums among their families; soundfonts are judged on the 16 of their instruments.
            families = FAMILIES if kind == "soundfonts" else (*FAMILIES, DRUMS)
            parts = [
                gallery_figures(g, row and row.embed(g.items), row and row.embed_text, families)
                for g in several
            ]
            figures[kind] = figures_of(parts)
            figures |= {g.source: figures_of([part]) for g, part in zip(several, parts, strict=True)}
        seconds = round(time.perf_counter() - start, 1)
        result["rows"][row.name if row else "chance"] = figures | {"seconds": seconds}
    result["kinds"] = list(galleries)
    return result


if __name__ == "__main__":
    sys.exit(main())
