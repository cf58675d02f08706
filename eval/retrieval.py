"""Chain retrieval on music no model was trained on: can an embedding find the same effects on another piece?

    reprs eval retrieval                                  # the shipped `effect` against the baselines
    reprs eval retrieval --model effect runs/x.safetensors --music ~/Music --seed 1
    python -m eval.retrieval --quick --no-baselines --model runs/x.safetensors

Tasks. 20-way: the query is chain c on X; pick the clip with c on another piece Y among 19 other chains on X's
own content. The same with exactly 1, 3 and 5 effects. Gallery: 256 chains, each on its own content; the query
is one of them on yet another content. Effects are rendered by pedalboard, all clips have one level.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from eval import called
from eval.chains import DEFAULT_KINDS, KINDS


def arguments() -> argparse.ArgumentParser:
    parser = called.parser("retrieval", __doc__)
    called.add_embeddings(parser, "effect")
    called.add_music(parser)
    called.add_quick(parser, "about a fifth of the trials")
    called.add_seed(parser, "music, chains and settings")
    called.add_clip_s(parser, 3.0)
    parser.add_argument("--kinds", nargs="+", default=DEFAULT_KINDS, choices=list(KINDS), metavar="KIND")
    parser.add_argument("--random-order", action="store_true", help="draw the order of a chain's effects too")
    called.add_no_baselines(parser)
    called.add_out(parser)
    return parser


@called.one_line("retrieval")
def main(argv: Sequence[str] | None = None) -> int:
    """Judge, print the table, write JSON and plot; 0 when done, 2 for an unusable call."""
    options = arguments().parse_args(argv)
    out = called.folder(options)
    result = judge(options)
    from eval.report import print_table, save

    result["command"] = called.command("retrieval", argv)
    print_table(result)
    called.name(save(result, out, "retrieval"), out)
    return 0


def judge(options: argparse.Namespace) -> dict[str, Any]:
    """Every figure of every row the options ask for, with sizes and settings, as data for JSON."""
    from eval.embedding import Embedder
    from eval.music import find_pieces
    from eval.plan import PREROLL_S, Sizes, make_plan
    from eval.rows import make_rows

    clip_s = called.clip_s(options)
    models = make_rows(options.model, untrained=not options.no_baselines)
    music, pieces = find_pieces(options.music, clip_s + PREROLL_S[1], options.kept_back)
    sizes = Sizes.quick() if options.quick else Sizes()
    plan = make_plan(pieces, sizes, options.seed, clip_s, tuple(options.kinds), options.random_order)
    embedder = Embedder(plan)
    rows = models if options.no_baselines else models + embedder.standardised_baselines()
    return compare(rows, embedder, music)


def compare(rows: Sequence[Any], embedder: Any, music: str) -> dict[str, Any]:
    """The figures of the rows on the plan of an `Embedder`."""
    plan = embedder.plan
    result: dict[str, Any] = {
        "task": "retrieval",
        "music": music,
        "sources": _pieces_by_source(plan),
        "settings": plan.settings,
        "plan": plan.key(),
        "sizes": {name: sum(len(g["queries"]) for g in groups) for name, groups in plan.groups.items()}
        | {"gallery": len(plan.gallery["queries"]), "clips": len(plan.renders)},
        "rows": {},
    }
    for row in rows:
        start = time.perf_counter()
        figures = score(plan, embedder(row))
        result["rows"][row.name] = figures | {"seconds": round(time.perf_counter() - start, 1)}
    return result


def _pieces_by_source(plan: Any) -> dict[str, int]:
    pieces = {cut.piece.content: cut.piece.source for cut in plan.cuts}
    return dict(sorted(Counter(pieces.values()).items()))


def score(plan: Any, e: Any) -> dict[str, Any]:
    """Figures with 95 % intervals from the embeddings `(N, D)` of all renders; single effects by kind."""
    import numpy as np

    from eval.scoring import gallery_figures, gallery_ranks, interval, twenty_way

    def contents(renders: list[int]) -> list[str]:
        return [plan.cuts[plan.renders[i][0]].piece.content for i in renders]

    figures: dict[str, Any] = {}
    for name, groups in plan.groups.items():
        queries = [i for g in groups for i in g["queries"]]
        right = np.concatenate([twenty_way(e[g["queries"]], e[g["targets"]]) for g in groups])
        figures[name] = interval(right, contents(queries))
        if name == "20-way, 1 effect":
            kinds = np.array([plan.chains[plan.renders[i][1]].kinds[0] for i in queries])
            figures["by kind"] = {k: float(right[kinds == k].mean()) for k in sorted(set(kinds))}
    ranks = gallery_ranks(e[plan.gallery["queries"]], e[plan.gallery["targets"]])
    for name, values in gallery_figures(ranks).items():
        figures[name] = interval(values, contents(plan.gallery["queries"]))
    return figures


if __name__ == "__main__":
    sys.exit(main())
