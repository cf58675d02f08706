"""What a controller hears: a token for every track, a condition for the wish.

A token is what the search part of a frozen effect encoder says of the track, its measures
(`reprs.audio.measures`), and the measures of all tracks summed with faders at 0 dB. A condition is the
reference's embedding and measures with a flag that they are there, and a timbre embedding (of words, or of
audio while training) with another.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

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
# Columns of tokens and of conditions that measure the same: of the track, and of all of them together.
COMPARED = (
    (EMBEDDING_DIM, EMBEDDING_DIM, MEASURES),
    (EMBEDDING_DIM + MEASURES, EMBEDDING_DIM, MEASURES),
)
# Of a long recording its loudest windows are heard, one of each part.
WINDOW_S, WINDOWS = 4.0, 3
SILENT_DBFS = -80.0
AT_ONCE = 4  # windows stay in a CPU's cache


@torch.no_grad()
def tokens(
    ears: EffectEncoder, tracks: Tensor, sample_rate: int, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Tracks `(B, N, C, T)` → tokens `(B, N, D)` and who sounds `(B, N)`: there by `mask`, and not silent."""
    heard = sounding(tracks, mask)
    found = torch.zeros(*tracks.shape[:2], TOKEN_DIM)
    if not bool(heard.any()):
        return found, heard
    each = list(tracks[heard])
    found[heard, : EMBEDDING_DIM + MEASURES] = hear(ears, each, sample_rate)
    sums = torch.where(heard[..., None, None], tracks, 0).sum(1)
    measured = _measures([excerpts(mix, sample_rate) for mix in sums])
    found[..., EMBEDDING_DIM + MEASURES :] = measured[:, None] * heard[..., None]
    return found, heard


@torch.no_grad()
def condition(
    ears: EffectEncoder,
    references: Sequence[Tensor] | Tensor | None,
    sample_rate: int,
    timbre: Tensor | None = None,
) -> Tensor:
    """References, a `(C, T)` each, and timbre embeddings `(B, D)`, either or both or none → `(B, R)`."""
    batch = len(references) if references is not None else 1 if timbre is None else len(timbre)
    found = torch.zeros(batch, CONDITION_DIM)
    if references is not None:
        found[:, :HEARD_FLAG], found[:, HEARD_FLAG] = hear(ears, list(references), sample_rate), 1.0
    if timbre is not None:
        found[:, CONDITION_TIMBRE], found[:, TIMBRE_FLAG] = timbre, 1.0
    return found


def without(condition: Tensor, heard: Tensor, timbre: Tensor) -> Tensor:
    """Conditions `(B, R)` without what is heard, or the timbre, where `heard`, `timbre` `(B,)` are true."""
    kept = condition.clone()
    kept[heard, : HEARD_FLAG + 1] = 0
    kept[timbre, HEARD_FLAG + 1 :] = 0
    return kept


def hear(ears: EffectEncoder, recordings: Sequence[Tensor], sample_rate: int) -> Tensor:
    """Recordings, a `(C, T)` each, → embeddings, of unit length, and measures beside them `(R, 256 + M)`."""
    clips = [excerpts(x, sample_rate) for x in recordings]
    return torch.cat([_embedded(ears, clips), _measures(clips)], dim=1)


def _embedded(ears: EffectEncoder, clips: Sequence[Tensor]) -> Tensor:
    """The mean embedding of every recording's windows; windows of one length go through together."""
    rows: dict[int, list[Tensor]] = {}
    for clip in clips:
        rows.setdefault(clip.shape[-1], []).append(clip)
    found = {
        n: torch.cat([ears.search(x) for x in torch.cat(same).split(AT_ONCE)]) for n, same in rows.items()
    }
    used = dict.fromkeys(found, 0)
    means = []
    for clip in clips:
        length, first = clip.shape[-1], used[clip.shape[-1]]
        means.append(found[length][first : first + len(clip)].mean(0))
        used[length] += len(clip)
    return F.normalize(torch.stack(means), dim=1)


def _measures(clips: Sequence[Tensor]) -> Tensor:
    """The measures of every recording's windows, put one after another."""
    joined = [clip.transpose(0, 1).flatten(1) for clip in clips]
    if len({x.shape[1] for x in joined}) == 1:
        return torch.cat([measure(x, SAMPLE_RATE) for x in torch.stack(joined).split(AT_ONCE)])
    return torch.cat([measure(x[None], SAMPLE_RATE) for x in joined])


def excerpts(x: Tensor, sample_rate: int) -> Tensor:
    """The loudest 4 s of each third of `x` `(C, T)`, as stereo at 44.1 kHz, `(W, 2, T')`; short ones whole.

    More than two channels are mixed down; less than 0.1 s is padded with silence.
    """
    x = x.float() if x.shape[0] <= 2 else x.float().mean(0, keepdim=True)
    x = F.pad(x, (0, max(0, round(0.1 * sample_rate) - x.shape[1])))
    length = min(round(WINDOW_S * sample_rate), x.shape[1])
    parts = min(WINDOWS, x.shape[1] // length)
    chosen = [_loudest(part, length) for part in x.tensor_split(parts, dim=1)]
    return torch.stack([resample(c.expand(2, -1), sample_rate, SAMPLE_RATE) for c in chosen])


def sounding(tracks: Tensor, mask: Tensor | None = None) -> Tensor:
    """Which tracks `(B, N)` of `(B, N, C, T)` are there and louder than -80 dBFS at their peak."""
    loud = tracks.abs().amax((2, 3)) > 10 ** (SILENT_DBFS / 20)
    return loud if mask is None else loud & (mask != 0)


def _loudest(part: Tensor, length: int) -> Tensor:
    windows = part.unfold(-1, length, max(1, length // 2))
    return windows[:, int(windows.square().sum((0, 2)).argmax())]
