"""What a controller hears: a token for every track, a condition for the wish.

A token is the track's embedding by a frozen effect encoder, its measures (`reprs.audio.measures`), and the
measures of all tracks summed with faders at 0 dB. A condition is the reference's embedding and measures
with a flag that they are there, and a timbre embedding (of words, or of audio while training) with another.
"""

from __future__ import annotations

import torch
from torch import Tensor

from reprs.audio.measures import NAMES, measure
from reprs.audio.resample import resample
from reprs.models.encoder import EffectEncoder

SAMPLE_RATE = EffectEncoder.sample_rate
EMBEDDING_DIM, TIMBRE_DIM = 256, 256
MEASURES = len(NAMES)
TOKEN_DIM = EMBEDDING_DIM + 2 * MEASURES
CONDITION_DIM = EMBEDDING_DIM + MEASURES + 1 + TIMBRE_DIM + 1
HEARD_FLAG, TIMBRE_FLAG = EMBEDDING_DIM + MEASURES, CONDITION_DIM - 1
# Where the measures are, for those who listen to them alone.
TOKEN_MEASURES = slice(EMBEDDING_DIM, TOKEN_DIM)
CONDITION_MEASURES = slice(EMBEDDING_DIM, HEARD_FLAG)
CONDITION_TIMBRE = slice(HEARD_FLAG + 1, TIMBRE_FLAG)
# Of a long recording its loudest windows are heard, one of each part.
WINDOW_S, WINDOWS = 4.0, 3
SILENT_DBFS = -80.0


@torch.no_grad()
def tokens(
    ears: EffectEncoder, tracks: Tensor, sample_rate: int, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Tracks `(B, N, C, T)` → tokens `(B, N, D)` and who sounds `(B, N)`: there by `mask`, and not silent."""
    heard = sounding(tracks, mask)
    found = torch.zeros(*tracks.shape[:2], TOKEN_DIM)
    for mix, row, present in zip(tracks, found, heard, strict=True):
        if not bool(present.any()):
            continue
        active = mix[present]
        row[present, : EMBEDDING_DIM + MEASURES] = torch.stack(
            [torch.cat(hear(ears, track, sample_rate)) for track in active]
        )
        row[present, EMBEDDING_DIM + MEASURES :] = _measured(ears, active.sum(0), sample_rate)
    return found, heard


@torch.no_grad()
def condition(
    ears: EffectEncoder,
    references: list[Tensor] | Tensor | None,
    sample_rate: int,
    timbre: Tensor | None = None,
) -> Tensor:
    """References, a `(C, T)` each, and timbre embeddings `(B, D)`, either or both or none → `(B, R)`."""
    batch = len(references) if references is not None else 1 if timbre is None else len(timbre)
    found = torch.zeros(batch, CONDITION_DIM)
    if references is not None:
        rows = [torch.cat(hear(ears, reference, sample_rate)) for reference in references]
        found[:, :HEARD_FLAG], found[:, HEARD_FLAG] = torch.stack(rows), 1.0
    if timbre is not None:
        found[:, CONDITION_TIMBRE], found[:, TIMBRE_FLAG] = timbre, 1.0
    return found


def without(condition: Tensor, heard: Tensor, timbre: Tensor) -> Tensor:
    """Conditions `(B, R)` without what is heard, or the timbre, where `heard`, `timbre` `(B,)` are true."""
    kept = condition.clone()
    kept[heard, : HEARD_FLAG + 1] = 0
    kept[timbre, HEARD_FLAG + 1 :] = 0
    return kept


def hear(ears: EffectEncoder, x: Tensor, sample_rate: int) -> tuple[Tensor, Tensor]:
    """A recording `(C, T)`: its embedding `(256,)`, of unit length, and its measures `(M,)`."""
    clips = excerpts(x, sample_rate)
    e = torch.nn.functional.normalize(ears(clips).mean(0), dim=0)
    return e, measure(clips.transpose(0, 1).flatten(1)[None], SAMPLE_RATE)[0]


def excerpts(x: Tensor, sample_rate: int) -> Tensor:
    """The loudest 4 s of each third of `x` `(C, T)`, as stereo at 44.1 kHz, `(W, 2, T')`; short ones whole.

    More than two channels are mixed down; less than 0.1 s is padded with silence.
    """
    x = x.float() if x.shape[0] <= 2 else x.float().mean(0, keepdim=True)
    x = torch.nn.functional.pad(x, (0, max(0, round(0.1 * sample_rate) - x.shape[1])))
    length = min(round(WINDOW_S * sample_rate), x.shape[1])
    parts = min(WINDOWS, x.shape[1] // length)
    chosen = [_loudest(part, length) for part in x.tensor_split(parts, dim=1)]
    return torch.stack([resample(c.expand(2, -1), sample_rate, SAMPLE_RATE) for c in chosen])


def sounding(tracks: Tensor, mask: Tensor | None = None) -> Tensor:
    """Which tracks `(B, N)` of `(B, N, C, T)` are there and louder than -80 dBFS at their peak."""
    loud = tracks.abs().amax((2, 3)) > 10 ** (SILENT_DBFS / 20)
    return loud if mask is None else loud & (mask != 0)


def _measured(ears: EffectEncoder, x: Tensor, sample_rate: int) -> Tensor:
    return measure(excerpts(x, sample_rate).transpose(0, 1).flatten(1)[None], SAMPLE_RATE)[0]


def _loudest(part: Tensor, length: int) -> Tensor:
    windows = part.unfold(-1, length, max(1, length // 2))
    return windows[:, int(windows.square().sum((0, 2)).argmax())]
