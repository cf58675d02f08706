"""What a controller learns through a plugin in its strips, by how the plugin's gradient is found.

    python -m eval.bench_plugin_training

In place of the strip's compressor stands pedalboard's, and of the strip it alone is on. The shipped
controller, with fresh answers for the plugin's knobs, takes the same steps of the STFT loss on the same
recordings of the built-in corpus, whose references the plugin has made: with the exact gradient (autodiff
through `eval.bench_gradients.twin`, which agrees with the plugin to -117 dB), with estimates, with the
proxy, and with none. Judged by what the plugin plays, on the recordings it learnt from and on those of other
songs. Writes eval/results/bench_plugin_training.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import reprs
from eval.bench_gradients import RANGES, RATE, twin
from reprs.console import listening
from reprs.console.controller import Controller
from reprs.console.knobs import Knobs
from reprs.console.standard import standard_console
from reprs.effects import Chain, Effect
from reprs.objectives.stft import multi_resolution_stft
from reprs.training.data import Source
from reprs.training.rendered import Heard, RenderedLoss

RESULTS = Path(__file__).parent / "results" / "bench_plugin_training.json"
PLUGIN = {"effect": "pedalboard.Compressor", "ranges": {knob: list(ends) for knob, ends in RANGES.items()}}
ROWS: dict[str, dict[str, Any]] = {
    "exact": {},
    "finite differences": {"gradient": "finite_differences"},
    "SPSA, 1 draw": {"gradient": "spsa", "draws": 1},
    "SPSA, 4 draws": {"gradient": "spsa", "draws": 4},
    "proxy, full hybrid": {"gradient": "full_hybrid", "proxy": "proxy"},
    "proxy, half hybrid": {"gradient": "half_hybrid", "proxy": "proxy"},
    "none": {"gradient": "none"},
}
# Renders of the plugin for a step: one forward, and what an estimate takes.
RENDERS = dict(zip(ROWS, (0, 9, 3, 9, 1, 0, 1), strict=True))


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    sets = {name: _mixes(split, arguments) for name, split in (("learnt from", "train"), ("others", "test"))}
    result: dict[str, Any] = {"command": "python -m eval.bench_plugin_training"}
    result |= {"settings": {k: v for k, v in vars(arguments).items() if k != "output"}}
    result["before"] = _judged(_start(arguments.seed, "exact"), sets)
    result["rows"] = {}
    for name in ROWS:
        controller = _start(arguments.seed, name)
        seconds = _train(controller, sets["learnt from"], arguments)
        judged = _judged(controller, sets)
        result["rows"][name] = {**judged, "seconds a step": round(seconds, 3), "renders": RENDERS[name]}
        print(name, result["rows"][name], flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {arguments.output}")


def _start(seed: int, row: str) -> Controller:
    """The shipped network with fresh answers for the plugin, its gradient found as the row says."""
    torch.manual_seed(seed)
    shipped = reprs.load("controller")
    how = {**PLUGIN, **ROWS[row]}
    new = Controller(**{**shipped.config, "knobs": None, "strip": {"compressor": how}})
    new.ears.load_state_dict(shipped.ears.state_dict())
    new.start_like(shipped)
    if row == "exact":
        plugin = new.console.strip.effects[2]
        new.console = _with(new, Effect(plugin.name, _differentiable, plugin.params, {}))
    return new


def _differentiable(x: Tensor, sample_rate: int, **knobs: Tensor) -> Tensor:
    assert sample_rate == RATE
    return twin(x.double(), **knobs).to(x.dtype)


def _with(controller: Controller, effect: Effect) -> Any:
    """The controller's console with an effect in the plugin's place."""
    console = standard_console(strip=controller.strip)
    effects = [effect if e.name == effect.name else e for e in console.strip.effects]
    console.strip = Chain(effects)
    return console


def _mixes(split: str, arguments: argparse.Namespace) -> list[Heard]:
    """The same for all rows: the plugin makes the references and the targets."""
    corpora = [Source("builtin", {"split": split, "n_songs": 60})]
    render = RenderedLoss(_start(arguments.seed, "none"), {"corpora": corpora, "part_s": arguments.seconds})
    return [_compressed(render, arguments.batch, (arguments.seed, i)) for i in range(arguments.batches)]


@torch.no_grad()
def _compressed(render: RenderedLoss, batch: int, seed: tuple[int, ...]) -> Heard:
    """Single recordings whose references went through the plugin, a fader and a pan, and nothing else."""
    console, ears = render.controller.console, render.controller.hearing
    drawn = render.mixes.draw(batch, 1, seed)
    k = drawn.knobs
    assert k.tracks_on is not None and k.shared_on is not None
    on = torch.zeros_like(k.tracks_on)
    on[..., 2] = True
    knobs = Knobs(k.tracks, k.shared, on, torch.zeros_like(k.shared_on))
    tokens, there = listening.tokens(ears, drawn.tracks, RATE, drawn.there)
    reference = console(drawn.sources, RATE, knobs)
    condition, target = listening.condition(ears, reference, RATE), console(drawn.tracks, RATE, knobs)
    return Heard(drawn.tracks, there, tokens, condition, knobs, target, ears(target))


def _train(controller: Controller, sets: Sequence[Heard], arguments: argparse.Namespace) -> float:
    """CPU seconds a step."""
    network = controller.network.eval()  # without dropout, whose chance would hide the gradients
    adam = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=arguments.rate)
    torch.manual_seed(arguments.seed)
    started = 0.0
    for step in range(arguments.steps):
        if step == 1:  # the first one compiles loops
            started = time.process_time()
        adam.zero_grad()
        loss = _loss(controller, sets[step % len(sets)])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
    return (time.process_time() - started) / (arguments.steps - 1)


@torch.no_grad()
def _judged(controller: Controller, sets: dict[str, list[Heard]]) -> dict[str, float]:
    """Mean STFT distance of what the plugin makes of the answers."""
    controller.network.eval()
    controller.console = standard_console(strip={"compressor": {**PLUGIN, "gradient": "none"}})
    return {
        name: round(float(torch.stack([_loss(controller, heard) for heard in mixes]).mean()), 4)
        for name, mixes in sets.items()
    }


def _loss(controller: Controller, heard: Heard) -> Tensor:
    """STFT distance with the plugin on and nothing else; fader and pan learn, too."""
    logits = controller.network(heard.tokens, heard.condition, heard.there)
    k = heard.knobs
    found = Knobs(torch.sigmoid(logits.tracks), torch.sigmoid(logits.shared), k.tracks_on, k.shared_on)
    y = controller.console(heard.tracks, RATE, found, heard.there)
    return multi_resolution_stft(y, heard.target).mean()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m eval.bench_plugin_training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
