"""Shallow heads on embeddings, chosen by their validation score, and the scores of HEAR's scene tasks.

The protocol of hear-eval-kit (Turian 2022): fully connected heads, Adam, batches of 1,024, early stopping on
the validation score, the best of a grid on that score. The grid is pinned and smaller than theirs, and has
the linear head in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor, nn

HIDDEN_LAYERS = (0, 1, 2)
LEARNING_RATES = (3.2e-3, 1e-3, 3.2e-4)
HIDDEN, DROPOUT = 1_024, 0.1
BATCH, MOST_EPOCHS, CHECK_EVERY, PATIENCE = 1_024, 500, 3, 20


@dataclass(frozen=True)
class Head:
    """The chosen head: its settings and validation score, and the scores `(n, K)` it gives the test set."""

    settings: dict[str, float]
    validation: float
    test: np.ndarray


def best_head(
    e: dict[str, np.ndarray], y: dict[str, np.ndarray], prediction_type: str, score: str, seed: int = 0
) -> Head:
    """Train every point of the grid on `train` and keep what scores best on `valid`."""
    heads = [
        _train(e, y, prediction_type, score, layers, rate, seed)
        for layers, rate in product(HIDDEN_LAYERS, LEARNING_RATES)
    ]
    return max(heads, key=lambda head: head.validation)


def _train(
    e: dict[str, np.ndarray],
    y: dict[str, np.ndarray],
    prediction_type: str,
    score: str,
    layers: int,
    rate: float,
    seed: int,
) -> Head:
    generator = torch.Generator().manual_seed(seed)
    x = {name: torch.from_numpy(np.asarray(v, np.float32)) for name, v in e.items()}
    target = torch.from_numpy(y["train"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _network(x["train"].shape[1], target.shape[1], layers)
        optimiser = torch.optim.Adam(net.parameters(), lr=rate)
        best, found, waited = -np.inf, np.zeros_like(y["test"]), 0
        for epoch in range(1, MOST_EPOCHS + 1):
            net.train()
            for batch in torch.randperm(len(target), generator=generator).split(BATCH):
                optimiser.zero_grad()
                _loss(net(x["train"][batch]), target[batch], prediction_type).backward()
                optimiser.step()
            if epoch % CHECK_EVERY:
                continue
            value = SCORES[score](_scores(net, x["valid"]), y["valid"])
            waited += 1
            if value > best:
                best, found, waited = value, _scores(net, x["test"]), 0
            if waited >= PATIENCE:
                break
    return Head({"hidden layers": layers, "learning rate": rate}, float(best), found)


def _network(inputs: int, outputs: int, layers: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for i in range(layers):
        linear = nn.Linear(inputs if i == 0 else HIDDEN, HIDDEN)
        parts += [linear, nn.BatchNorm1d(HIDDEN), nn.Dropout(DROPOUT), nn.ReLU()]
    parts.append(nn.Linear(HIDDEN if layers else inputs, outputs))
    for part in parts:
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
    return nn.Sequential(*parts)


def _loss(logits: Tensor, target: Tensor, prediction_type: str) -> Tensor:
    if prediction_type == "multiclass":
        return nn.functional.cross_entropy(logits, target.argmax(dim=1))
    return nn.functional.binary_cross_entropy_with_logits(logits, target)


@torch.no_grad()
def _scores(net: nn.Module, x: Tensor) -> np.ndarray:
    return net.eval()(x).numpy()


def top1_accuracy(scores: np.ndarray, targets: np.ndarray) -> float:
    return float(np.mean(scores.argmax(axis=1) == targets.argmax(axis=1)))


def chroma_accuracy(scores: np.ndarray, targets: np.ndarray) -> float:
    """Pitches an octave apart count as right: labels in the order of semitones."""
    return float(np.mean((scores.argmax(axis=1) - targets.argmax(axis=1)) % 12 == 0))


def mean_average_precision(scores: np.ndarray, targets: np.ndarray) -> float:
    from eval.probe_scores import average_precision

    ones = np.ones(len(scores))
    each = [average_precision(s, t, ones) for s, t in zip(scores.T, targets.T, strict=True) if t.any()]
    return float(np.mean(each))


def area_under_roc(scores: np.ndarray, targets: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    mixed = [i for i, t in enumerate(targets.T) if 0 < t.mean() < 1]
    return float(np.mean([roc_auc_score(targets[:, i], scores[:, i]) for i in mixed]))


def d_prime(scores: np.ndarray, targets: np.ndarray) -> float:
    """√2 times the normal quantile of the area under the ROC curve."""
    area = min(area_under_roc(scores, targets), 1 - 1e-9)
    return 2**0.5 * NormalDist().inv_cdf(area)


SCORES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "top1_acc": top1_accuracy,
    "pitch_acc": top1_accuracy,
    "chroma_acc": chroma_accuracy,
    "mAP": mean_average_precision,
    "aucroc": area_under_roc,
    "d_prime": d_prime,
}
