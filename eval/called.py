"""What the calls of all tasks have in common: their options, the line of a refusal, and where results go."""

from __future__ import annotations

import argparse
import functools
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

# Results of the record, and those of quick looks and of one's own music, which never take their place.
RECORD, LOOKS = Path("eval/results"), Path("runs/eval")
SHORTEST_S = 0.1
LOOKING = ("quick", "music", "kept_back")
EMBEDDING = (
    "a name, path or hub id; features:NAME; hear:MODULE[:WEIGHTS]; py:FILE:FUNCTION; "
    "mfcc, log-mel, mixing, untrained, cdpam"
)
CHECKPOINTS = "shipped names, paths or hub ids; none leaves the baselines alone"
Main = Callable[[Sequence[str] | None], int]


def parser(task: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of `reprs eval TASK`, whose help begins with the module's docstring."""
    return argparse.ArgumentParser(
        prog=f"reprs eval {task}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_embeddings(parser: argparse.ArgumentParser, *default: str, what: str = "") -> None:
    """`--model`: at least one of any embedding that `eval.rows.make_row` knows."""
    parser.add_argument(
        "--model", nargs="+", default=list(default), metavar="MODEL", help=_default(what + EMBEDDING, default)
    )


def add_checkpoints(parser: argparse.ArgumentParser, *default: str) -> None:
    """`--model`: any number of checkpoints of ours."""
    parser.add_argument(
        "--model",
        nargs="*",
        default=list(default),
        metavar="NAME_OR_PATH",
        help=_default(CHECKPOINTS, default),
    )


def add_music(parser: argparse.ArgumentParser) -> None:
    """`--music` and `--kept-back`: what is judged on instead of the music of the record."""
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--music", type=Path, metavar="FOLDER", help="judge on this folder of audio instead")
    kept_back = "judge on pieces kept back from the training packages instead: to choose by, not to report"
    instead.add_argument("--kept-back", action="store_true", help=kept_back)


def add_quick(parser: argparse.ArgumentParser, how: str) -> None:
    parser.add_argument("--quick", action="store_true", help=how)


def add_seed(parser: argparse.ArgumentParser, draws: str) -> None:
    parser.add_argument("--seed", type=int, default=0, help=f"draws {draws} (default 0)")


def add_clip_s(parser: argparse.ArgumentParser, default_s: float) -> None:
    what = f"length of a clip (default {default_s:g})"
    parser.add_argument("--clip-s", type=float, default=default_s, metavar="S", help=what)


def clip_s(options: argparse.Namespace) -> float:
    """The length that was asked for; raises `ValueError` where encoders would refuse it."""
    length_s: float = options.clip_s
    if not length_s >= SHORTEST_S:
        raise ValueError(f"--clip-s is at least {SHORTEST_S:g}")
    return length_s


def add_no_baselines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-baselines", action="store_true", help="only the models")


def add_out(parser: argparse.ArgumentParser) -> None:
    """`-o`, the last option: its help names those before it that move the results."""
    known = [a.option_strings[0] for a in parser._actions if a.dest in LOOKING]
    where = f"default {RECORD}" + (f", or {LOOKS} with {' or '.join(known)}" if known else "")
    parser.add_argument("-o", "--out", type=Path, metavar="FOLDER", help=where)


def folder(options: argparse.Namespace) -> Path:
    """Where the results go; raises `ValueError` before the work where that cannot be a folder."""
    look = any(getattr(options, name, None) for name in LOOKING)
    found: Path = options.out or (LOOKS if look else RECORD)
    above = next(p for p in (found, *found.absolute().parents) if p.exists())
    if not above.is_dir():
        raise ValueError(f"{found}: {above} is a file: name a folder with -o")
    return found


def command(task: str, argv: Sequence[str] | None) -> str:
    """The call as it is typed, for the record."""
    return shlex.join(["reprs", "eval", task, *(sys.argv[1:] if argv is None else argv)])


def name(paths: Iterable[Path], out: Path) -> None:
    """Print what was written, and bring docs/results.md up to date where it is of the record."""
    from eval.results_page import RESULTS, write_page

    for path in paths:
        print(path)
    if out.resolve() == RESULTS:
        print(write_page())


def one_line(task: str) -> Callable[[Main], Main]:
    """A `main` that answers an unusable call with one line and 2."""

    def wrap(main: Main) -> Main:
        @functools.wraps(main)
        def run(argv: Sequence[str] | None = None) -> int:
            try:
                return main(argv)
            except (ValueError, OSError, RuntimeError) as error:
                return refuse(task, error)

        return run

    return wrap


def refuse(task: str, error: Any) -> int:
    """Say in one line why a call, or a part of it, is not usable; 2."""
    print(f"reprs eval {task}: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def _default(text: str, default: Sequence[str]) -> str:
    return f"{text} (default {' '.join(default)})"
