"""Fits what a prompt asks for to the recording at hand.

Asked to be brighter, a dark recording gets more than a bright one; asked to be less boomy, a boomy one loses
more than a thin one. What a recording is on average is judged against released music (`AVERAGE_DB`), and a
band where it holds nothing but noise is not boosted.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from reprs.console.spectrum import CENTRES_HZ, third_octaves_db

# Third-octave levels of released music: rounded medians over 121 recordings of the training packages, which
# fall like the averages of Elowsson and Friberg (2017). From 12 kHz up most of them are lossily coded; there
# the upper quartile is followed.
AVERAGE_DB = {
    20: -30.0, 31.5: -22.0, 50: -13.0, 80: -12.0, 200: -13.5, 500: -16.0, 1000: -18.0, 2000: -21.0,
    4000: -24.0, 8000: -28.0, 12500: -31.0, 16000: -34.0, 20000: -40.0,
}  # fmt: skip
STRENGTH = 0.5  # a recording far to one side gets this much more, or less, than an average one
FAR_DB = 8.0
SMOOTHING_OCTAVES = 1.0
# A third octave this far under most of the others, relative to average music, holds noise at best. Of 121
# released recordings 3 % are as empty at 12 kHz, where a codec or an old sound card ended them.
MOST_PERCENTILE, EMPTY_DB = 60, (28.0, 40.0)
LOUDEST_DB = 30.0  # most others are at least this near to the loudest, unless most are empty
FEWEST_BANDS = 12  # with less than four octaves of content a recording has no spectral balance to speak of


def character_db(x: Tensor, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """How far `x` `(C, T)` lies above average music, and where it holds any, in third octaves.

    The difference in dB `(31,)` is smooth and averages 0; the content `(31,)` is from 0 (nothing) to 1. A
    recording that is silent, or a tone or two, counts as average and as having content everywhere.
    """
    level_db = third_octaves_db(x, sample_rate)
    difference_db = level_db - _average_db()
    usual_db = max(np.percentile(difference_db, MOST_PERCENTILE), difference_db.max() - LOUDEST_DB)
    content = np.interp(usual_db - difference_db, EMPTY_DB, (1.0, 0.0))
    content[-1] = content[-2]  # codecs and resamplers end between 16 and 20 kHz; nobody hears it
    # The levels of sparse music jump from one third octave to the next; a gap between two notes is no end.
    content = np.minimum(np.maximum.accumulate(content), np.maximum.accumulate(content[::-1])[::-1])
    if content.sum() < FEWEST_BANDS or level_db.max() < -120:
        return np.zeros_like(level_db), np.ones_like(level_db)
    middle_db = np.sum(content * difference_db) / content.sum()
    return _smooth(np.clip(difference_db - middle_db, -24, 24), content), content


def adapted(target_db: np.ndarray, frequencies_hz: np.ndarray, x: Tensor, sample_rate: int) -> np.ndarray:
    """The target for this recording: `target_db` `(F,)` scaled where it has more or less of it already."""
    third_octave_db, content = character_db(x, sample_rate)
    octave = np.log2(frequencies_hz)
    excess_db = np.interp(octave, np.log2(CENTRES_HZ), third_octave_db)
    factor = 1 - STRENGTH * np.tanh(np.sign(target_db) * excess_db / FAR_DB)
    boosts = np.interp(octave, np.log2(CENTRES_HZ), content)
    return target_db * factor * np.where(target_db > 0, boosts, 1.0)


def _average_db() -> np.ndarray:
    return np.interp(np.log2(CENTRES_HZ), np.log2(list(AVERAGE_DB)), list(AVERAGE_DB.values()))


def _smooth(difference_db: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Gaussian average over octaves of the bands that have content; towards 0 far from any."""
    octave = np.log2(CENTRES_HZ)
    kernel = np.exp(-0.5 * ((octave[:, None] - octave) / SMOOTHING_OCTAVES) ** 2)
    return (kernel @ (content * difference_db)) / (kernel @ content + 1e-3)
