"""The probes: what can be read off an embedding with a straight line, and what should not be in it.

Each function takes the plan and the embeddings `(N, D)` of all clips and returns figures: name → (value, low,
high), intervals over the contents of the test side.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from eval import linear
from eval.chains import DEFAULT_KINDS
from eval.knobs import knobs, measured
from eval.probe_plan import PAIRS, ProbePlan, presence
from eval.probe_scores import Figure, accuracy, average_precision, bootstrapped, macro, r_squared
from eval.styles import STYLE_TASKS, STYLES

# Column → the side it learns from, the side it is tested on.
CROSSINGS = {
    "pedalboard": ("pedalboard train", "pedalboard test"),
    "ours to pedalboard": ("reprs train", "pedalboard test"),
}
SHOTS_A_STYLE, SHOTS, DRAWS = 5, 64, 8
FEWEST_VALUES = 30


def presence_figures(plan: ProbePlan, e: np.ndarray) -> dict[str, Figure]:
    """Macro average precision over the effects, and each effect's own on pedalboard; chance is near .5."""
    figures = {}
    for column, (learnt, tested) in CROSSINGS.items():
        train, test = plan.tasks["chains"][learnt], plan.tasks["chains"][tested]
        y = presence(plan, train)
        (scores,) = linear.logistic_scores(e[train], y, plan.contents(train), e[test])
        figures |= _macro_ap(plan, test, scores, f"presence, {column}")
        if column == "pedalboard":
            figures |= _ap_by_kind(plan, test, scores)
    return figures | _lighter_presence(plan, e)


def number_and_knob_figures(plan: ProbePlan, e: np.ndarray) -> dict[str, Figure]:
    """R² of the number of effects and of every knob among the clips whose chain has it."""
    figures = {}
    for column in CROSSINGS:
        train, test = (plan.tasks["chains"][side] for side in CROSSINGS[column])
        counts = [np.array([[len(plan.chain_of(i).kinds)] for i in side], float) for side in (train, test)]
        name = f"number of effects, {column}"
        figures[name] = _regressed(plan, e, train, test, counts[0], counts[1])
        values = {i: knobs(plan.chain_of(i)) for i in (*train, *test)}
        for knob in measured(list(values.values())):
            having = [[i for i in side if knob in values[i]] for side in (train, test)]
            if min(map(len, having)) >= FEWEST_VALUES:
                y = [np.array([[values[i][knob]] for i in side]) for side in having]
                figures[f"knob {knob}, {column}"] = _regressed(plan, e, *having, *y)
    return figures


def order_figures(plan: ProbePlan, e: np.ndarray) -> dict[str, Figure]:
    """Which of two effects came first: accuracy, the mean over the pairs and each pair; chance is .5."""
    figures = {}
    for column in CROSSINGS:
        train, test = (plan.tasks["order"][side] for side in CROSSINGS[column])
        right = np.zeros(len(test))
        for pair in PAIRS:
            names = [">".join(pair), ">".join(pair[::-1])]
            own = [np.flatnonzero(np.isin(plan.labels(side), names)) for side in (train, test)]
            ids = [np.array(side)[o] for side, o in zip((train, test), own, strict=True)]
            (said,) = linear.classify(e[ids[0]], plan.labels(ids[0]), plan.contents(ids[0]), e[ids[1]])
            right[own[1]] = said == plan.labels(ids[1])
            if column == "pedalboard":
                figures[f"order of {pair[0]} and {pair[1]}"] = _share(plan, ids[1], right[own[1]])
        figures[f"order, {column}"] = _share(plan, test, right)
    return figures


def style_figures(plan: ProbePlan, e: np.ndarray) -> dict[str, Figure]:
    """Accuracy on five styles as published and on mild ones: linear, by style, nearest neighbours, and five
    examples a style; chance is .2.
    """
    figures = {}
    for task in STYLE_TASKS:
        for column in CROSSINGS:
            train, test = (plan.tasks[task][side] for side in CROSSINGS[column])
            (said,) = linear.classify(e[train], plan.labels(train), plan.contents(train), e[test])
            figures[f"{task}, {column}"] = _share(plan, test, said == plan.labels(test))
            if column == "pedalboard":
                figures |= _by_style(plan, test, said, task) | _lighter_styles(plan, e, task)
    return figures


def _by_style(plan: ProbePlan, test: Sequence[int], said: np.ndarray, task: str) -> dict[str, Figure]:
    wanted = plan.labels(test)
    right, one = said == wanted, task.removesuffix("s")
    return {f"{one} {name}": _share(plan, *_only(test, right, wanted == name)) for name in STYLES}


def _lighter_styles(plan: ProbePlan, e: np.ndarray, task: str) -> dict[str, Figure]:
    """Probes that need little or no training: nearest neighbours, and a few labelled clips."""
    train, test = (plan.tasks[task][side] for side in CROSSINGS["pedalboard"])
    y, wanted = plan.labels(train), plan.labels(test)
    names = np.unique(y)
    votes = linear.neighbour_votes(e[train], (y[:, None] == names).astype(float), e[test])
    drawn = [linear.few_shot_classes(e[train], y, e[test], SHOTS_A_STYLE, d) for d in range(DRAWS)]
    return {
        f"{task}, k-NN": _share(plan, test, names[votes.argmax(axis=1)] == wanted),
        f"{task}, {SHOTS_A_STYLE} examples each": _share(
            plan, test, np.mean([d == wanted for d in drawn], axis=0)
        ),
    }


def content_figures(plan: ProbePlan, e: np.ndarray) -> dict[str, Figure]:
    """How much of the content is left: which piece (from another place in it), which instrument.

    For an embedding of effects less is better.
    """
    clips = plan.tasks["chains"]["pedalboard train"]
    cut = plan.labels(clips)
    train, test = ([i for i, c in zip(clips, cut, strict=True) if c == number] for number in ("0", "1"))
    pieces, y = np.unique(plan.contents(train), return_inverse=True)
    one_hot = np.eye(len(pieces))[y]
    repeats = [str(j % 4) for j in range(len(train))]  # folds over the chains: every fold knows every piece
    (scores,) = linear.ridge(e[train], one_hot, repeats, e[test])
    right = pieces[scores.argmax(axis=1)] == np.array(plan.contents(test))
    figures = {"content": _share(plan, test, right)}
    if "instruments" in plan.tasks:
        train, test = (plan.tasks["instruments"][f"pedalboard {side}"] for side in ("train", "test"))
        (said,) = linear.classify(e[train], plan.labels(train), plan.contents(train), e[test])
        figures["instrument"] = _share(plan, test, said == plan.labels(test))
    return figures


def leak(
    e: np.ndarray, values: np.ndarray, plan: ProbePlan, train: Sequence[int], test: Sequence[int]
) -> Figure:
    """R² of a nuisance (level, length) read off the embeddings of the clips `train` and then `test`."""
    y = values[:, None]
    (said,) = linear.ridge(e[: len(train)], y[: len(train)], plan.contents(train), e[len(train) :])
    return bootstrapped(partial(r_squared, values[len(train) :], said[:, 0]), plan.contents(test))


def _lighter_presence(plan: ProbePlan, e: np.ndarray) -> dict[str, Figure]:
    """Presence by nearest neighbours, and by a probe that saw 64 clips."""
    train, test = (plan.tasks["chains"][side] for side in CROSSINGS["pedalboard"])
    y = presence(plan, train)
    votes = linear.neighbour_votes(e[train], y, e[test])
    figures = _macro_ap(plan, test, votes, "presence, k-NN")
    drawn = [linear.few_shot_scores(e[train], y, e[test], SHOTS, d) for d in range(DRAWS)]
    each = [_aps(plan, test, scores) for scores in drawn]
    figures[f"presence, {SHOTS} examples"] = bootstrapped(
        macro([ap for aps in each for ap in aps]), plan.contents(test)
    )
    return figures


def _aps(plan: ProbePlan, test: Sequence[int], scores: np.ndarray) -> list:
    labels = presence(plan, test)
    return [partial(average_precision, scores[:, k], labels[:, k]) for k in range(labels.shape[1])]


def _macro_ap(plan: ProbePlan, test: Sequence[int], scores: np.ndarray, name: str) -> dict[str, Figure]:
    return {name: bootstrapped(macro(_aps(plan, test, scores)), plan.contents(test))}


def _ap_by_kind(plan: ProbePlan, test: Sequence[int], scores: np.ndarray) -> dict[str, Figure]:
    contents = plan.contents(test)
    aps = zip(DEFAULT_KINDS, _aps(plan, test, scores), strict=True)
    return {f"presence of {kind}": bootstrapped(ap, contents) for kind, ap in aps}


def _regressed(
    plan: ProbePlan,
    e: np.ndarray,
    train: Sequence[int],
    test: Sequence[int],
    y: np.ndarray,
    wanted: np.ndarray,
) -> Figure:
    (said,) = linear.ridge(e[train], y, plan.contents(train), e[test])
    return bootstrapped(partial(r_squared, wanted[:, 0], said[:, 0]), plan.contents(test))


def _share(plan: ProbePlan, test: Sequence[int], right: np.ndarray) -> Figure:
    return bootstrapped(partial(accuracy, np.asarray(right, float)), plan.contents(test))


def _only(test: Sequence[int], right: np.ndarray, chosen: np.ndarray) -> tuple[list[int], np.ndarray]:
    return [i for i, c in zip(test, chosen, strict=True) if c], right[chosen]
