"""Several valid mixes: are they valid, do they follow the style, and are they as different as they should be?

    reprs eval mixgen                                     # the shipped `mixgen` against its rivals
    reprs eval mixgen --parts truth                       # a known truth alone: learns for some minutes
    reprs eval mixgen --parts curve --role train          # to choose by: on pieces that training keeps back
    reprs eval mixgen --parts validity calibration --songs 24 --model runs/mixgen/mixgen

truth: songs with three valid settings by construction; rows learn it from one mix a song. finished: settings
of finished music that training kept back. validity: unseen
songs with several references of known settings, each another part of the song: the sampled mixes of all
references against valid ones of the same songs, alone and beside their references (Fréchet, MMD, coverage,
density), and how near one mix and the best of eight come to the target (the best by the measure that is
shown). calibration: do 80 % intervals hold the true knobs? curve: guidance and temperature. words: do mixes
follow a text? Encoders that judge: `timbre` and mixing features, as the generator hears with an `effect`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from eval import called

CHOICE = "pieces that training kept back"
# Songs on which intervals are counted: each has 49 settings drawn by every row, for two references.
CALIBRATED = 24
PARTS = ("truth", "finished", "validity", "calibration", "curve", "words")


def arguments() -> argparse.ArgumentParser:
    parser = called.parser("mixgen", __doc__)
    parser.add_argument("--model", default="mixgen", metavar="NAME_OR_PATH")
    parser.add_argument("--rivals", default="eval/rivals/mixgen", metavar="PATH", help="learned beside it")
    parser.add_argument("--controller", default="controller", metavar="NAME_OR_PATH", help="'' leaves it out")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument("--songs", type=int, default=80, help="unseen songs (default 80)")
    parser.add_argument("--role", choices=("test", "train"), default="test", help=f"train: {CHOICE}")
    parser.add_argument("--samples", type=int, default=8, help="references and mixes a song (default 8)")
    parser.add_argument("--length-s", type=float, default=3.0, metavar="S", help="of a mix (default 3)")
    parser.add_argument("--steps", type=int, default=4000, help="of learning the known truth (default 4000)")
    parser.add_argument("--only", nargs="+", default=(), metavar="ROW", help="these rows")
    called.add_seed(parser, "songs, settings and mixes")
    called.add_out(parser)
    return parser


@called.one_line("mixgen")
def main(argv: Sequence[str] | None = None) -> int:
    """Judge, print the tables, write JSON, leave what is not asked for; 0 done, 2 unusable call."""
    options = arguments().parse_args(argv)
    from eval.report import rounded

    out = called.folder(options)
    path = out / "mixgen.json"
    result = json.loads(path.read_text()) if path.is_file() else {"task": "mixgen", "commands": {}}
    for part, found in judge(options):
        for title, rows in found.items():
            title += f", {CHOICE}" if options.role == "train" else ""
            result[title] = {**(result.get(title, {}) if options.only else {}), **rows}
        name = ", ".join([part, *options.only, *([CHOICE] if options.role == "train" else [])])
        result["commands"] |= {name: called.command("mixgen", argv)}
        result["command"] = "; ".join(dict.fromkeys(result["commands"].values()))
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rounded(result), indent=1, ensure_ascii=False) + "\n")
        _print(found)
    called.name([path], out)
    return 0


def judge(options: argparse.Namespace) -> Any:
    """Yields every part that is asked for, with its tables, as they are done."""
    if options.songs < 8 or options.samples < 4 or options.length_s < 1:
        raise ValueError("--songs is at least 8, --samples 4, --length-s 1")
    # Before the known truth, which takes minutes: a checkpoint that is missing is named at once.
    models = _models(options) if set(options.parts) - {"truth"} else None
    if "truth" in options.parts:
        from eval.known_truth_rows import rows

        yield "truth", {"known truth": rows(options.steps, options.seed, tuple(options.only))}
    if models and "finished" in options.parts:
        yield "finished", {"finished music, pieces that training kept back": _finished(options, *models[:2])}
    others = [part for part in options.parts if part not in ("truth", "finished")]
    if models and others:
        yield from _on_songs(options, others, *models)


def _models(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    """The generator, its rivals and the controller; the last two may be None."""
    from reprs.models import hub

    others = (hub.load(name) if name else None for name in (options.rivals, options.controller))
    return hub.load(options.model), *others


def _finished(options: argparse.Namespace, generator: Any, rivals: Any) -> Any:
    from eval.mixgen_finished import finished
    from eval.mixgen_rows import make_rows

    rows = make_rows(generator, rivals, None)
    deaf = ("random knobs", "the prior again")  # they ask for the audio
    wanted = [r for r in rows if r.name not in deaf and r.name in (options.only or [r.name])]
    return finished(wanted, generator.ears, options.seed)


def _on_songs(
    options: argparse.Namespace, parts: Sequence[str], generator: Any, rivals: Any, controller: Any
) -> Any:
    from eval import mixgen_calibration, mixgen_rows, mixgen_scores, mixgen_songs
    from eval.mix_measures import Ears, Meters
    from eval.mixgen_judges import Judge
    from eval.rows import make_row
    from reprs.models import hub

    count, seed = options.samples, options.seed
    cases = mixgen_songs.make_cases(options.role, options.songs, count, options.length_s, seed)
    heard = mixgen_rows.heard(generator, cases)
    rows = mixgen_rows.make_rows(generator, rivals, controller)
    rows = [row for row in rows if not options.only or row.name in options.only]
    meters = Meters([trial.target for case in cases for trial in case.others if trial.target is not None])
    meters.name = "mixing features"
    ears = [Ears(make_row("timbre")), meters]
    judges = [Judge(e, cases) for e in ears] if {"validity", "curve"} & set(parts) else []
    if "calibration" in parts:
        some = [h for song in heard[:CALIBRATED] for h in song[: mixgen_scores.REFERENCES]]
        yield "calibration", {"calibration": mixgen_calibration.calibration(some, rows, seed)}
    if "validity" in parts:
        yield "validity", {"validity": mixgen_scores.score(heard, rows, judges, count, seed)}
    if "curve" in parts:
        yield (
            "curve",
            {"guidance and temperature": mixgen_scores.curve(generator, heard, judges, count, seed)},
        )
    if "words" in parts:
        first = [song[0] for song in heard[:8]]
        yield "words", {"words": mixgen_scores.words(generator, first, hub.load("timbre"), seed)}


def _print(found: dict[str, Any]) -> None:
    from eval.report import cell

    for title, rows in found.items():
        print(f"\n{title}")
        for name, figures in rows.items():
            shown = {k: " to ".join(map(cell, v)) if _is_range(v) else cell(v) for k, v in figures.items()}
            print(f"  {name}: {'; '.join(f'{k} {v}' for k, v in shown.items())}")


def _is_range(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2


if __name__ == "__main__":
    sys.exit(main())
