"""The quality model: how good a recording sounds without its original, what is wrong with it, and when.

Several objectives share one body (Serrà, Pons and Pascual 2021, "SESQA: semi-supervised learning for speech
quality assessment"): a score that follows a full-reference teacher, the kinds of faults and their strengths,
and an embedding in which a clip is as far from its original as it sounds worse. Members that hear
differently judge side by side, and their weighted mean counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reprs.audio.resample import resample
from reprs.audio.windows import covering
from reprs.models.ears import CLIP_S, SAMPLE_RATE, ears, looked_at
from reprs.models.encoder import as_stereo

LOWEST, HIGHEST = 1.0, 4.75
# Points of the scale on which shares become scores.
POINTS = 257
# From worst to best, on top of the scale: clean clips all have one score, and what is judged keeps its order.
ORDER = 1e-3
SHORTEST_S = 0.1
QUIETEST_RMS = 10 ** (-90 / 20)
# A window of the curve, centred on its second: as long as what was trained on.
CURVE_S = CLIP_S
LIKELY = 0.5


class Verdict(NamedTuple):
    """Of every clip: its score `(B,)`, the logit of the share of training clips that are worse `(B,)`, logits
    of the kinds and strengths `(B, K)`, and the embedding of unit length `(B, D)`.
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


class Member(nn.Module):
    """An ear, two layers over it, and its own heads: logit, kinds and strengths, and embedding."""

    def __init__(
        self, ear: nn.Module, kinds: int, hidden: int, inner: int, embedding_dim: int, dropout: float
    ) -> None:
        super().__init__()
        self.ear, self.kinds = ear, kinds
        self.body = nn.Sequential(
            nn.Linear(int(ear.width), hidden), nn.GELU(), nn.Dropout(dropout),  # type: ignore[arg-type]
            nn.Linear(hidden, inner), nn.GELU(), nn.Dropout(dropout / 2),
        )  # fmt: skip
        self.head = nn.Linear(inner, 1 + 2 * kinds)
        self.place = nn.Linear(inner, embedding_dim)

    def forward(self, view: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logit `(B,)`, logits of kinds and of strengths `(B, K)`, embedding `(B, D)`."""
        y = self.body(self.ear(view).float())
        logit, kinds, strengths = self.head(y).split((1, self.kinds, self.kinds), dim=1)
        return logit[:, 0], kinds, strengths, F.normalize(self.place(y), dim=1)


class QualityModel(nn.Module):
    """`forward` judges clips `(B, 2, T)` at 44.1 kHz; `judge` recordings of any rate and length.

    `kinds` names the faults; there is a member for each of `hearing`, keys of `reprs.models.ears.ears`, whose
    options are under the same keys in `ear_options`, and each counts as `weights` say, by default alike.
    `embedding_dim` and `hidden` are a member's.
    """

    sample_rate = SAMPLE_RATE
    members: Any
    scale: Tensor

    def __init__(
        self,
        kinds: Sequence[str],
        hearing: Sequence[str] = ("own",),
        ear_options: Mapping[str, Mapping[str, Any]] | None = None,
        hidden: int = 512,
        inner: int = 128,
        embedding_dim: int = 64,
        dropout: float = 0.4,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        unknown = [name for name in hearing if name not in ears]
        if unknown or not hearing:
            raise ValueError(f"no ear is called {', '.join(unknown)!r}; there are {', '.join(ears)}")
        self.kinds, self.hearing = list(kinds), list(hearing)
        self.weights = [1.0] * len(self.hearing) if weights is None else [float(w) for w in weights]
        if len(self.weights) != len(self.hearing) or min(self.weights) <= 0:
            raise ValueError(f"{len(self.hearing)} members need as many weights above 0, not {self.weights}")
        self.embedding_dim = embedding_dim * len(hearing)
        options = {name: dict(given) for name, given in (ear_options or {}).items()}
        self.config: dict[str, Any] = {"kinds": self.kinds, "hearing": self.hearing, "ear_options": options}
        sizes = {"hidden": hidden, "inner": inner, "embedding_dim": embedding_dim, "dropout": dropout}
        self.config |= {**sizes, "weights": self.weights}
        self.members = nn.ModuleList(
            Member(ears[name](**options.get(name, {})), len(kinds), **sizes)  # type: ignore[arg-type]
            for name in hearing
        )
        # The scores of training clips at equal shares of them: half of all lie close to the top.
        self.register_buffer("scale", torch.linspace(LOWEST, HIGHEST, POINTS))

    @property
    def ears(self) -> dict[str, Any]:
        """One ear of every name; those of one name have the same view."""
        return {name: member.ear for name, member in zip(self.hearing, self.members, strict=True)}

    def forward(self, x: Tensor) -> Verdict:
        return self.together(self.verdicts(looked_at(self.ears, x)))

    def verdicts(self, views: Mapping[str, Tensor], asked: Sequence[int] | None = None) -> list[Verdict]:
        """What members say of clips, all or those `asked`, given what every ear looks at."""
        asked = range(len(self.members)) if asked is None else asked
        return [self._verdict(*self.members[i](views[self.hearing[i]])) for i in asked]

    def together(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The weighted mean of the members' logits; their embeddings side by side."""
        _, *said, embeddings = zip(*verdicts, strict=True)
        shares = torch.tensor(self.weights, device=self.scale.device) / sum(self.weights)
        logit, kinds, strengths = (torch.tensordot(shares, torch.stack(values), dims=1) for values in said)
        embedding = F.normalize(torch.cat(embeddings, dim=1), dim=1)
        return Verdict(self._scored(logit.sigmoid()), logit, kinds, strengths, embedding)

    def _verdict(self, logit: Tensor, kinds: Tensor, strengths: Tensor, embedding: Tensor) -> Verdict:
        return Verdict(self._scored(logit.sigmoid()), logit, kinds, strengths.sigmoid(), embedding)

    def shares(self, scores: Tensor) -> Tensor:
        """Which share of the training clips is worse than a score `(B,)`, in [0, 1]; of equals, half."""
        scores = scores.contiguous()
        places = [torch.searchsorted(self.scale, scores, right=right) for right in (False, True)]
        return (places[0] + places[1]) / (2 * POINTS)

    def _scored(self, shares: Tensor) -> Tensor:
        place = shares * (POINTS - 1)
        below = place.floor().clamp(0, POINTS - 2).long()
        return torch.lerp(self.scale[below], self.scale[below + 1], place - below) + ORDER * shares

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
        return torch.stack([x[:, s : s + window] for s in covering(total, window)])

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
