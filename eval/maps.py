"""Embeddings of clips with one effect, drawn in two dimensions and coloured by the kind of effect."""

from __future__ import annotations

from typing import Any

import numpy as np

COLOURS = ("#1b6ca8", "#e07b39", "#2f9e6e", "#c0392b", "#8b5fbf", "#8a6d3b", "#e58fb8", "#3a3f47")
SEED = 0


def draw_maps(rows: list[Any], embedder: Any, count: int = 3) -> Any:
    """A t-SNE (van der Maaten 2008) of the first rows' embeddings side by side, and of the last row's."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    indices, kinds = _single_effects(embedder.plan)
    chosen = [*rows[: count - 1], rows[-1]]
    figure, axes = pyplot.subplots(1, len(chosen), figsize=(4.2 * len(chosen), 4.3))
    for axis, row in zip(axes, chosen, strict=True):
        _draw(axis, _flatten(embedder(row)[indices]), kinds, row.name)
    names = sorted(set(kinds))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=len(names), frameon=False)
    figure.subplots_adjust(bottom=0.12, wspace=0.06)
    pyplot.close(figure)
    return figure


def _single_effects(plan: Any) -> tuple[list[int], list[str]]:
    groups = plan.groups["20-way, 1 effect"]
    indices = [i for g in groups for side in ("queries", "targets") for i in g[side]]
    return indices, [plan.chains[plan.renders[i][1]].kinds[0] for i in indices]


def _flatten(e: np.ndarray) -> np.ndarray:
    from sklearn.manifold import TSNE

    unit = e / np.maximum(np.linalg.norm(e, axis=1, keepdims=True), 1e-12)
    return TSNE(perplexity=20, init="pca", random_state=SEED).fit_transform(unit)


def _draw(axis: Any, points: np.ndarray, kinds: list[str], title: str) -> None:
    labels = np.array(kinds)
    for name, colour in zip(sorted(set(kinds)), COLOURS, strict=False):
        x, y = points[labels == name].T
        axis.scatter(x, y, s=22, color=colour, alpha=0.85, lw=0, label=name)
    axis.set(xticks=[], yticks=[], title=title)
    axis.spines[:].set_color("0.85")
