"""The chain of `eval.bench_effects` on a device: how fast, and how near to the CPU's result.

Clips and knobs stay on the device and the clock is the wall's: every measurement waits for the device before
it starts and after it ends, the first runs (compilation, plans, memory) do not count, and the median of the
rest does.
"""

from __future__ import annotations

import functools
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eval.contestants import OURS, SAMPLE_RATE, TASKS, draw_knobs
from reprs.effects import Chain

WARM_UP = 3
DIFFERENCE = "worst difference to the CPU_db"
# Equal to the last bit.
EQUAL_DB = -200.0


def run(device: str, batches: tuple[int, ...], seconds: float, repeats: int, output: Path) -> dict[str, Any]:
    """Measure, print the table, and write `bench_effects_<device>.json`. No such device: ValueError."""
    place = _device(device)
    result: dict[str, Any] = {
        "device": torch.cuda.get_device_name(place) if place.type == "cuda" else place.type,
        "torch": torch.__version__,
        "seconds": seconds,
        "repeats": repeats,
        "measured": [row for clips in batches for row in measure(place, clips, seconds, repeats)],
    }
    result["rows"] = {_label(row): _figures(row) for row in result["measured"]}
    print(table(result))
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"bench_effects_{place.type}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {path}")
    return result


def measure(device: torch.device, clips: int, seconds: float, repeats: int) -> list[dict[str, Any]]:
    """Every task of the benchmark, forward and forward + backward, on `clips` stereo clips."""
    x = 0.1 * torch.randn(clips, 2, int(seconds * SAMPLE_RATE), generator=torch.Generator().manual_seed(0))
    knobs, rows = draw_knobs(clips), []
    for name, task in TASKS.items():
        chain = Chain([OURS[effect] for effect in task])
        z = torch.cat([knobs[effect] for effect in task], dim=1)
        for mode, render in (("forward", forward), ("forward + backward", forward_backward)):
            there = functools.partial(render, chain, x.to(device), z.to(device))
            taken = _seconds(there, device, repeats)
            pairs = zip(there(), render(chain, x, z), strict=True)
            output, *gradients = (error_db(one.cpu(), other) for one, other in pairs)
            row = {"task": name, "mode": mode, "batch": clips, "ms": round(1000 * taken, 3)}
            row |= {"× real time": round(clips * seconds / taken, 1), DIFFERENCE: round(output, 1)}
            rows.append(row | ({f"{DIFFERENCE}, of the gradients": max(gradients)} if gradients else {}))
    return rows


def forward(chain: Chain, x: Tensor, z: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return [chain(x, SAMPLE_RATE, z)]


def forward_backward(chain: Chain, x: Tensor, z: Tensor) -> list[Tensor]:
    """Output and the gradients of its mean square in audio and knobs."""
    x, z = (t.detach().requires_grad_() for t in (x, z))
    y = chain(x, SAMPLE_RATE, z)
    return [y.detach(), *torch.autograd.grad(y.square().mean(), [x, z])]


def error_db(y: Tensor, exact: Tensor) -> float:
    """Energy of the difference over that of `exact`, of the worst item."""
    difference = (y.double() - exact.double()).flatten(1).square().sum(1)
    ratio = difference / exact.double().flatten(1).square().sum(1).clamp(min=1e-300)
    return max(float(10 * torch.log10(ratio.max())), EQUAL_DB)


def table(result: dict[str, Any]) -> str:
    lines = [
        f"On {result['device']}, clips of {result['seconds']:g} s:",
        "",
        "| task | batch | ms | × real time | worst difference to the CPU |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in result["measured"]:
        of_gradients = row.get(f"{DIFFERENCE}, of the gradients")
        lines.append(
            f"| {row['task']}, {row['mode']} | {row['batch']} | {row['ms']:.2f} | "
            f"{row['× real time']:,.0f} | {row[DIFFERENCE]:.0f} dB"
            + ("" if of_gradients is None else f", gradients {of_gradients:.0f} dB")
            + " |"
        )
    return "\n".join(lines)


def _device(name: str) -> torch.device:
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: this torch sees no CUDA GPU; run it on a machine that has one")
    return device


def _seconds(render: Callable[[], Any], device: torch.device, repeats: int) -> float:
    for _ in range(WARM_UP):
        render()
    taken = []
    for _ in range(repeats):
        _wait(device)
        started = time.perf_counter()
        render()
        _wait(device)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _label(row: dict[str, Any]) -> str:
    return f"{row['task']}, {row['mode']}, batch of {row['batch']}"


def _figures(row: dict[str, Any]) -> dict[str, float]:
    return {key: row[key] for key in row if key == "× real time" or key.startswith(DIFFERENCE)}
