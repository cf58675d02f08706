"""Other differentiable effects with the knobs of ours, for `eval.contestants`.

dasp is the extra `bench`. grafx and difffx want compiled parts that are built against torch, so they are in
no extra; they install beside any torch by

    pip install torch_geometric einops
    pip install --no-build-isolation --no-deps grafx difffx-pytorch torchcomp "torchlpc==0.6.0"

A compressor is time-matched, not sound-matched: their detectors and curves differ from ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reprs.effects import Effect

BANDS = ("low_shelf", "peak1", "peak2", "peak3", "peak4", "high_shelf")
Knobs = dict[str, Tensor]
# One effect of ours by another library: audio and natural knobs `(B,)` → audio.
Play = Callable[[str, Tensor, Knobs], Tensor]


def renderer(
    play: Play, effects: dict[str, Effect], task: tuple[str, ...], x: Tensor, z: Knobs, backward: bool
) -> Callable[[], Any]:
    """Render `task` and, with `backward`, the gradient of the mean square in the audio and in every knob."""
    z = {name: z[name].clone().requires_grad_(backward) for name in task}
    x = x.clone().requires_grad_(backward)

    def run() -> Any:
        y = x
        for name in task:
            y = play(name, y, effects[name].from_unit(z[name]))
        return y.square().mean().backward() if backward else y

    return run


def by_dasp(sample_rate: int) -> Play:
    import dasp_pytorch.functional as dasp

    def play(name: str, x: Tensor, knobs: Knobs) -> Tensor:
        knob = {key: value[:, None] for key, value in knobs.items()}
        if name == "eq":
            order = [knob[f"{band}_{key}"] for band in BANDS for key in ("gain_db", "hz", "q")]
            return dasp.parametric_eq(x, sample_rate, *order)
        if name == "compressor":
            keys = ("threshold_db", "ratio", "attack_ms", "release_ms", "knee_db", "makeup_db")
            return dasp.compressor(x, sample_rate, *(knob[key] for key in keys))
        if name == "distortion":
            return dasp.distortion(x, sample_rate, knob["drive_db"])
        return dasp.gain(x, sample_rate, knob["gain_db"])

    return play


def by_grafx(sample_rate: int) -> Play:
    """Filters by frequency sampling, its fastest way on a CPU; exact ballistics."""
    from grafx.processors import dynamics, eq, nonlinear

    equaliser = eq.ParametricEqualizer(num_filters=len(BANDS), flashfftconv=False)
    compressor = dynamics.Compressor(None, "ballistics", gain_smooth_in_log=True, flashfftconv=False)
    tanh = nonlinear.TanhDistortion(inverse_post_gain=False)
    nepers = math.log(10) / 20

    def play(name: str, x: Tensor, knob: Knobs) -> Tensor:
        if name == "eq":
            hz, q, gain_db = (
                torch.stack([knob[f"{b}_{k}"] for b in BANDS], 1) for k in ("hz", "q", "gain_db")
            )
            angle = torch.logit((2 * hz / sample_rate).clamp(max=0.98))
            return equaliser(x, *(part[:, None] for part in (angle, -q.log(), gain_db * (nepers / 2))))
        if name == "compressor":
            level = 2 * nepers * knob["threshold_db"] + 6
            times = torch.stack([knob["attack_ms"], knob["release_ms"]], -1)
            steps = torch.logit(-torch.expm1(-1000 / (times * sample_rate)))
            ratio, knee = (
                (knob["ratio"] - 1).clamp(min=1e-3).log(),
                (2 * nepers * knob["knee_db"] + 1e-3).log(),
            )
            y = compressor(x, level[:, None], ratio[:, None], knee[:, None], z_alpha_post=steps)
            return y * torch.exp(nepers * knob["makeup_db"])[:, None, None]
        if name == "distortion":
            wet = tanh(x, nepers * knob["drive_db"][:, None], nepers * knob["output_db"][:, None])
            return torch.lerp(x, wet, knob["mix"][:, None, None])
        return x * torch.exp(nepers * knob["gain_db"])[:, None, None]

    return play


def by_difffx(sample_rate: int) -> Play:
    from diffFx_pytorch.processors import distortion, dynamics, eq, gain

    equaliser = eq.ParametricEqualizer(sample_rate, num_peak_filters=4)
    players = {"compressor": dynamics.Compressor(sample_rate), "gain": gain.Gain(sample_rate)}
    tanh = distortion.TanHDist(sample_rate)
    keys = {"gain_db": "gain_db", "hz": "frequency", "q": "q_factor"}

    def play(name: str, x: Tensor, knob: Knobs) -> Tensor:
        if name == "eq":
            named = {b: b.replace("peak", "peak_") for b in BANDS}
            return equaliser(
                x, dsp_params={f"{named[b]}_{keys[k]}": knob[f"{b}_{k}"] for b in BANDS for k in keys}
            )
        if name == "distortion":
            driven = x * 10 ** (knob["drive_db"] / 20)[:, None, None]
            return tanh(driven, dsp_params={"mix": torch.ones_like(knob["mix"])})
        return players[name](x, dsp_params=dict(knob))

    return play


PEERS: dict[str, Callable[[int], Play]] = {"dasp": by_dasp, "grafx": by_grafx, "difffx": by_difffx}
