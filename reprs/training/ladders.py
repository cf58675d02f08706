"""Data of the recipe `quality`: degraded cuts with the teacher's scores, as what the model's ear looks at."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from reprs.audio.files import AudioError
from reprs.corpora.cache import cache_folder
from reprs.corpora.item import in_test
from reprs.corpora.progress import track
from reprs.models.ears import looked_at
from reprs.training.data import Source, corpora_of
from reprs.views.degradations import training_kinds
from reprs.views.degraded import SAMPLE_RATE, Cut, Fault, render
from reprs.views.ladders import training_cuts
from reprs.views.similarity import BANDS, score
from reprs.views.visqol import band_scores


class Ladders(NamedTuple):
    """A batch of N clips: views `(N, C, F)` by ear, the teacher's scores `(N,)`, strengths of the faults
    `(N, K)` (0: absent), cuts `(N,)` they come from, rising, and pairs `(P, 2)`, the better one first.
    """

    views: dict[str, Tensor]
    scores: Tensor
    strengths: Tensor
    cuts: Tensor
    pairs: Tensor


class Seen(NamedTuple):
    """A cut as the ears see it: views `(1 + R, C, F)` float16 by ear, and the teacher's scores `(1 + R,)`."""

    cut: Cut
    views: dict[str, Tensor]
    scores: Tensor


class QualityData(pl.LightningDataModule):
    """Batches of `cuts_per_batch` cuts, each with all its renders; a share of the pieces validates.

    Rendered, judged and looked at once, 0.7 s of a CPU a cut; what the ears see is kept in the cache folder
    and in memory, for the own network 600 kB a cut. Which cuts there are depends on all the music that they
    are drawn from, so `added_cuts` of `added` are drawn by themselves: cuts that are kept stay.
    """

    def __init__(
        self,
        corpora: list[Source],
        cuts: int = 3_000,
        added: list[Source] | None = None,
        added_cuts: int = 0,
        cuts_per_batch: int = 8,
        validation_share: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.drawn = [(corpora, cuts), *([(added or [], added_cuts)] if added_cuts else [])]
        self.cuts_per_batch = cuts_per_batch
        self.validation_share, self.seed = validation_share, seed

    def prepare_data(self) -> None:
        for sources, _ in self.drawn:
            for corpus in corpora_of(sources):
                corpus.download()

    def setup(self, stage: str) -> None:
        cuts: list[Cut] = []
        for i, (sources, count) in enumerate(self.drawn):
            items = [item for corpus in corpora_of(sources) for item in corpus.items()]
            if not items:
                raise ValueError("the corpora are empty: python -m reprs.corpora.debian --role train")
            cuts += training_cuts(items, count, self.seed + i)
        recipe: Any = self.trainer and self.trainer.lightning_module
        rows = seen_cuts(recipe.model.ears, cuts)
        held_out = [in_test(row.cut.content, self.validation_share, self.seed) for row in rows]
        self.training = CutDataset([r for r, out in zip(rows, held_out, strict=True) if not out])
        self.validation = CutDataset([r for r, out in zip(rows, held_out, strict=True) if out] or rows)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.training, self.cuts_per_batch, shuffle=True, drop_last=True, collate_fn=joined)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.validation, len(self.validation), collate_fn=joined)


class CutDataset(Dataset[Seen]):
    """Cuts as the ears see them."""

    def __init__(self, rows: Sequence[Seen]) -> None:
        self.rows = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Seen:
        return self.rows[index]


def joined(rows: Sequence[Seen]) -> Ladders:
    """Cuts as one batch."""
    renders = [((), *row.cut.renders) for row in rows]
    firsts = torch.tensor([0, *(len(r) for r in renders)]).cumsum(0).tolist()
    pairs = [(a + first, b + first) for r, first in zip(renders, firsts, strict=False) for a, b in order(r)]
    return Ladders(
        {name: torch.cat([row.views[name] for row in rows]).float() for name in rows[0].views},
        torch.cat([row.scores for row in rows]),
        torch.stack([_strengths(faults) for r in renders for faults in r]),
        torch.repeat_interleave(torch.arange(len(rows)), torch.tensor([len(r) for r in renders])),
        torch.tensor(pairs).reshape(-1, 2),
    )


def order(renders: Sequence[tuple[Fault, ...]]) -> list[tuple[int, int]]:
    """Pairs of renders of which the first has no more of any fault, and less of one."""
    return [
        (a, b)
        for a, mild in enumerate(renders)
        for b, gross in enumerate(renders)
        if a != b and mild != gross and _within(mild, gross)
    ]


def seen_cuts(ears: Mapping[str, Any], cuts: Sequence[Cut]) -> list[Seen]:
    """What the ears see of the cuts and the teacher says; those that cannot be read are left out."""
    folders = {name: cache_folder("quality", f"views-{_digest(ear)}") for name, ear in ears.items()}
    paths = [{name: folder / f"{cut.key(False)}.npz" for name, folder in folders.items()} for cut in cuts]
    wanted = list(zip(cuts, paths, strict=True))
    for cut, own in track([w for w in wanted if not _are_kept(w[1])], "degrading"):
        try:
            views, bands = _look(ears, cut)
        except AudioError as error:
            print(f"left out: {error}", file=sys.stderr, flush=True)
            continue
        for name, path in own.items():
            _write(path, views[name], bands)
    return [_read(cut, own) for cut, own in wanted if _are_kept(own)]


def _are_kept(paths: Mapping[str, Path]) -> bool:
    return all(path.exists() for path in paths.values())


def _look(ears: Mapping[str, Any], cut: Cut) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Views and bands of every clip; the clips themselves are not kept."""
    done = render(cut, False)
    clips = [done.audio(i) for i in range(len(done.clips))]
    bands = np.concatenate([np.ones((1, BANDS)), band_scores(clips[0], clips[1:], SAMPLE_RATE)])
    x = torch.from_numpy(np.stack(clips))
    return {name: view.half().numpy() for name, view in looked_at(ears, x).items()}, bands.astype(np.float32)


def _write(path: Path, views: np.ndarray, bands: np.ndarray) -> None:
    """Written aside and renamed: whoever reads sees all of it or nothing."""
    scratch = path.with_suffix(f".{os.getpid()}.new")
    with scratch.open("wb") as file:
        np.savez(file, views=views, bands=bands)
    scratch.replace(path)


def _read(cut: Cut, paths: Mapping[str, Path]) -> Seen:
    views = {}
    for name, path in paths.items():
        with np.load(path) as kept:
            views[name], bands = torch.from_numpy(kept["views"]), kept["bands"]
    return Seen(cut, views, torch.tensor([score(band) for band in bands], dtype=torch.float32))


def _digest(ear: nn.Module) -> str:
    """Names an ear by what it sees of a fixed noise."""
    noise = torch.randn(1, 2, 4 * 44_100, generator=torch.Generator().manual_seed(0))
    return hashlib.sha256(ear.view(noise).numpy().round(2).tobytes()).hexdigest()[:16]  # type: ignore[operator]


def _within(mild: Sequence[Fault], gross: Sequence[Fault]) -> bool:
    most = {fault.kind: fault.strength for fault in gross}
    return all(fault.strength <= most.get(fault.kind, -1.0) for fault in mild)


def _strengths(faults: Sequence[Fault]) -> Tensor:
    row = torch.zeros(len(training_kinds()))
    for fault in faults:
        # A strength of 0 is still there: absent is 0 exactly.
        row[training_kinds().index(fault.kind)] = max(fault.strength, 1e-3)
    return row
