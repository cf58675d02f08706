"""The tasks of the quality table, each on the clips of degraded cuts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.linear import folds, ridge
from eval.quality_clips import CutClips
from eval.quality_rows import Cdpam, Dnsmos, Judge
from eval.quality_scores import in_order, mapped, over_contents, pearson, rmse, spearman
from eval.scoring import interval
from reprs.views.degradations import UNSEEN, kinds, seen_kinds

FOLDS = 5
# CDPAM costs two seconds of a CPU a clip: distances are compared on the clips of so many cuts.
PAIR_CUTS = 10
QUIETER_DB = 20.0


def figures_of(row: Any, judged: CutClips, ladders: CutClips, speech: CutClips) -> dict[str, Any]:
    """All figures of a row; a set without clips gives none, and so does a task that is not the row's."""
    figures: dict[str, Any] = {}
    if isinstance(row, Dnsmos):
        return _speech_figures(speech.embeddings(row)[:, 0], speech)
    if len(judged):
        figures |= distance_figures(row, judged)
    if isinstance(row, Cdpam):
        return figures
    if len(judged):
        figures = score_figures(row, judged) | figures
    if len(ladders) and (len(judged) or isinstance(row, Judge)):
        figures |= ladder_figures(row, judged, ladders)
    if len(speech):
        figures |= _speech_figures(scores_of(row, judged, speech), speech)
    if isinstance(row, Judge):
        figures |= loudness_figures(row, ladders)
    return figures


def score_figures(row: Any, judged: CutClips) -> dict[str, Any]:
    """Agreement with the teacher on single faults of seen and of unseen kinds, and the kinds named."""
    e, scores, figures = judged.embeddings(row), scores_of(row, judged, judged), {}
    for name, chosen in (("seen", judged.of_kinds(seen_kinds())), ("unseen", judged.of_kinds(UNSEEN))):
        pair = scores[chosen], judged.scores[chosen].astype(float), judged.contents[chosen].tolist()
        figures[f"SRCC, {name} kinds"] = over_contents(spearman, *pair)
        figures[f"PCC, {name} kinds"] = over_contents(pearson, *pair)
        figures[f"RMSE, {name} kinds"] = over_contents(rmse, *pair)
    figures |= _by_kind(scores, judged)
    if isinstance(row, Judge):
        chosen = judged.of_kinds(row.kinds)
        named = e[chosen, 1 : 1 + len(row.kinds)].argmax(1)
        right = [row.kinds[n] == judged.faults[i][0].kind for n, i in zip(named, chosen, strict=True)]
        figures["fault named"] = interval(np.array(right, float), judged.contents[chosen].tolist())
    return figures


def scores_of(row: Any, judged: CutClips, clips: CutClips) -> np.ndarray:
    """A judging row's own score of every clip, or what a ridge makes of an embedding, `(N,)`.

    The ridge learns from seen kinds and clean clips alone, and never from a piece that it scores.
    """
    e = clips.embeddings(row)
    if isinstance(row, Judge):
        return e[:, 0].astype(float)
    known = judged.embeddings(row)
    learnt = np.flatnonzero([len(f) == 0 or f[0].kind in seen_kinds() for f in judged.faults])
    fold = folds(clips.contents.tolist(), FOLDS)
    scores = np.zeros(len(clips))
    for f in range(fold.max() + 1):
        test = np.flatnonzero(fold == f)
        train = learnt[~np.isin(judged.contents[learnt], clips.contents[test])]
        y = judged.scores[train, None].astype(float)
        scores[test] = ridge(known[train], y, judged.contents[train].tolist(), e[test])[0][:, 0]
    return scores


def distance_figures(row: Any, judged: CutClips) -> dict[str, Any]:
    """With the reference: how well the distance between embeddings ranks the clips as the teacher does."""
    count = int((judged.cut_of < PAIR_CUTS).sum())
    e = judged.embeddings(row, PAIR_CUTS if isinstance(row, Cdpam) else None)[:count]
    e = e[:, 1 + len(row.kinds) :] if isinstance(row, Judge) else e
    clean = judged.clean[: len(e)]
    if isinstance(row, Cdpam):
        distance = row.distance(e[clean], e)
    else:
        e = e if isinstance(row, Judge) else (e - e.mean(0)) / np.maximum(e.std(0), 1e-6)
        distance = np.linalg.norm(e - e[clean], axis=1)
    figures = {}
    for name, of_kinds in (("seen", seen_kinds()), ("unseen", UNSEEN)):
        chosen = judged.of_kinds(of_kinds)
        chosen = chosen[chosen < len(e)]
        pair = -distance[chosen].astype(float), judged.scores[chosen].astype(float)
        contents = judged.contents[chosen].tolist()
        figures[f"SRCC with reference, {name} kinds"] = over_contents(spearman, *pair, contents)
    return figures


def ladder_figures(row: Any, judged: CutClips, ladders: CutClips) -> dict[str, Any]:
    """Share of the pairs of a ladder, its clean clip among them, that are in order; and where the teacher was
    asked, agreement with it over whole ladders, from clean to gross.
    """
    scores, figures = scores_of(row, judged, ladders), {}
    for name, of_kinds in (("seen", seen_kinds()), ("unseen", UNSEEN)):
        found = [each for kind in of_kinds for each in _ladders(ladders, kind)]
        shares = [in_order(scores[rungs]) for _, rungs in found]
        contents = [ladders.cuts[cut].content for cut, _ in found]
        figures[f"pairs in order, {name} kinds"] = interval(np.array(shares), contents)
        if np.isfinite(ladders.scores).all():
            chosen = np.unique(np.concatenate([rungs for _, rungs in found]))
            pair = scores[chosen], ladders.scores[chosen].astype(float)
            own = ladders.contents[chosen].tolist()
            figures[f"SRCC, ladders of {name} kinds"] = over_contents(spearman, *pair, own)
    figures["pairs in order by kind"] = {
        kind: float(np.mean([in_order(scores[rungs]) for _, rungs in _ladders(ladders, kind)]))
        for kind in kinds
    }
    return figures


def loudness_figures(row: Judge, clips: CutClips) -> dict[str, Any]:
    """By how much the score changes when clips are 20 dB quieter, at most."""
    import torch

    chosen = range(0, len(clips), max(1, len(clips) // 32))
    x = torch.from_numpy(np.stack([clips[i] for i in chosen]).astype(np.float32) / 32_767)
    loud, quiet = (row.embed(gain * x, 44_100)[:, 0] for gain in (1.0, 10 ** (-QUIETER_DB / 20)))
    return {"score change at -20 dB": float((loud - quiet).abs().max())}


def teacher_row(judged: CutClips) -> dict[str, Any]:
    """The teacher's own share of pairs in order, where it was asked for two strengths of a kind."""
    figures = {}
    for name, of_kinds in (("seen", seen_kinds()), ("unseen", UNSEEN)):
        shares, contents = [], []
        for kind in of_kinds:
            for cut, rungs in _ladders(judged, kind):
                shares.append(in_order(judged.scores[rungs]))
                contents.append(judged.cuts[cut].content)
        figures[f"pairs in order, {name} kinds"] = interval(np.array(shares), contents)
    return figures


def _ladders(clips: CutClips, kind: str) -> list[tuple[int, np.ndarray]]:
    """Every cut with this kind, and its clips by rising strength, the clean one first."""
    found = []
    chosen = clips.of_kinds([kind])
    for cut in np.unique(clips.cut_of[chosen]):
        own = chosen[clips.cut_of[chosen] == cut]
        own = own[np.argsort([clips.faults[i][0].strength for i in own], kind="stable")]
        found.append((int(cut), np.array([clips.clean[own[0]], *own])))
    return found


def _by_kind(scores: np.ndarray, judged: CutClips) -> dict[str, Any]:
    found = {}
    for kind in kinds:
        chosen = judged.of_kinds([kind])
        found[kind] = spearman(scores[chosen], judged.scores[chosen]) if len(chosen) > 2 else None
    return {"SRCC by kind": found}


def _speech_figures(scores: np.ndarray, speech: CutClips) -> dict[str, Any]:
    chosen = speech.of_kinds(seen_kinds())
    pair = scores[chosen].astype(float), speech.scores[chosen].astype(float)
    contents: Sequence[str] = speech.contents[chosen].tolist()
    return {
        "SRCC, speech": over_contents(spearman, *pair, contents),
        "RMSE, speech, mapped": rmse(mapped(*pair), pair[1]),
    }
