"""Average the weights of several checkpoints of one recipe into one (Wortsman 2022, "Model soups").

    python -m reprs.training.average runs/a/effect runs/b/effect -o runs/averaged/effect

Two stages of one training, the second started from the first, lie in one basin: their average has been better
than either.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from reprs.models import hub


def average(models: Sequence[torch.nn.Module]) -> dict[str, Tensor]:
    """The mean of the models' weights and running statistics; counters are the first's.

    Raises ValueError unless all are of one class and configuration.
    """
    kinds = {(type(m).__name__, str(m.config)) for m in models}
    if len(models) < 2 or len(kinds) > 1:
        raise ValueError("an average takes two checkpoints or more, of one class and configuration")
    states = [m.state_dict() for m in models]
    return {
        name: torch.stack([s[name] for s in states]).mean(0) if first.is_floating_point() else first
        for name, first in states[0].items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m reprs.training.average", description=__doc__)
    parser.add_argument("checkpoints", nargs="+", help="names or paths")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, help="where to: NAME.safetensors and NAME.json"
    )
    parser.add_argument("--force", action="store_true", help="overwrite")
    options = parser.parse_args(argv)
    try:
        if options.out.with_suffix(".safetensors").exists() and not options.force:
            raise ValueError(f"{options.out} exists: choose another name, or --force")
        models = [hub.load(name) for name in options.checkpoints]
        models[0].load_state_dict(average(models))
        parents = [m.metadata | {"model_hash": m.model_hash} for m in models]
        hub.save(models[0], options.out, {"recipe": parents[0]["recipe"], "average_of": parents})
    except (ValueError, OSError) as error:
        print(f"reprs.training.average: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
