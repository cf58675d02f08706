"""The clips of degraded cuts, one after the other, as `eval.embedding` takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from eval.baselines import Row
from eval.embedding import ClipEmbedder
from reprs.corpora.cache import cache_folder
from reprs.views.degraded import Cut, Fault, is_kept, kept_cut, read, read_scores


class CutClips:
    """`clips[i]` is `(2, T)` int16, in the order of the cuts and, within one, clean first.

    `cut_of`, `faults`, `scores` and `clean` say of every clip its cut, what was done to it, what the teacher
    says, and where its clean clip is. A cut that cannot be read is left out and its reason kept in `failed`.
    """

    def __init__(self, cuts: Sequence[Cut], judged: bool, label: str) -> None:
        self.cuts: list[Cut] = []
        self.failed: list[str] = []
        self._paths = []
        for cut in _followed(cuts, judged, label, self.failed):
            self.cuts.append(cut)
            self._paths.append(kept_cut(cut, judged))
        self._read = lru_cache(None)(lambda i: read(self.cuts[i], self._paths[i]))
        rows = [(c, (), 0) if r == 0 else (c, cut.renders[r - 1], r)
                for c, cut in enumerate(self.cuts) for r in range(1 + len(cut.renders))]  # fmt: skip
        self.cut_of = np.array([c for c, _, _ in rows], int)
        self.faults: list[tuple[Fault, ...]] = [faults for _, faults, _ in rows]
        self._within = [r for _, _, r in rows]
        self.clean = np.arange(len(rows)) - np.array(self._within, int)
        kept = [read_scores(path) for path in self._paths]
        self.scores = np.concatenate(kept) if kept else np.zeros(0)

    def __len__(self) -> int:
        return len(self.faults)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._read(int(self.cut_of[index])).clips[self._within[index]]

    @property
    def contents(self) -> np.ndarray:
        """The piece of every clip."""
        return np.array([self.cuts[c].content for c in self.cut_of])

    def of_kinds(self, kinds: Sequence[str]) -> np.ndarray:
        """Indices of the clips that have one fault, of one of these kinds."""
        return np.array([i for i, f in enumerate(self.faults) if len(f) == 1 and f[0].kind in kinds], int)

    def embeddings(self, row: Row, most_cuts: int | None = None) -> np.ndarray:
        """What the row makes of the clips, or of those of the first cuts, `(N, D)`; kept in the cache."""
        clips = self if most_cuts is None else _First(self, int((self.cut_of < most_cuts).sum()))
        keys = "".join(cut.key(bool(np.isfinite(self.scores).all())) for cut in self.cuts)
        name = f"quality-{hashlib.sha256(keys.encode()).hexdigest()[:16]}"
        folder = cache_folder("eval", name, str(len(clips)))
        probe = range(0, len(clips), max(1, len(clips) // 3))
        return ClipEmbedder(clips, folder, list(probe)[:3])(row)  # type: ignore[arg-type]


class _First:
    """The first clips of a `CutClips`."""

    def __init__(self, clips: CutClips, count: int) -> None:
        self.clips, self.count = clips, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> np.ndarray:
        return self.clips[index]


def _followed(cuts: Sequence[Cut], judged: bool, label: str, failed: list[str]) -> Sequence[Cut]:
    """The cuts that can be made, made with a progress display."""
    from concurrent.futures import ThreadPoolExecutor

    from reprs.audio.files import AudioError
    from reprs.corpora.progress import track

    def made(cut: Cut) -> Cut | None:
        try:
            kept_cut(cut, judged)
            return cut
        except AudioError as error:
            failed.append(str(error))
            return None

    if all(is_kept(cut, judged) for cut in cuts):
        return cuts
    # Codecs and NumPy let go of the interpreter lock, and so does the teacher, who hears one clip at a time.
    with ThreadPoolExecutor(2) as pool:
        return [cut for cut in track(pool.map(made, cuts), label, len(cuts)) if cut is not None]
