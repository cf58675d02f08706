"""The main job from end to end on the built-in corpus, for `make run`.

    python -m eval.demo            # a second call shows the finished report at once
    python -m eval.demo --force    # does all of it again

It trains, embeds, indexes, searches, judges and reports. All it makes lies in runs/demo: the encoder
(demo.safetensors), its curve, held-out clips, a FAISS index of them, result.json and report.html.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FORMAT = 1
CONFIGS = ("configs/effect.yaml", "eval/demo.yaml")
OUT = Path("runs/demo")  # where eval/demo.yaml has the training write
SEED = 0
EXAMPLES = 3
STEPS = 5


def main(argv: Sequence[str] | None = None, out: Path = OUT) -> int:
    """Do what is not done yet; 0 when the report is there."""
    parser = argparse.ArgumentParser(
        prog="make run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--force", action="store_true", help="do everything again")
    options = parser.parse_args(argv)
    finished = out / "result.json"
    made_from = _made_from(out)
    if finished.exists() and not options.force:
        result = json.loads(finished.read_text())
        if result["made_from"] == made_from:
            return _show(result, out, "finished earlier; python -m eval.demo --force does it again")
    try:
        result = run(out, options.force)
    except KeyboardInterrupt:
        print("interrupted; the next make run goes on from the last finished step", file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError) as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    finished.write_text(json.dumps(result | {"made_from": _made_from(out)}, indent=1))
    return _show(result, out, f"took {result['minutes']:.1f} minutes")


def run(out: Path, force: bool) -> dict[str, Any]:
    """All steps in order; a training that is complete is not repeated unless `force`."""
    start = time.monotonic()
    _say(1, "compose the built-in corpus")
    music, pieces = _songs()
    _say(2, "train a small encoder for a few minutes")
    recipe, trained = _hash_of(*CONFIGS), out / "trained"
    if force or not trained.exists() or trained.read_text() != recipe:
        _train(out)
        trained.write_text(recipe)
    _say(3, "play effect chains over songs that training did not hear")
    embedder = _held_out(pieces)
    _say(4, "compare the encoders with each other and with statistics")
    models, rows = _rows(out, embedder)
    from eval.retrieval import compare

    result = compare(rows, embedder, music)
    _say(5, "index the held-out clips, search them, write the report")
    _report(result, models, rows, embedder, out, start)
    return result


def _songs() -> tuple[str, list[Any]]:
    """The held-out songs; the number of all songs is the training's."""
    import yaml

    from eval.music import held_out_songs
    from eval.plan import PREROLL_S

    (corpus,) = yaml.safe_load(Path(CONFIGS[1]).read_text())["data"]["init_args"]["corpora"]
    return held_out_songs(corpus["options"]["n_songs"], 3.0 + PREROLL_S[1])


def _train(out: Path) -> None:
    """`reprs fit`, in a process of its own as from a shell."""
    call = ["fit", *(part for config in CONFIGS for part in ("-c", config)), "--force"]
    print("$ reprs", *call, flush=True)
    done = subprocess.run([Path(sys.executable).with_name("reprs"), *call], check=False)
    if done.returncode or not (out / "demo.safetensors").exists():
        raise RuntimeError("the training above ended without an encoder; its last message says why")


def _held_out(pieces: list[Any]) -> Any:
    from eval.embedding import Embedder
    from eval.plan import Sizes, make_plan

    sizes = Sizes(groups=6, groups_by_count=5, gallery=128, reference=60)
    return Embedder(make_plan(pieces, sizes, SEED))


def _rows(out: Path, embedder: Any) -> tuple[list[Any], list[Any]]:
    """The models (the shipped one where there is one), and all rows of the table."""
    import reprs
    from eval.rows import Model, make_rows

    trained, untrained = make_rows([str(out / "demo.safetensors")], untrained=True)
    trained.name = "trained just now"
    models = [trained]
    try:
        models.append(Model("shipped: effect", reprs.load("effect")))
    except ValueError as error:
        print(f"without the shipped encoder: {error}", file=sys.stderr)
    return models, [*models, untrained, *embedder.standardised_baselines()]


def _report(
    result: dict[str, Any], models: list[Any], rows: list[Any], embedder: Any, out: Path, start: float
) -> None:
    """Search with every model, draw the maps, and write the page; adds `minutes` to the result."""
    from eval.listening import search_examples
    from eval.page import write_page

    examples = search_examples(models, embedder, out, EXAMPLES)
    result["minutes"] = round((time.monotonic() - start) / 60, 2)
    write_page(out / "report.html", result, examples, rows, embedder)


def _show(result: dict[str, Any], out: Path, remark: str) -> int:
    from eval.report import print_table

    print_table(result)
    print(f"\n{out / 'report.html'} ({remark})")
    return 0


def _say(step: int, what: str) -> None:
    print(f"\n[{step}/{STEPS}] {what}", file=sys.stderr, flush=True)


def _made_from(out: Path) -> str:
    """What the report depends on: configs, the encoder trained here, the shipped one."""
    return _hash_of(*CONFIGS, out / "demo.safetensors", "checkpoints/effect.safetensors")


def _hash_of(*paths: str | Path) -> str:
    digest = hashlib.sha256(str(FORMAT).encode())
    for path in map(Path, paths):
        digest.update(path.read_bytes() if path.exists() else b"none")
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
