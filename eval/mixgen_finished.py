"""Settings of finished music that training keeps back: how near do samples of a generator come to them?

A recording is brought to the average of the corpus, and a setting that leads back is known
(`reprs.training.finished`). Given the normalised recording and another finished part of it, a generator's
samples should hold that setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eval.mixgen_rows import Heard, Row
from eval.music import KEPT_BACK
from eval.scoring import interval
from reprs.console.generator import Song
from reprs.console.knobs import Knobs
from reprs.console.standard import standard_console
from reprs.corpora.cache import cache_folder
from reprs.corpora.progress import track
from reprs.models import hub
from reprs.training.data import Source
from reprs.training.finished import FinishedSet

SHARDS, SAMPLES = 7, 32
# What is found of finished music; the rest of a setting is a draw of the prior.
FOUND = ("_gain_db", "stereo_width.width", "fader_db")
SWITCHES = ("parametric_eq", "compressor", "stereo_width")


def finished(rows: Sequence[Row], ears: Any, seed: int) -> dict[str, Any]:
    """Row → energy score of its samples (Gneiting and Raftery 2007), the lower the better, and what it is of.

    Of the gains of the equaliser, width, fader and the switches of equaliser, compressor and width: the mean
    distance of samples to the truth less half that between samples, in root mean squares over them. `ears`
    hear the recordings: the encoder that the generator carries.
    """
    wanted = FinishedSet(
        [Source("debian", {"role": "train", "kinds": ["music"]})],
        SHARDS,
        kept_back=KEPT_BACK,
        ears=named(ears),
    )
    wanted.build()
    mixes = wanted.load()
    if mixes is None:
        raise ValueError("no finished music came near a setting: is the corpus downloaded?")
    result: dict[str, Any] = {}
    for row in rows:
        scores = []
        for i in track(range(len(mixes)), f"finished music: {row.name}"):
            song = Song(
                mixes.tokens[i : i + 1, :1],
                mixes.levels_db[i : i + 1, :1],
                (mixes.contents[i].encode(),),
                (0,),
                1,
            )
            samples = row.draw(Heard(None, song, mixes.condition[i : i + 1], i), SAMPLES, seed, 0)  # type: ignore
            one = mixes[torch.tensor([i])].knobs
            scores.append(energy(told(samples), told(one)[0]))
        result[row.name] = {
            "energy score": interval(torch.stack(scores).double().numpy(), mixes.contents),
            "recordings": len(mixes),
        }
    return result


def named(ears: Any) -> str:
    """Where the checkpoint of an encoder is, which may be another than that of its name."""
    path = cache_folder("ears") / "mixgen"
    hub.save(ears, path, {"recipe": "effect"})
    return str(path)


def told(knobs: Knobs) -> Tensor:
    """What is compared, `(B, K)` in [0, 1], of the first track."""
    console = standard_console()
    columns = [i for i, name in enumerate(console.track_params) if name.endswith(FOUND)]
    switches = [console.track_switches.index(name) for name in SWITCHES]
    assert knobs.tracks_on is not None
    return torch.cat([knobs.tracks[:, 0, columns], knobs.tracks_on[:, 0, switches].float()], dim=1)


def energy(samples: Tensor, truth: Tensor) -> Tensor:
    """The score of samples `(S, K)`; of a single one, its distance to the truth `(K,)`."""
    size = samples.shape[1] ** 0.5
    away = (samples - truth).norm(dim=1).mean() / size
    if len(samples) == 1:
        return away
    between = torch.pdist(samples).mean() / size
    return away - between / 2
