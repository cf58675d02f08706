"""What a gradient through a plugin is worth: bias, spread and cost against autodiff.

    python -m eval.bench_gradients

The plugin is pedalboard's Compressor. The same recursion written in differentiable operations (`twin`, which
has to agree with the plugin) gives the true gradient of a matching loss, |y - target|² / |target|², in the
four knobs. Every estimate sees the plugin alone. SPSA's mean and spread are exact: all 16 throws of four
coins are played. Writes eval/results/bench_gradients.json and the table of docs/black_boxes.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

import reprs
from reprs.effects.ballistics import smooth_channels
from reprs.effects.black_box import from_pedalboard
from reprs.effects.estimators import finite_differences, one_draw, spsa

RATE = 44_100
RESULTS = Path(__file__).parent / "results" / "bench_gradients.json"
PAGE = Path(__file__).parents[1] / "docs" / "black_boxes.md"
HEAD = "| gradient | plugin renders | bias | bias, knobs at an end | spread | cosine | seconds |"
RANGES = {"threshold_db": (-50, 0), "ratio": (1, 20), "attack_ms": (1, 100), "release_ms": (10, 400)}


def twin(x: Tensor, threshold_db: Tensor, ratio: Tensor, attack_ms: Tensor, release_ms: Tensor) -> Tensor:
    """JUCE's compressor: a branching smoother on the magnitude, then a power law above the threshold."""
    rise, fall = (-torch.expm1(-2 * math.pi * 1000 / (ms.double() * RATE)) for ms in (attack_ms, release_ms))
    envelope = smooth_channels(x.abs(), rise, fall)
    over_db = 20 * torch.log10(envelope.clamp(min=1e-9)) - threshold_db[:, None, None]
    return x * 10 ** (torch.relu(over_db) * (1 / ratio - 1)[:, None, None] / 20)


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    effect = from_pedalboard("Compressor").narrow(**RANGES)
    x, z, goal = _problem(effect, arguments.clips, arguments.seconds)
    proxy = reprs.load(arguments.proxy) if arguments.proxy != "none" else None
    exact_y = twin(x.double(), **effect.from_unit(z.double()))
    played = effect(x, RATE, z)
    result = {
        "plugin": "pedalboard.Compressor",
        "clips": arguments.clips,
        "seconds": arguments.seconds,
        "twin_error_db": _error_db(played, exact_y),
        "proxy_error_db": None
        if proxy is None
        else _error_db(proxy(x, RATE, **effect.from_unit(z)), exact_y),
        "wire_error_db": _error_db(x, exact_y),
        "rows": rows(effect, proxy, x, z, goal, arguments.repeats),
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(table(result))
    if arguments.output == RESULTS and PAGE.exists():
        PAGE.write_text(
            re.sub(
                r"\| gradient \| plugin.*?\n\n",
                lambda _: table(result) + "\n\n",
                PAGE.read_text(),
                flags=re.DOTALL,
            )
        )
    print(f"wrote {arguments.output}")


def rows(effect, proxy, x: Tensor, z: Tensor, goal: Tensor, repeats: int) -> dict[str, dict[str, float]]:
    """Every gradient's figures, inside the ranges and with two knobs at their ends."""
    ends, knobs = z.clone(), list(effect.params)
    ends[:, knobs.index("ratio")] = 1.0
    ends[::2, knobs.index("attack_ms")], ends[1::2, knobs.index("threshold_db")] = 0.0, 0.0
    inside, edge = (_figures(effect, proxy, x, where, goal) for where in (z, ends))
    seconds = {name: _seconds(run, repeats) for name, run in _runs(effect, proxy, x, z, goal).items()}
    renders = {
        "autodiff of the twin": 0,
        "finite differences, step 0.01": 9,
        "finite differences, step 0.001": 9,
    }
    renders |= {"SPSA, 1 draw": 3, "SPSA, 4 draws": 9, "SPSA, 16 draws": 33}
    renders |= {"SPSA, 1 draw, divided by 2ε": 3, "proxy (full hybrid)": 1}
    return {
        name: {
            "renders": renders[name],
            **inside[name],
            "bias_at_an_end": edge[name]["bias"],
            "seconds": seconds[name],
        }
        for name in inside
    }


def _figures(effect, proxy, x: Tensor, z: Tensor, goal: Tensor) -> dict[str, dict[str, float]]:
    exact = _autodiff(effect, x, z, goal)
    g = _output_gradient(effect, x, z, goal)
    render = lambda z: effect.function(x, RATE, **effect.from_unit(z))  # noqa: E731
    single = {"autodiff of the twin": exact}
    for step in (0.01, 0.001):
        single[f"finite differences, step {step:g}"] = finite_differences(render, z, g, step)
    throws = [
        2 * torch.tensor(c).to(z).expand_as(z) - 1 for c in itertools.product([0, 1], repeat=z.shape[1])
    ]
    draws = torch.stack([one_draw(render, z, g, coins, 0.01) for coins in throws])
    # What the peer does: clip, and divide by what was asked for.
    asked = [((z + 0.01 * c).clamp(0, 1) - (z - 0.01 * c).clamp(0, 1)) / (0.02 * c) for c in throws]
    wrong = torch.stack([d * a for d, a in zip(draws, asked, strict=True)])
    found = {name: _compare(estimate[None], exact, 1) for name, estimate in single.items()}
    for count in (1, 4, 16):
        found[f"SPSA, {count} draw{'s' * (count > 1)}"] = _compare(draws, exact, count)
    found["SPSA, 1 draw, divided by 2ε"] = _compare(wrong, exact, 1)
    if proxy is not None:
        found["proxy (full hybrid)"] = _compare(_by_proxy(effect, proxy, x, z, goal)[None], exact, 1)
    return found


def _compare(estimates: Tensor, exact: Tensor, draws: int) -> dict[str, float]:
    """Medians over clips of relative bias and spread, and the cosine to expect of one estimate."""
    size = exact.norm(dim=1)
    bias = (estimates.mean(0) - exact).norm(dim=1) / size
    spread = estimates.var(0, unbiased=False).sum(1).div(draws).sqrt() / size
    generator = torch.Generator().manual_seed(0)
    picks = torch.randint(len(estimates), (200, draws), generator=generator)
    cosine = torch.cosine_similarity(estimates[picks].mean(1), exact[None], dim=2)
    return {
        "bias": float(bias.median()),
        "spread": float(spread.median()),
        "cosine": float(cosine.mean(0).median()),
    }


def _runs(effect, proxy, x: Tensor, z: Tensor, goal: Tensor) -> dict[str, Callable[[], Tensor]]:
    def estimated(estimate: Callable[..., Tensor], **options) -> Callable[[], Tensor]:
        def run() -> Tensor:
            g = _output_gradient(effect, x, z, goal)
            return estimate(lambda z: effect.function(x, RATE, **effect.from_unit(z)), z, g, **options)

        return run

    runs: dict[str, Callable[[], Tensor]] = {"autodiff of the twin": lambda: _autodiff(effect, x, z, goal)}
    for step in (0.01, 0.001):
        runs[f"finite differences, step {step:g}"] = estimated(finite_differences, step=step)
    for count in (1, 4, 16):
        runs[f"SPSA, {count} draw{'s' * (count > 1)}"] = estimated(spsa, draws=count)
    runs["SPSA, 1 draw, divided by 2ε"] = runs["SPSA, 1 draw"]
    if proxy is not None:
        runs["proxy (full hybrid)"] = lambda: _by_proxy(effect, proxy, x, z, goal)
    return runs


def _autodiff(effect, x: Tensor, z: Tensor, goal: Tensor) -> Tensor:
    z = z.double().requires_grad_()
    y = twin(x.double(), **effect.from_unit(z))
    return torch.autograd.grad(_loss(y, goal.double()).sum(), z)[0].float()


def _by_proxy(effect, proxy, x: Tensor, z: Tensor, goal: Tensor) -> Tensor:
    z = z.clone().requires_grad_()
    y = effect.with_options(gradient="full_hybrid", proxy=proxy)(x, RATE, z)
    return torch.autograd.grad(_loss(y, goal).sum(), z)[0]


def _output_gradient(effect, x: Tensor, z: Tensor, goal: Tensor) -> Tensor:
    y = effect.function(x, RATE, **effect.from_unit(z)).requires_grad_()
    return torch.autograd.grad(_loss(y, goal).sum(), y)[0]


def _loss(y: Tensor, goal: Tensor) -> Tensor:
    return (y - goal).square().sum((1, 2)) / goal.square().sum((1, 2))


def _problem(effect, clips: int, seconds: float) -> tuple[Tensor, Tensor, Tensor]:
    """Bursts that decay at different rates, knobs inside their ranges, and the target of other knobs."""
    generator = torch.Generator().manual_seed(0)
    samples = int(seconds * RATE)
    now = torch.arange(samples) / RATE
    beat = torch.rand(clips, 1, 1, generator=generator) * 0.4 + 0.2
    fall = torch.rand(clips, 1, 1, generator=generator) * 12 + 3
    x = 0.3 * torch.randn(clips, 1, samples, generator=generator) * torch.exp(-fall * (now % beat))
    z, other = (0.15 + 0.7 * torch.rand(clips, len(effect), generator=generator) for _ in range(2))
    return x, z, effect(x, RATE, other)


def table(result: dict) -> str:
    lines = [HEAD, "| --- | --- | --- | --- | --- | --- | --- |"]
    for name, row in result["rows"].items():
        lines.append(
            f"| {name} | {row['renders']} | {row['bias']:.3f} | {row['bias_at_an_end']:.3f} | "
            f"{row['spread']:.2f} | {row['cosine']:.2f} | {row['seconds']:.3f} |"
        )
    return "\n".join(lines)


def _error_db(y: Tensor, exact: Tensor) -> float:
    return float(10 * torch.log10((y - exact).square().sum() / exact.square().sum()))


def _seconds(run: Callable[[], Tensor], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        run()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m eval.bench_gradients",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--proxy", default="proxy", metavar="NAME_OR_PATH", help="'none' leaves it out")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
