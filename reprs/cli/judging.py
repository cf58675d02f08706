"""`eval`: forwards to the evaluation code beside the package, which a wheel does not have."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

EVAL_TASKS = ("retrieval", "text_retrieval", "text_eq", "probes", "hear", "quality", "mixing", "mixgen")


def judge(task: str, args: list[str]) -> int:
    """Run a task with its own options; raises `ValueError` where there is no evaluation code."""
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / "eval" / f"{task}.py").is_file():
        raise ValueError("the wheel has no evaluation code: clone the reprs repository and run it there")
    if str(checkout) not in sys.path:
        sys.path.insert(0, str(checkout))
    return importlib.import_module(f"eval.{task}").main(args)
