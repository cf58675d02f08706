"""Linear probes: which effects, how many, in which order, how they are set, and how little else is in there.

    reprs eval probes                                     # the shipped `effect` beside the baselines
    reprs eval probes --model runs/x.safetensors hear:wav2clip_hear py:mine.py:embed
    reprs eval probes --quick --no-baselines --model features:effect

Probes are logistic and ridge regressions with pinned settings, learnt on some pieces of music and tested on
others. Effects are rendered by pedalboard and by our own engine; "ours to pedalboard" is learnt on ours and
tested on pedalboard's. All clips have one level and one length, and the sanity checks say which embeddings
would have read those. `content` and `instrument` are leaks: less is better.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval import called

LEAK = 0.5
SANITY_CLIPS = 240


def arguments() -> argparse.ArgumentParser:
    parser = called.parser("probes", __doc__)
    called.add_embeddings(parser, "effect")
    called.add_music(parser)
    called.add_quick(parser, "about a quarter of the clips")
    called.add_seed(parser, "music, chains and settings")
    called.add_no_baselines(parser)
    called.add_clip_s(parser, 5.0)
    parser.add_argument("--cdpam", action="store_true", help="add CDPAM's encoder (hours on a CPU)")
    called.add_out(parser)
    return parser


@called.one_line("probes")
def main(argv: Sequence[str] | None = None) -> int:
    """Judge, print the tables, write JSON and plot; 0 when done, 2 for an unusable call."""
    options = arguments().parse_args(argv)
    out = called.folder(options)
    result = judge(options)
    from eval.probe_report import print_tables, save

    result["command"] = called.command("probes", argv)
    print_tables(result)
    called.name(save(result, out), out)
    return 0


def judge(options: argparse.Namespace) -> dict[str, Any]:
    """Every figure of every row the options ask for, with sizes and settings, as data for JSON."""
    from eval.music import find_pieces
    from eval.plan import PREROLL_S
    from eval.probe_embedding import ProbeEmbedder
    from eval.probe_plan import Sizes, make_probe_plan

    clip_s = called.clip_s(options)
    rows = _rows(options)
    sizes = Sizes.quick() if options.quick else Sizes()
    longest_s = clip_s + PREROLL_S[1]
    music, pieces = find_pieces(options.music, longest_s, options.kept_back)
    stems = stems_of_built_in(sizes.songs, longest_s) if sizes.songs else []
    embedder = ProbeEmbedder(make_probe_plan(pieces, stems, sizes, options.seed, clip_s))
    return compare(rows, embedder, music)


def compare(rows: Sequence[Any], embedder: Any, music: str) -> dict[str, Any]:
    """The figures of the rows on the clips of a `ProbeEmbedder`, and what the sanity checks say."""
    from eval.knobs import audibility_db

    plan = embedder.plan
    test = plan.tasks["chains"]["pedalboard test"]
    pieces = {cut.piece.content: cut.piece.source for cut in plan.cuts}
    result: dict[str, Any] = {
        "task": "probes",
        "music": music,
        "sources": dict(sorted(Counter(pieces.values()).items())),
        "settings": plan.settings,
        "plan": embedder.key,
        "sizes": {t: {s: len(i) for s, i in sides.items()} for t, sides in plan.tasks.items()},
        "knob audibility (dB)": audibility_db(plan, test, embedder.folder / "audibility.json"),
        "rows": {},
    }
    for row in rows:
        start = time.perf_counter()
        figures = _kept_figures(row, embedder)
        seconds = round(time.perf_counter() - start, 1)
        result["rows"][row.name] = {**figures, "remarks": remarks(figures, plan), "seconds": seconds}
    _summarise_knobs(result)
    return result


def score(plan: Any, e: Any) -> dict[str, Any]:
    """All figures that the embeddings `(N, D)` of a plan's clips give."""
    from eval import probe_tasks

    figures: dict[str, Any] = {}
    for task in (
        probe_tasks.presence_figures,
        probe_tasks.number_and_knob_figures,
        probe_tasks.order_figures,
        probe_tasks.style_figures,
        probe_tasks.content_figures,
    ):
        figures |= task(plan, e)
    return figures


def sanity(row: Any, embedder: Any) -> dict[str, Any]:
    """R² of level and length as read from clips that differ in them: what the task's clips never do."""
    from eval.probe_tasks import leak

    plan, half = embedder.plan, SANITY_CLIPS // 2
    train, test = (_spread(plan.tasks["chains"][f"pedalboard {side}"], half) for side in ("train", "test"))
    figures = {}
    for name, embed in (("level", embedder.at_levels), ("length", embedder.at_lengths)):
        e, values = embed(row, [*train, *test])
        figures[f"reads {name}"] = leak(e, values, plan, train, test)
    return figures


def remarks(figures: dict[str, Any], plan: Any) -> list[str]:
    """What makes an embedding suspect: nothing of the effects in it, or the clip's level or length."""
    from eval.probe_plan import presence

    chance = float(presence(plan, plan.tasks["chains"]["pedalboard test"]).mean())
    found = []
    if figures["presence, pedalboard"][1] <= chance + 0.02:
        found.append("effects at chance")
        if figures["content"][1] > 3 / len(set(plan.contents(plan.tasks["chains"]["pedalboard train"]))):
            found.append("encodes content only")
    found += [f"reads the clip's {n}" for n in ("level", "length") if figures[f"reads {n}"][0] > LEAK]
    return found


def stems_of_built_in(songs: int, shortest_s: float) -> list[tuple[Any, str]]:
    """Stems of the held-out songs of the built-in corpus, of instruments that at least four songs have."""
    from eval.music import Piece
    from reprs.audio import files
    from reprs.corpora.builtin import BuiltinCorpus

    corpus = BuiltinCorpus(n_songs=songs, split="test")
    corpus.download()
    stems = [item for item in corpus.items() if item.instrument is not None]
    having = Counter(name for _, name in {(i.content, i.instrument) for i in stems})
    found = []
    for item in stems:
        duration_s = item.duration_s or files.info(item.path).duration_s
        if having[item.instrument] >= 4 and duration_s > shortest_s:
            size = Path(item.path).stat().st_size
            piece = Piece(str(item.path), item.content, item.source, item.start_s, duration_s, size)
            found.append((piece, str(item.instrument)))
    return found


def _rows(options: argparse.Namespace) -> list[Any]:
    from eval.baselines import BASELINES
    from eval.foreign import CdpamEncoder
    from eval.rows import make_rows

    rows = make_rows(options.model, untrained=not options.no_baselines)
    if not options.no_baselines:
        rows += [b for b in BASELINES if b.name not in {r.name for r in rows}]
    if options.cdpam:
        try:
            rows.append(CdpamEncoder())
        except ValueError as error:
            print(error, file=sys.stderr)
    return rows


def _kept_figures(row: Any, embedder: Any) -> dict[str, Any]:
    """The row's figures; served from the cache while embeddings and probes are what they were."""
    e = embedder(row)
    digest = hashlib.sha256(e.tobytes())
    for name in ("linear", "knobs", "probe_tasks", "probe_scores", "probe_embedding", "probes"):
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    path = embedder.folder / f"figures-{digest.hexdigest()[:16]}.json"
    if not path.exists():
        print(f"{row.name}: probing", file=sys.stderr, flush=True)
        path.write_text(json.dumps(score(embedder.plan, e) | sanity(row, embedder)))
    return json.loads(path.read_text())


def _summarise_knobs(result: dict[str, Any]) -> None:
    """The mean R² over the knobs that can be identified, for every row; names those that cannot."""
    from eval.knobs import AUDIBLE_DB

    audible = result["knob audibility (dB)"]
    result["knobs that cannot be identified"] = sorted(k for k, db in audible.items() if db < AUDIBLE_DB)
    for figures in result["rows"].values():
        for column in ("pedalboard", "ours to pedalboard"):
            named = {k: figures.get(f"knob {k}, {column}") for k, db in audible.items() if db >= AUDIBLE_DB}
            known = [f for f in named.values() if f is not None]
            if known:
                figures[f"knobs, {column}"] = sum(f[0] for f in known) / len(known)


def _spread(indices: Sequence[int], count: int) -> list[int]:
    """At most `count` of them, evenly spaced."""
    step = max(1, len(indices) // count)
    return list(indices[::step][:count])


if __name__ == "__main__":
    sys.exit(main())
