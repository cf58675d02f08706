"""The quality model: how good a recording sounds without its original, what is wrong with it, and when.

Several objectives share one body (Serrà, Pons and Pascual 2021, "SESQA: semi-supervised learning for speech
quality assessment"): a score that follows a full-reference teacher, the kinds of faults and their strengths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reprs.audio.resample import resample
from reprs.models.ears import CLIP_S, SAMPLE_RATE, ears
from reprs.models.encoder import as_stereo

LOWEST, HIGHEST = 1.0, 4.75
# Points of the scale on which shares become scores.
POINTS = 257
SHORTEST_S = 0.1
QUIETEST_RMS = 10 ** (-90 / 20)
# A window of the curve, centred on its second: as long as what was trained on.
CURVE_S = CLIP_S
LIKELY = 0.5


class Verdict(NamedTuple):
    """Of every clip: its score `(B,)`, the logit of the share of training clips that are worse `(B,)`, logits
    of the kinds and strengths `(B, K)`, and the body `(B, D)`.
    """

    score: Tensor
    logit: Tensor
    kinds: Tensor
    strengths: Tensor
    embedding: Tensor


@dataclass(frozen=True)
class Quality:
    """One recording: score 1 to 4.75, the score around every second (NaN in silence), and each fault's
    chance and strength.
    """

    score: float
    times_s: tuple[float, ...]
    curve: tuple[float, ...]
    faults: Mapping[str, tuple[float, float]]

    @property
    def likely_fault(self) -> str | None:
        """The likeliest kind, or `None` where none is likely."""
        name = max(self.faults, key=lambda kind: self.faults[kind][0])
        return name if self.faults[name][0] >= LIKELY else None


class QualityModel(nn.Module):
    """`forward` judges clips `(B, 2, T)` at 44.1 kHz; `judge` recordings of any rate and length.

    `kinds` names the faults; `ear` is a key of `reprs.models.ears.ears` and `ear_options` its options.
    """

    sample_rate = SAMPLE_RATE
    ear: Any
    scale: Tensor

    def __init__(
        self,
        kinds: Sequence[str],
        ear: str = "own",
        ear_options: Mapping[str, Any] | None = None,
        hidden: int = 128,
        embedding_dim: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if ear not in ears:
            raise ValueError(f"no ear is called {ear!r}; there are {', '.join(ears)}")
        self.kinds, self.embedding_dim = list(kinds), embedding_dim
        self.config: dict[str, Any] = {
            "kinds": self.kinds,
            "ear": ear,
            "ear_options": dict(ear_options or {}),
        }
        self.config |= {"hidden": hidden, "embedding_dim": embedding_dim, "dropout": dropout}
        self.ear = ears[ear](**(ear_options or {}))
        self.body = nn.Sequential(
            nn.Linear(self.ear.pools * self.ear.width, hidden), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(hidden, embedding_dim), nn.GELU(), nn.Dropout(dropout / 2),
        )  # fmt: skip
        self.head = nn.Linear(embedding_dim, 1 + 2 * len(self.kinds))
        # The scores of training clips at equal shares of them: half of all lie close to the top.
        self.register_buffer("scale", torch.linspace(LOWEST, HIGHEST, POINTS))

    def forward(self, x: Tensor) -> Verdict:
        return self.verdict(self.ear(self.ear.view(x)))

    def verdict(self, frames: Tensor) -> Verdict:
        """What the ear made of clips, `(B, width, F)`, judged as a whole."""
        pooled = [frames.mean(2)]
        if self.ear.pools > 1:
            pooled += [(frames.var(2, unbiased=False) + 1e-6).sqrt(), frames.amax(2)]
        e = self.body(torch.cat(pooled, dim=1).float())
        logit, kinds, strengths = self.head(e).split((1, len(self.kinds), len(self.kinds)), dim=1)
        return Verdict(self._scored(logit[:, 0].sigmoid()), logit[:, 0], kinds, strengths.sigmoid(), e)

    def shares(self, scores: Tensor) -> Tensor:
        """Which share of the training clips is worse than a score `(B,)`, in [0, 1]; of equals, half."""
        scores = scores.contiguous()
        places = [torch.searchsorted(self.scale, scores, right=right) for right in (False, True)]
        return (places[0] + places[1]) / (2 * POINTS)

    def _scored(self, shares: Tensor) -> Tensor:
        place = shares * (POINTS - 1)
        below = place.floor().clamp(0, POINTS - 2).long()
        return torch.lerp(self.scale[below], self.scale[below + 1], place - below)

    @torch.no_grad()
    def judge(self, audio: Tensor, sample_rate: int) -> Quality:
        """One recording `(C, T)`, mono or stereo, at least 0.1 s; raises ValueError with one line.

        The score is the mean over windows of 4 s that cover it, so that a long file is judged as a short one.
        """
        x = self._prepared(audio, sample_rate)
        verdict = self._together(_audible(self._windows(x, CLIP_S)))
        chance, strength = verdict.kinds.sigmoid().mean(0), verdict.strengths.mean(0)
        faults = {k: (float(chance[i]), float(strength[i])) for i, k in enumerate(self.kinds)}
        times_s, parts = self._seconds(x)
        curve = self._together(parts).score.masked_fill(_rms(parts) < QUIETEST_RMS, torch.nan)
        return Quality(float(verdict.score.mean()), tuple(times_s), tuple(curve.tolist()), faults)

    @torch.no_grad()
    def embed(self, audio: Tensor | list[Tensor], sample_rate: int) -> Tensor:
        """`(C, T)`, `(B, C, T)` or a list of `(C, T_i)` → `(B, D)` of unit length: how it sounds impaired."""
        items = [audio] if isinstance(audio, Tensor) and audio.ndim == 2 else list(audio)
        if not items:
            raise ValueError("nothing to embed: the list of recordings is empty")
        prepared = [self._prepared(x, sample_rate) for x in items]
        parts = [self._together(_audible(self._windows(x, CLIP_S))) for x in prepared]
        return F.normalize(torch.stack([part.embedding.mean(0) for part in parts]), dim=1)

    def _prepared(self, audio: Tensor, sample_rate: int) -> Tensor:
        x = as_stereo(audio, sample_rate)
        if float(x.square().mean().sqrt()) < QUIETEST_RMS:
            raise ValueError("there is nothing to judge: it is silent")
        return resample(x, sample_rate, self.sample_rate).to(next(self.parameters()).device)

    def _windows(self, x: Tensor, length_s: float) -> Tensor:
        """`(2, T)` → `(W, 2, window)`: as few equal windows as cover it, or all of a short one."""
        total, window = x.shape[-1], round(length_s * self.sample_rate)
        if total <= window:
            return x[None]
        starts = torch.linspace(0, total - window, -(-total // window)).round().long().tolist()
        return torch.stack([x[:, s : s + window] for s in starts])

    def _seconds(self, x: Tensor) -> tuple[list[float], Tensor]:
        """The middle of every second, and the windows around them; at the ends they lie within the file."""
        total, window = x.shape[-1], round(CURVE_S * self.sample_rate)
        seconds = max(1, total // self.sample_rate)
        middles = [s + 0.5 for s in range(seconds)]
        if total <= window:
            return middles, x.expand(seconds, -1, -1)
        starts = [round(m * self.sample_rate) - window // 2 for m in middles]
        starts = [min(max(start, 0), total - window) for start in starts]
        return middles, torch.stack([x[:, start : start + window] for start in starts])

    def _together(self, clips: Tensor) -> Verdict:
        """The verdicts on any number of clips, a few at a time."""
        was_training = self.training
        self.eval()
        try:
            parts = [self(batch) for batch in clips.split(16)]
        finally:
            self.train(was_training)
        return Verdict(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _rms(clips: Tensor) -> Tensor:
    return clips.square().mean((1, 2)).sqrt()


def _audible(clips: Tensor) -> Tensor:
    """The clips that are not silent, or the loudest where all nearly are: silence has no quality."""
    level = _rms(clips)
    return clips[level >= min(QUIETEST_RMS, float(level.max()))]
