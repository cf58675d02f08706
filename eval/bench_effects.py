"""How fast the effects are: our parametric EQ against pedalboard's six filters, in one thread.

    python -m eval.bench_effects
    python -m eval.bench_effects --every-effect

16 stereo clips of 5 s at 44.1 kHz, each with knobs of its own. The two contestants take turns, and the
median of the repeats counts, in CPU seconds: other work on the machine disturbs them less than the clock.
Writes eval/results/bench_effects.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reprs.effects import registry

SAMPLE_RATE = 44_100
RESULTS = Path(__file__).parent / "results" / "bench_effects.json"
EQ = registry["parametric_eq"]


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    x, z = _clips(arguments.clips, arguments.seconds)
    result = {
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "clips": arguments.clips,
        "seconds": arguments.seconds,
        "parametric_eq": compare_eq(x, z, arguments.repeats),
    }
    if arguments.every_effect:
        result["ns_per_sample"] = {name: time_effect(name, x) for name in sorted(registry)}
    print_tables(result)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {arguments.output}")


def compare_eq(x: Tensor, z: Tensor, repeats: int) -> dict[str, dict[str, float]]:
    """Seconds, ns per sample, times real time and error in dB of `reprs` and `pedalboard`, and the ratio."""
    boards = _boards(z)
    clips = list(x.numpy())
    contestants: dict[str, Callable[[], np.ndarray]] = {
        "reprs": lambda: EQ(x, SAMPLE_RATE, z).numpy(),
        "pedalboard": lambda: np.stack(
            [board(clip, SAMPLE_RATE) for board, clip in zip(boards, clips, strict=True)]
        ),
    }
    # The same float32 knob values, everything after them in float64.
    exact = EQ.function(x.double(), SAMPLE_RATE, **EQ.from_unit(z)).numpy()
    rows = {name: {"error_db": _worst_error_db(run(), exact)} for name, run in contestants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, run in contestants.items():
            seconds[name].append(_seconds(run))
    for name, row in rows.items():
        row.update(_speeds(statistics.median(seconds[name]), x))
    rows["reprs"]["times_pedalboard"] = rows["pedalboard"]["seconds"] / rows["reprs"]["seconds"]
    return rows


def time_effect(name: str, x: Tensor) -> float:
    """Nanoseconds a sample of one effect with random knobs, the best of three."""
    effect = registry[name]
    z = torch.rand(len(x), len(effect), generator=torch.Generator().manual_seed(0))
    effect(x, SAMPLE_RATE, z)
    return min(_seconds(lambda: effect(x, SAMPLE_RATE, z)) for _ in range(3)) / x.numel() * 1e9


def print_tables(result: dict) -> None:
    print(f"{'six-band EQ':16}{'ns/sample':>12}{'× real time':>14}{'worst error':>14}")
    for name in ("reprs", "pedalboard"):
        row = result["parametric_eq"][name]
        print(
            f"{name:16}{row['ns_per_sample']:12.1f}{row['times_real_time']:14,.0f}{row['error_db']:11.0f} dB"
        )
    print(f"reprs is {result['parametric_eq']['reprs']['times_pedalboard']:.1f} times as fast as pedalboard")
    for name, ns in result.get("ns_per_sample", {}).items():
        print(f"{name:16}{ns:12.1f} ns/sample")


def _clips(count: int, seconds: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = 0.1 * torch.randn(count, 2, int(seconds * SAMPLE_RATE), generator=generator)
    return x, torch.rand(count, len(EQ), generator=generator)


def _boards(z: Tensor) -> list:
    """Pedalboard's six filters with our knobs, one board a clip."""
    import pedalboard

    kinds = {"low_shelf": pedalboard.LowShelfFilter, "high_shelf": pedalboard.HighShelfFilter}
    bands = ["low_shelf", "peak1", "peak2", "peak3", "peak4", "high_shelf"]
    knobs = EQ.from_unit(z)
    return [
        pedalboard.Pedalboard(
            [
                kinds.get(band, pedalboard.PeakFilter)(
                    cutoff_frequency_hz=float(knobs[f"{band}_hz"][i]),
                    gain_db=float(knobs[f"{band}_gain_db"][i]),
                    q=float(knobs[f"{band}_q"][i]),
                )
                for band in bands
            ]
        )
        for i in range(len(z))
    ]


def _worst_error_db(y: np.ndarray, exact: np.ndarray) -> float:
    error, level = ((y - exact) ** 2).sum(axis=(1, 2)), (exact**2).sum(axis=(1, 2))
    return float(10 * np.log10(error / level).max())


def _seconds(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def _speeds(seconds: float, x: Tensor) -> dict[str, float]:
    audio_seconds = len(x) * x.shape[2] / SAMPLE_RATE
    return {
        "seconds": seconds,
        "ns_per_sample": seconds / x.numel() * 1e9,
        "times_real_time": audio_seconds / seconds,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m eval.bench_effects",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--every-effect", action="store_true", help="also time each effect of the registry")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    with torch.no_grad():
        main()
