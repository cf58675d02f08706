"""The optimised engine: knobs moved until a recording's embedding follows the prompt.

The loss is directional (Gal et al. 2022, StyleGAN-NADA; for effects Chu et al. 2024, Text2FX): the embedding
should move, from before to after, the way the text moves from a neutral description to the prompt. Where the
recording is in the space, and how far text is from audio there, then does not matter. A prior keeps the
response near the one that the optimisation starts from: a model's ear has holes, and that is what they cost.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from reprs.audio.resample import resample
from reprs.console.band_fit import fit_frequencies, knob_response_db
from reprs.effects import Effect

NEUTRAL = "music"
EXCERPTS, EXCERPT_S, SHORTEST_S = 2, 3.0, 0.1
# Starting points: the gains predicted, and these multiples of them.
STARTS = (1.0, 0.5, 1.5)
STEPS, RATE = 24, 0.12
# With a fifth of it a young model undid what the lexicon knows: r to listeners' curves of "cold" and "soft"
# fell from .86 and .90 to .37 and .26; with this much, to .83 and .79.
PRIOR, PRIOR_DB = 0.8, 3.0
EDGE = 0.02  # of the range: at its very end a logit has no gradient


def optimise(
    effect: Effect, x: Tensor, sample_rate: int, prompt: str, z: Tensor, model: Any
) -> tuple[Tensor, dict[str, float]]:
    """Move knobs `z` `(1, P)` for the recording `x` `(C, T)`; bands at 0 dB stay there.

    Returns the knobs and how well the embedding follows the prompt, as cosines before and after. `model` has
    `embed_text`, a differentiable tower `audio` for `(B, 2, T)`, and `sample_rate`. The best start wins, by
    the loss; the knobs given win where nothing is better. Raises ValueError for less than 0.1 s.
    """
    clips = excerpts(x, sample_rate, model.sample_rate)
    heading = _heading(model, prompt)
    with torch.no_grad():
        before = model.audio(clips)
    response = _response(effect, sample_rate)
    predicted_db = response(z)

    def judge(knobs: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and cosine of every row of `knobs`, `(R,)`."""
        rows = len(knobs)
        batch = clips.repeat(rows, 1, 1)
        wet = effect(batch, model.sample_rate, knobs.to(clips.dtype).repeat_interleave(len(clips), 0))
        moved = (model.audio(wet).unflatten(0, (rows, -1)) - before).mean(1)
        follows = F.cosine_similarity(moved, heading, dim=-1)
        strayed = ((response(knobs) - predicted_db) / PRIOR_DB).square().mean(-1)
        return 1 - follows + PRIOR * strayed, follows

    return _descend(judge, _starts(effect, z), z)


def excerpts(x: Tensor, sample_rate: int, wanted_rate: int) -> Tensor:
    """The loudest 3 s of each part of `x` `(C, T)`, as stereo at `wanted_rate`, `(N, 2, T')`."""
    if x.shape[1] < SHORTEST_S * sample_rate:
        raise ValueError(
            f"the optimised engine needs at least {SHORTEST_S} s of audio: use the predicted one"
        )
    x = x if x.shape[0] <= 2 else x.mean(0, keepdim=True)
    length = min(round(EXCERPT_S * sample_rate), x.shape[1])
    parts = min(EXCERPTS, x.shape[1] // length)
    chosen = [_loudest(part, length) for part in x.tensor_split(parts, dim=1)]
    return torch.stack([resample(c.float().expand(2, -1), sample_rate, wanted_rate) for c in chosen])


def _loudest(part: Tensor, length: int) -> Tensor:
    windows = part.unfold(-1, length, length)
    return windows[:, int(windows.square().sum((0, 2)).argmax())]


def _heading(model: Any, prompt: str) -> Tensor:
    """The text's way from neutral to the prompt, `(D,)`."""
    neutral, wanted = model.embed_text([NEUTRAL, prompt])
    return wanted - neutral


def _response(effect: Effect, sample_rate: int) -> Any:
    frequencies = torch.from_numpy(fit_frequencies(sample_rate))
    return lambda z: knob_response_db(effect, sample_rate, z, frequencies)


def _starts(effect: Effect, z: Tensor) -> Tensor:
    """Knobs `(R, P)`: the predicted ones, with their gains times `STARTS`."""
    rows = torch.cat([z] * len(STARTS))
    for i, name in enumerate(effect.params):
        if name.endswith("_gain_db"):
            middle = 0.5  # of a symmetrical range
            rows[:, i] = (middle + (z[:, i] - middle) * torch.tensor(STARTS, dtype=z.dtype)).clamp(0, 1)
    return rows


def _descend(judge: Any, starts: Tensor, given: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Adam on the logits of every start at once; the best row seen."""
    moves = _movable(given)
    logits = torch.logit(starts.clamp(EDGE, 1 - EDGE)).requires_grad_()
    adam = torch.optim.Adam([logits], lr=RATE)
    with torch.no_grad():
        best_loss, first = (float(v) for v in judge(given))
    best, follows = given, first
    for _ in range(STEPS):
        z = torch.where(moves, torch.sigmoid(logits), given)
        loss, cosine = judge(z)
        row, losses = int(loss.argmin()), loss.tolist()
        if losses[row] < best_loss:
            best, best_loss, follows = z[row : row + 1].detach(), losses[row], cosine.tolist()[row]
        adam.zero_grad()
        loss.sum().backward()
        adam.step()
    return best, {"follows_before": round(first, 4), "follows_after": round(follows, 4)}


def _movable(z: Tensor) -> Tensor:
    """Knobs `(1, P)` of the bands that are in use."""
    return ((z[:, ::3] - 0.5).abs() > 1e-6).repeat_interleave(3, dim=1)
