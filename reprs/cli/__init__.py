"""The command line: a verb is a few lines over the module that does its work, imported when it runs."""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence

from reprs.cli.answer import DONE, INTERRUPTED, UNUSABLE
from reprs.cli.judging import EVAL_TASKS, judge
from reprs.cli.parser import RECIPE_VERBS, make_parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; 0 done, 1 some inputs failed and were listed, 2 unusable call."""
    args = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file name may hold what this terminal's encoding lacks
            stream.reconfigure(errors="backslashreplace")
    # A file's name may hold letters that a plot's font lacks: the picture has a box there.
    warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
    try:
        return _run(args)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return DONE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, OSError) as error:
        print(f"reprs {args[0]}: {' '.join(str(error).split())}", file=sys.stderr)
        return UNUSABLE


def _run(args: list[str]) -> int:
    if args and args[0] in RECIPE_VERBS:
        return importlib.import_module("reprs.training.cli").main(args)
    if len(args) > 1 and args[0] == "eval" and args[1] in EVAL_TASKS:
        return judge(args[1], args[2:])
    if args and args[0] == "eq" and any(a == "--apply" or a.startswith("--apply=") for a in args):
        args = ["eq", "", *args[1:]]  # the prompt is in the saved setting; all that is named is files
    parser = make_parser()
    call = parser.parse_args(args)
    if call.run is None:
        parser.print_help()
        return UNUSABLE
    return call.run(call)
