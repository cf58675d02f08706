"""Several valid mixes: are they valid, do they follow the style, and are they as different as they should be?

    reprs eval mixgen                                     # the shipped `mixgen` against its rivals
    reprs eval mixgen --parts truth                       # a known truth alone: learns for some minutes
    reprs eval mixgen --parts validity calibration --songs 24 --model runs/mixgen/mixgen

truth: songs with three valid settings by construction; rows learn it from one mix a song. validity: unseen
songs with known settings, the reference being another part of the song: sets of sampled mixes against the
valid ones (Fréchet, MMD, coverage, density), and how near one and the best of eight come to the target.
calibration: do 80 % intervals hold the true knobs? curve: guidance and temperature. words: do mixes follow
a text? Encoders that judge: `timbre` and mixing features; `effect` is what the generator hears with.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PARTS = ("truth", "validity", "calibration", "curve", "words")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reprs eval mixgen", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="mixgen", metavar="NAME_OR_PATH")
    parser.add_argument("--rivals", default="eval/rivals/mixgen", metavar="PATH", help="learned beside it")
    parser.add_argument("--controller", default="controller", metavar="NAME_OR_PATH", help="'' leaves it out")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument("--songs", type=int, default=48, help="unseen songs (default 48)")
    parser.add_argument("--samples", type=int, default=8, help="mixes a song (default 8)")
    parser.add_argument("--length-s", type=float, default=4.0, metavar="S", help="of a mix (default 4)")
    parser.add_argument("--steps", type=int, default=1500, help="of learning the known truth (default 1500)")
    parser.add_argument("--only", nargs="+", default=(), metavar="ROW", help="these rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, default=Path("eval/results"), metavar="FOLDER")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Judge, print the tables, write JSON, leave what is not asked for; 0 done, 2 unusable call."""
    options = arguments().parse_args(argv)
    path = options.out / "mixgen.json"
    try:
        result = json.loads(path.read_text()) if path.is_file() else {"task": "mixgen", "commands": {}}
        command = shlex.join(["reprs", "eval", "mixgen", *(sys.argv[3:] if argv is None else argv)])
        for part, found in judge(options):
            for title, rows in found.items():
                result[title] = {**(result.get(title, {}) if options.only else {}), **rows}
            result["commands"] |= {f"{part}, {' '.join(options.only)}" if options.only else part: command}
            result["command"] = "; ".join(dict.fromkeys(result["commands"].values()))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
            _print(found)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"reprs eval mixgen: {error}", file=sys.stderr)
        return 2
    print(path)
    return 0


def judge(options: argparse.Namespace) -> Any:
    """Yields every part that is asked for, with its tables, as they are done."""
    if options.songs < 8 or options.samples < 2 or options.length_s < 1:
        raise ValueError("--songs is at least 8, --samples 2, --length-s 1")
    if "truth" in options.parts:
        from eval.known_truth_rows import rows

        yield "truth", {"known truth": rows(options.steps, options.seed, tuple(options.only))}
    others = [part for part in options.parts if part != "truth"]
    if others:
        yield from _on_songs(options, others)


def _on_songs(options: argparse.Namespace, parts: Sequence[str]) -> Any:
    from eval import mixgen_rows, mixgen_scores
    from eval.mix_measures import Ears, Meters
    from eval.rows import make_row
    from reprs.models import hub

    generator = hub.load(options.model)
    rivals = hub.load(options.rivals) if options.rivals else None
    controller = hub.load(options.controller) if options.controller else None
    trials = mixgen_rows.make_trials(options.songs, options.length_s, options.seed)
    heard = mixgen_rows.heard(generator, trials)
    rows = mixgen_rows.make_rows(generator, rivals, controller)
    rows = [row for row in rows if not options.only or row.name in options.only]
    meters = Meters([h.trial.target for h in heard if h.trial.target is not None])
    meters.name = "mixing features"
    judges = [Ears(make_row("timbre")), meters, Ears(make_row("effect"))]
    count, seed = options.samples, options.seed
    if "calibration" in parts:
        yield "calibration", {"calibration": mixgen_scores.calibration(heard, rows, seed)}
    if "validity" in parts:
        yield "validity", {"validity": mixgen_scores.score(heard, rows, judges, count, seed)}
    if "curve" in parts:
        some = heard[: max(8, len(heard) // 2)]
        yield "curve", {"guidance and temperature": mixgen_scores.curve(generator, some, judges[:2], 2, seed)}
    if "words" in parts:
        yield "words", {"words": mixgen_scores.words(generator, heard[:8], hub.load("timbre"), seed)}


def _print(found: dict[str, Any]) -> None:
    for title, rows in found.items():
        print(f"\n{title}")
        for name, figures in rows.items():
            cells = "; ".join(f"{k} {_cell(v)}" for k, v in figures.items())
            print(f"  {name}: {cells}")


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(f"{v:.3f}" for v in value)
    return f"{value:.4g}"


if __name__ == "__main__":
    sys.exit(main())
