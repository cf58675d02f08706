"""The same effects in several libraries, with the same knobs: what `eval.bench_effects` times.

Each task is a dictionary of name → callable that renders all clips once. A library that is not installed, or
cannot do a task in finite time, is left out with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eval import peers
from reprs import _cpu_torch
from reprs.effects import Chain, registry

SAMPLE_RATE = 44_100
Run = Callable[[], Any]
# pedalboard's distortion does not oversample, so ours does not either here.
OURS = {
    "eq": registry["parametric_eq"],
    "compressor": registry["compressor"],
    "distortion": registry["distortion"].with_options(oversample=1),
    "reverb": registry["fdn"],
    "gain": registry["gain"],
}
TASKS = {
    "eq": ("eq",),
    "compressor": ("compressor",),
    "distortion": ("distortion",),
    "reverb": ("reverb",),
    "eq–compressor–distortion–reverb–gain": ("eq", "compressor", "distortion", "reverb", "gain"),
}
GRADIENT_TASKS = {
    "eq": ("eq",),
    "compressor": ("compressor",),
    "eq–compressor–distortion–gain": ("eq", "compressor", "distortion", "gain"),
}


def draw_knobs(clips: int) -> dict[str, Tensor]:
    """`z` of every effect, different for each clip."""
    generator = torch.Generator().manual_seed(0)
    return {name: torch.rand(clips, len(effect), generator=generator) for name, effect in OURS.items()}


def forward(
    task: tuple[str, ...], x: Tensor, knobs: dict[str, Tensor]
) -> tuple[dict[str, Run], dict[str, str]]:
    """Contestants without gradients, and why others are left out."""
    chain, z = _ours(task, knobs)
    contestants: dict[str, Run] = {"reprs": lambda: chain(x, SAMPLE_RATE, z)}
    left_out = {}
    try:
        contestants["pedalboard"] = _pedalboard(task, x, knobs)
    except ImportError:
        left_out["pedalboard"] = "not installed: pip install 'reprs[eval]'"
    if task == ("eq",):
        contestants["scipy"] = _scipy(x, knobs["eq"])
        left_out["torchaudio"] = "its lfilter is a Python loop over samples without its compiled extension"
    if "reverb" in task:
        left_out["dasp"] = "its reverb runs slower than real time (0.3 ×, once measured)"
        left_out["grafx, difffx"] = "they have no feedback delay network of this kind"
    else:
        _add_peers(task, x, knobs, contestants, left_out, backward=False)
    return contestants, left_out


def forward_backward(
    task: tuple[str, ...], x: Tensor, knobs: dict[str, Tensor]
) -> tuple[dict[str, Run], dict[str, str]]:
    """Contestants with the gradient of the mean square in the audio and in every knob."""
    chain, z = _ours(task, knobs)
    audio, z = x.clone().requires_grad_(), z.clone().requires_grad_()
    contestants: dict[str, Run] = {"reprs": lambda: chain(audio, SAMPLE_RATE, z).square().mean().backward()}
    left_out: dict[str, str] = {}
    _add_peers(task, x, knobs, contestants, left_out, backward=True)
    return contestants, left_out


def _ours(task: tuple[str, ...], knobs: dict[str, Tensor]) -> tuple[Chain, Tensor]:
    return Chain([OURS[name] for name in task]), torch.cat([knobs[name] for name in task], dim=1)


def _pedalboard(task: tuple[str, ...], x: Tensor, knobs: dict[str, Tensor]) -> Run:
    import pedalboard

    clips = list(x.numpy())
    boards = [
        pedalboard.Pedalboard([plugin for name in task for plugin in _plugins(name, knobs[name], i)])
        for i in range(len(x))
    ]
    return lambda: np.stack([board(clip, SAMPLE_RATE) for board, clip in zip(boards, clips, strict=True)])


def _plugins(name: str, z: Tensor, clip: int) -> list[Any]:
    """Pedalboard's plugins of one effect with the knobs of one clip."""
    import pedalboard

    knob = {key: float(value[clip]) for key, value in OURS[name].from_unit(z).items()}
    if name == "eq":
        kinds = {"low_shelf": pedalboard.LowShelfFilter, "high_shelf": pedalboard.HighShelfFilter}
        return [
            kinds.get(band, pedalboard.PeakFilter)(
                cutoff_frequency_hz=knob[f"{band}_hz"], gain_db=knob[f"{band}_gain_db"], q=knob[f"{band}_q"]
            )
            for band in peers.BANDS
        ]
    if name == "compressor":
        settings = (knob["threshold_db"], knob["ratio"], knob["attack_ms"], knob["release_ms"])
        return [pedalboard.Compressor(*settings)]
    if name == "distortion":
        return [pedalboard.Distortion(knob["drive_db"])]
    if name == "reverb":
        mix = knob["mix"]
        return [pedalboard.Reverb(room_size=0.7, wet_level=mix, dry_level=1 - mix)]
    return [pedalboard.Gain(knob["gain_db"])]


def _scipy(x: Tensor, z: Tensor) -> Run:
    from scipy.signal import sosfilt

    from reprs.effects import biquad

    knob = {key: value.double() for key, value in OURS["eq"].from_unit(z).items()}
    designs = {"low_shelf": biquad.low_shelf, "high_shelf": biquad.high_shelf}
    sections = torch.stack(
        [
            designs.get(band, biquad.peak)(
                SAMPLE_RATE, knob[f"{band}_gain_db"], knob[f"{band}_hz"], knob[f"{band}_q"]
            )
            for band in peers.BANDS
        ],
        dim=1,
    )
    sos = (sections / sections[..., 3:4]).numpy().astype(np.float32)
    clips = x.numpy()
    return lambda: np.stack([sosfilt(s, clip) for s, clip in zip(sos, clips, strict=True)])


def _add_peers(
    task: tuple[str, ...],
    x: Tensor,
    knobs: dict[str, Tensor],
    contestants: dict[str, Run],
    left_out: dict[str, str],
    backward: bool,
) -> None:
    _cpu_torch.prepare()  # they import torchaudio
    for name, load in peers.PEERS.items():
        try:
            play = load(SAMPLE_RATE)
        except (ImportError, OSError):
            left_out[name] = f"not installed: see {peers.__name__}"
            continue
        try:
            run = peers.renderer(play, OURS, task, x, knobs, backward)
            run()
        except (RuntimeError, ValueError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            left_out[name] = f"as mono rows, since it fails on stereo batches: {reason}"
            rows = {n: z.repeat_interleave(x.shape[1], 0) for n, z in knobs.items()}
            run = peers.renderer(play, OURS, task, x.reshape(-1, 1, x.shape[-1]), rows, backward)
            run()
        contestants[name] = run
