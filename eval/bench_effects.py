"""How fast the effects are, beside other libraries, in one thread and one process.

    python -m eval.bench_effects
    python -m eval.bench_effects --every-effect
    python -m eval.bench_effects --device cuda

Stereo clips of 5 s at 44.1 kHz, each with knobs of its own, in batches of 16 and 1; forward, and forward with
the gradient in audio and knobs. The contestants take turns and the median of the repeats counts, in CPU
seconds: other work on the machine disturbs them less than the clock. glibc is told to keep the memory it was
given, for all contestants alike: else mapping fresh pages costs as much as a compressor does.
`--default-allocator` leaves it alone. Writes table, JSON and plot to eval/results/bench_effects.*. With
`--device` ours alone runs there, compared with the CPU (see `eval.bench_device`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eval import bench_device
from eval.contestants import GRADIENT_TASKS, OURS, SAMPLE_RATE, TASKS, draw_knobs, forward, forward_backward
from reprs.effects import registry

RESULTS = Path(__file__).parent / "results"
BATCHES = (16, 1)
NAMES = ("reprs", "pedalboard", "scipy", "dasp", "grafx", "difffx")
# Of a contestant that takes longer than this for one run, fewer repeats.
SLOW_S, SLOW_REPEATS = 1.0, 3
# Hand-written C, rows in SIMD lanes, on another day and another machine of this kind: × pedalboard.
LANES_IN_C = {"eq": 37, "compressor": 38, "reverb": 22, "eq–compressor–distortion–reverb–gain": 13.5}


# Read by glibc when a process starts.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**34)}


def main() -> None:
    arguments = _arguments()
    if arguments.device is not None:
        try:
            bench_device.run(
                arguments.device, BATCHES, arguments.seconds, arguments.repeats, arguments.output
            )
        except (ValueError, RuntimeError) as error:
            sys.exit(f"bench_effects: {str(error).splitlines()[0]}")
        return
    keeps = all(os.environ.get(name) == value for name, value in KEEP_MEMORY.items())
    if sys.platform == "linux" and not (keeps or arguments.default_allocator):
        command = [sys.executable, "-m", "eval.bench_effects", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | KEEP_MEMORY)
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "seconds": arguments.seconds,
        "repeats": arguments.repeats,
        "allocator keeps memory": keeps,
        "lanes in C, × pedalboard": LANES_IN_C,
        "eq worst error_db": worst_eq_error_db(_clips(16, arguments.seconds), draw_knobs(16)["eq"]),
        "measured": [],
    }
    for batch in BATCHES:
        x, knobs = _clips(batch, arguments.seconds), draw_knobs(batch)
        result["measured"].append(
            _row("copy in and out", "forward", batch, {"reprs": x.clone}, {}, x, arguments)
        )
        for name, task in TASKS.items():
            with torch.no_grad():
                row = _row(name, "forward", batch, *forward(task, x, knobs), x, arguments)
            result["measured"].append(row)
        for name, task in GRADIENT_TASKS.items():
            contestants, left_out = forward_backward(task, x, knobs)
            result["measured"].append(
                _row(name, "forward + backward", batch, contestants, left_out, x, arguments)
            )
    if arguments.every_effect:
        x = _clips(16, arguments.seconds)
        result["ns_per_sample"] = {name: time_effect(name, x) for name in sorted(registry)}
    print(text(result))
    result["rows"] = {_label(row): _figures(row) for row in result["measured"]}
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "bench_effects.json").write_text(json.dumps(result, indent=2) + "\n")
    plot(result).savefig(arguments.output / "bench_effects.png", dpi=120)
    print(f"wrote {arguments.output / 'bench_effects.json'} and its picture")


def compare(contestants: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median CPU seconds of every contestant, which take turns."""
    first = {name: _seconds(run) for name, run in contestants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for i in range(repeats):
        for name, run in contestants.items():
            if first[name] < SLOW_S or i < SLOW_REPEATS:
                seconds[name].append(_seconds(run))
    return {name: statistics.median(measured) for name, measured in seconds.items()}


def worst_eq_error_db(x: Tensor, z: Tensor) -> float:
    """Of the float32 equaliser over a batch, against the same knobs with everything after them in float64."""
    eq = OURS["eq"]
    exact = eq.function(x.double(), SAMPLE_RATE, **eq.from_unit(z))
    with torch.no_grad():
        error = (eq(x, SAMPLE_RATE, z) - exact).square().sum((1, 2)) / exact.square().sum((1, 2))
    return float(10 * error.log10().max())


def time_effect(name: str, x: Tensor) -> float:
    """Nanoseconds a sample of one effect with random knobs, the best of three."""
    effect = registry[name]
    z = torch.rand(len(x), len(effect), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        effect(x, SAMPLE_RATE, z)
        return min(_seconds(lambda: effect(x, SAMPLE_RATE, z)) for _ in range(3)) / x.numel() * 1e9


def text(result: dict[str, Any]) -> str:
    """The table as Markdown: × real time of every contestant, and ours relative to each other one."""
    names = [name for name in NAMES if any(name in row["× real time"] for row in result["measured"])]
    lines = [
        "| task | batch | " + " | ".join(f"{n}, × real time" for n in names) + " | reprs is faster by |",
        "| --- " * (len(names) + 3) + "|",
    ]
    for row in result["measured"]:
        speeds = [f"{row['× real time'][n]:,.0f}" if n in row["× real time"] else "–" for n in names]
        ratios = ", ".join(f"{ratio:.1f} × {n}" for n, ratio in row["reprs is × as fast as"].items())
        lines.append(f"| {row['task']}, {row['mode']} | {row['batch']} | {' | '.join(speeds)} | {ratios} |")
    reasons = sorted({f"{n}: {why}" for row in result["measured"] for n, why in row["left out"].items()})
    lines += ["", f"EQ, float32 against float64: {result['eq worst error_db']:.0f} dB at worst.", *reasons]
    lines += [f"{name}: {ns:.1f} ns a sample" for name, ns in result.get("ns_per_sample", {}).items()]
    return "\n".join(lines)


def _label(row: dict[str, Any]) -> str:
    return f"{row['task']}, {row['mode']}, batch of {row['batch']}"


def _figures(row: dict[str, Any]) -> dict[str, float]:
    ratios = {f"reprs is × {name}": ratio for name, ratio in row["reprs is × as fast as"].items()}
    return {f"{name}, × real time": speed for name, speed in row["× real time"].items()} | ratios


def plot(result: dict[str, Any]) -> Any:
    """Bars of × real time on a logarithmic axis, batches of 16."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in result["measured"] if row["batch"] == max(BATCHES)]
    figure, axes = pyplot.subplots(figsize=(9, 0.55 * len(rows) + 1.2), layout="constrained")
    names = [name for name in NAMES if any(name in row["× real time"] for row in rows)]
    height = 0.8 / len(names)
    for k, name in enumerate(names):
        places = [
            i + (k - (len(names) - 1) / 2) * height
            for i, row in enumerate(rows)
            if name in row["× real time"]
        ]
        speeds = [row["× real time"][name] for row in rows if name in row["× real time"]]
        axes.barh(places, speeds, height=height, label=name)
    axes.set_yticks(range(len(rows)), [f"{row['task']}\n{row['mode']}" for row in rows], fontsize=8)
    axes.set(xscale="log", xlabel="× real time, 16 stereo clips, one thread")
    axes.invert_yaxis()
    axes.legend()
    return figure


def _row(
    name: str,
    mode: str,
    batch: int,
    contestants: dict[str, Callable[[], Any]],
    left_out: dict[str, str],
    x: Tensor,
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    seconds = compare(contestants, arguments.repeats)
    audio_s = len(x) * x.shape[2] / SAMPLE_RATE
    return {
        "task": name,
        "mode": mode,
        "batch": batch,
        "ns per sample": {n: round(s / x.numel() * 1e9, 3) for n, s in seconds.items()},
        "× real time": {n: round(audio_s / s, 1) for n, s in seconds.items()},
        "reprs is × as fast as": {
            n: round(s / seconds["reprs"], 2) for n, s in seconds.items() if n != "reprs"
        },
        "left out": left_out,
    }


def _clips(count: int, seconds: float) -> Tensor:
    return 0.1 * torch.randn(count, 2, int(seconds * SAMPLE_RATE), generator=torch.Generator().manual_seed(0))


def _seconds(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m eval.bench_effects",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", help="cuda, or another device of torch: time ours there")
    parser.add_argument("--every-effect", action="store_true", help="also time each effect of the registry")
    parser.add_argument("--default-allocator", action="store_true", help="do not tell glibc to keep memory")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    main()
