"""Linear probes with pinned settings: standardised features, L2 chosen by cross-validation on the train side.

Folds keep the clips of one content together. Classifiers are scikit-learn's logistic regressions, regressions
ridge in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FOLDS = 4
INVERSE_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
RIDGE_PENALTIES = (1e0, 1e1, 1e2, 1e3, 1e4, 1e5)
MOST_STEPS = 300
NEIGHBOURS = 15
# A feature that varies by less than this share of its size carries rounding, not information.
CONSTANT = 1e-4


def standardised(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Zero mean and unit deviation on `train`; features that hardly vary there become zero."""
    train = np.asarray(train, np.float64)
    mean, std = train.mean(axis=0), train.std(axis=0)
    varies = std > CONSTANT * np.sqrt(np.mean(train**2, axis=0)) + 1e-12
    scale = np.where(varies, 1 / np.where(varies, std, 1), 0)
    return [(np.asarray(x, np.float64) - mean) * scale for x in (train, *others)]


def folds(contents: Sequence[str], count: int = FOLDS) -> np.ndarray:
    """The fold of every clip, `(n,)`: contents in a fixed random order, dealt out in turn."""
    names, index = np.unique(np.asarray(contents), return_inverse=True)
    place = np.random.default_rng(0).permutation(len(names))
    return place[index] % min(count, len(names))


def logistic_scores(
    train: np.ndarray, y: np.ndarray, contents: Sequence[str], *tests: np.ndarray
) -> list[np.ndarray]:
    """Log-odds of each label, `(n, K)` a test set; `y` `(N, K)` of 0 and 1; one penalty for all labels."""
    x, *others = standardised(train, *tests)
    fold = folds(contents)

    def held_out_loss(c: float) -> float:
        return sum(
            _log_loss(y[fold == f], _binary(x[fold != f], y[fold != f], c, x[fold == f])[0])
            for f in range(fold.max() + 1)
        )

    best = min(INVERSE_PENALTIES, key=held_out_loss)
    return _binary(x, y, best, *others)


def classify(
    train: np.ndarray, y: np.ndarray, contents: Sequence[str], *tests: np.ndarray
) -> list[np.ndarray]:
    """The most likely class of every clip of every test set; multinomial logistic regression."""
    x, *others = standardised(train, *tests)
    fold = folds(contents)

    def held_out_right(c: float) -> float:
        return sum(
            float(np.sum(_classes(x[fold != f], y[fold != f], c, x[fold == f])[0] == y[fold == f]))
            for f in range(fold.max() + 1)
        )

    return _classes(x, y, max(INVERSE_PENALTIES, key=held_out_right), *others)


def ridge(train: np.ndarray, y: np.ndarray, contents: Sequence[str], *tests: np.ndarray) -> list[np.ndarray]:
    """Predictions `(n, K)` of the targets `y` `(N, K)`; every target has its own penalty."""
    x, *others = standardised(train, *tests)
    mean, scale = y.mean(axis=0), np.maximum(y.std(axis=0), 1e-12)
    target, fold = (y - mean) / scale, folds(contents)
    error = np.zeros((len(RIDGE_PENALTIES), y.shape[1]))
    for f in range(fold.max() + 1):
        left, out = fold != f, fold == f
        for i, weights in enumerate(_ridge_paths(x[left], target[left])):
            error[i] += np.sum((x[out] @ weights - target[out]) ** 2, axis=0)
    best = error.argmin(axis=0)
    chosen = np.stack(list(_ridge_paths(x, target)))[best, :, np.arange(y.shape[1])].T
    return [o @ chosen * scale + mean for o in others]


def neighbour_votes(train: np.ndarray, y: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Mean label of the 15 nearest training clips by cosine of standardised features, `(n, K)`."""
    x, others = standardised(train, test)
    x, others = _unit(x), _unit(others)
    nearest = np.argsort(-(others @ x.T), axis=1, kind="stable")[:, :NEIGHBOURS]
    return y[nearest].mean(axis=1)


def few_shot_classes(train: np.ndarray, y: np.ndarray, test: np.ndarray, shots: int, seed: int) -> np.ndarray:
    """Classes of the test clips from `shots` random training clips a class, at the weakest penalty."""
    rng = np.random.default_rng(seed)
    taken = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:shots] for c in np.unique(y)])
    x, others = standardised(train[taken], test)
    return _classes(x, y[taken], INVERSE_PENALTIES[-2], others)[0]


def few_shot_scores(train: np.ndarray, y: np.ndarray, test: np.ndarray, shots: int, seed: int) -> np.ndarray:
    """Log-odds `(n, K)` from `shots` random training clips in all."""
    taken = np.random.default_rng(seed).permutation(len(train))[:shots]
    x, others = standardised(train[taken], test)
    return _binary(x, y[taken], INVERSE_PENALTIES[-2], others)[0]


def _binary(x: np.ndarray, y: np.ndarray, c: float, *others: np.ndarray) -> list[np.ndarray]:
    columns = [_fitted(x, y[:, k], c) if 0 < y[:, k].mean() < 1 else None for k in range(y.shape[1])]
    return [
        np.stack([np.zeros(len(o)) if m is None else m.decision_function(o) for m in columns], axis=1)
        for o in others
    ]


def _classes(x: np.ndarray, y: np.ndarray, c: float, *others: np.ndarray) -> list[np.ndarray]:
    model = _fitted(x, y, c)
    return [model.predict(o) for o in others]


def _fitted(x: np.ndarray, y: np.ndarray, c: float):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=c, max_iter=MOST_STEPS, tol=1e-3).fit(x, y)


def _log_loss(y: np.ndarray, log_odds: np.ndarray) -> float:
    return float(np.sum(np.logaddexp(0, log_odds) - y * log_odds))


def _ridge_paths(x: np.ndarray, y: np.ndarray):
    """Weights `(D, K)` for every penalty, through one eigendecomposition."""
    values, vectors = np.linalg.eigh(x.T @ x)
    projected = vectors.T @ (x.T @ y)
    for penalty in RIDGE_PENALTIES:
        yield vectors @ (projected / (values + penalty)[:, None])


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
