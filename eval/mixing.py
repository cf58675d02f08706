"""Mixes and matches like a reference, on songs and recordings that no controller was trained on.

    reprs eval mixing                              # the shipped `controller` against the baselines
    reprs eval mixing --quick                      # fewer and shorter trials, under three minutes
    reprs eval mixing --model                      # the baselines alone
    reprs eval mixing --model runs/controller/controller.safetensors --refine 100 --seed 1

Match: one recording (finished music, a single stem) is to sound like a reference: another part of the
piece, or another piece, through a chain of effects. Mix: the stems of a song are to be mixed like another
part of the song, or like a mix of another song. The chains are pedalboard's, or settings of our console. What
came out is compared with the tracks through the same chain (STFT: multi-resolution, on mid and side; mel and
stereo in dB; loudness, crest) and by encoders; mixes like another song with their reference alone. Trials
whose target and reference differ by more than 6 LU are left out. Found: the same stems, known settings of our
console; which are found again?
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval import called

# Encoders that judge: the one that controllers listen with, and others.
EARS = ("effect", "timbre")


def arguments() -> argparse.ArgumentParser:
    parser = called.parser("mixing", __doc__)
    called.add_checkpoints(parser, "controller")
    parser.add_argument("--refine", type=int, metavar="STEPS", help="steps of refinement; 0 leaves it out")
    parser.add_argument("--ears", nargs="+", default=list(EARS), metavar="MODEL", help="encoders that judge")
    parser.add_argument("--trials", type=int, metavar="N", help="trials a task (default 16; 4 with --quick)")
    parser.add_argument(
        "--found",
        type=int,
        metavar="N",
        help="trials of known settings (default 50; 4); 0: as the file has them",
    )
    parser.add_argument("--length-s", type=float, metavar="S", help="length of a trial (default 6; 4)")
    parser.add_argument(
        "--refined",
        type=int,
        nargs=2,
        default=(None, None),
        metavar=("N", "M"),
        help="refine the first N trials of each task, M of each kind of known settings (default all)",
    )
    called.add_quick(parser, "few and short trials")
    parser.add_argument(
        "--only-found",
        choices=("recording", "stems"),
        help="known settings alone, of one recording or of stems; the file's other figures stay",
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that find known settings")
    called.add_seed(parser, "songs, places, chains and settings")
    called.add_out(parser)
    return parser


@called.one_line("mixing")
def main(argv: Sequence[str] | None = None) -> int:
    """Judge, print the tables, write JSON and plot; 0 when done, 2 for an unusable call."""
    options = arguments().parse_args(argv)
    out = called.folder(options)
    result = judge(options)
    from eval.mix_report import print_tables, save

    command = called.command("mixing", argv)
    if options.only_found:
        result = beside_others(result, command, out / "mixing.json")
    else:
        result["command"] = command
        result = result if options.found != 0 else known_before(out / "mixing.json") | result
    print_tables(result)
    called.name(save(result, out), out)
    return 0


def judge(options: argparse.Namespace) -> dict[str, Any]:
    """Every figure of every row the options ask for, as data for JSON."""
    from eval.mix_controllers import controllers
    from eval.mix_measures import Ears, Meters
    from eval.mix_recovery import recovery
    from eval.mix_rows import baselines
    from eval.mix_scores import leads, score
    from eval.mix_trials import known_settings, make_tasks
    from eval.rows import make_row

    sizes = _sizes(options)
    rows, missing = baselines(options.seed)
    ours, finding = (controllers(options.model, options.refine, most) for most in options.refined)
    known = known_settings(sizes["found"], sizes["length_s"], options.seed) if sizes["found"] else []
    if options.only_found:
        asked = (task for task in known if task.name.endswith(options.only_found))
        return {task.name: recovery(task, [*rows[-2:], *finding], jobs=options.jobs) for task in asked}
    judges = [Ears(make_row(spec)) for spec in options.ears]
    tasks = make_tasks(sizes["trials"], sizes["length_s"], options.seed)
    judges.append(Meters([t.reference for task in tasks for t in task.trials]))
    result: dict[str, Any] = {"task": "mixing", "settings": sizes | {"seed": options.seed}}
    if missing:
        result["left out"] = missing
    scores = {task.name: score(task, [*rows, *ours], judges) for task in tasks}
    result["trials"] = {name: len(each.contents) for name, each in scores.items()}
    result |= {name: each.figures for name, each in scores.items()}
    if ours:
        result["leads"] = leads(scores, ours[-1].name, judges)
        result["leads before refinement"] = leads(scores, ours[0].name, judges)
    result |= {task.name: recovery(task, [*rows[-2:], *finding], jobs=options.jobs) for task in known}
    return result


def beside_others(found: dict[str, Any], command: str, path: Path) -> dict[str, Any]:
    """What was found of known settings in place of what a file said of it; the rest as it stands there."""
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"task": "mixing"}
    commands = known.get("commands", {}) | dict.fromkeys(found, command)
    return known | found | {"commands": commands}


def known_before(path: Path) -> dict[str, Any]:
    """What a file says of known settings, and by which command."""
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return {name: each for name, each in known.items() if name == "commands" or name.startswith("found")}


def _sizes(options: argparse.Namespace) -> dict[str, Any]:
    usual = {"trials": 4, "found": 4, "length_s": 4.0} if options.quick else None
    usual = usual or {"trials": 16, "found": 50, "length_s": 6.0}
    given = {name: getattr(options, name) for name in usual}
    sizes = {name: usual[name] if value is None else value for name, value in given.items()}
    if sizes["trials"] < 2 or sizes["found"] == 1 or not 1 <= sizes["length_s"] <= 14:
        raise ValueError("--trials is at least 2, --found 0 or at least 2, --length-s from 1 to 14")
    if options.jobs < 1:
        raise ValueError("--jobs is at least 1")
    return sizes


if __name__ == "__main__":
    sys.exit(main())
