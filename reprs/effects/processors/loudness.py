"""Loudness normalisation."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from reprs.audio import timeline
from reprs.audio.loudness import integrated
from reprs.effects.spec import Param, effect


@effect
def loudness(
    x: Tensor, sample_rate: int, target_lufs: Annotated[Tensor, Param(-40, -6, default=-16)]
) -> Tensor:
    """One gain for the whole clip, so that its gated loudness is `target_lufs` (ITU-R BS.1770-4).

    What passes no gate is taken for -70 LUFS: silence stays silent. Peaks are not limited.
    """
    timeline.whole_clip_only("loudness is that of a whole clip")
    gain_db = target_lufs - integrated(x, sample_rate).to(target_lufs.dtype)
    return x * (10 ** (gain_db / 20))[:, None, None]
