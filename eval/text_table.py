"""The result of text retrieval as tables on the terminal and as a plot."""

from __future__ import annotations

from typing import Any

from eval.report import colour

FIGURES = ("family", "name", "R@1", "R@5", "R@10", "first match")
PLOTTED = FIGURES[:-1]


def print_tables(result: dict[str, Any]) -> None:
    """A table for each kind of source, then a short one for each source."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if Console().is_terminal else 150)
    for kind in result["kinds"]:
        table = Table(f"{kind}, never trained on", *FIGURES)
        for name, figures in result["rows"].items():
            table.add_row(name, *(_cell(figures[kind].get(f)) for f in FIGURES))
        console.print(table)
    table = Table("family / R@10 by source", *result["galleries"])
    for name, figures in result["rows"].items():
        cells = [
            " / ".join(f"{figures[s][f][0]:.3f}" if f in figures[s] else "-" for f in ("family", "R@10"))
            for s in result["galleries"]
        ]
        table.add_row(name, *cells)
    console.print(table)


def plot(result: dict[str, Any]) -> Any:
    """Bars with 95 % intervals, a panel for each kind of source, a colour a row."""
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds, rows = result["kinds"], result["rows"]
    figure, panels = pyplot.subplots(1, len(kinds), figsize=(5.5 * len(kinds), 3.8), squeeze=False)
    width = 0.8 / len(rows)
    for axes, kind in zip(panels[0], kinds, strict=True):
        for i, (name, figures) in enumerate(rows.items()):
            missing = (float("nan"),) * 3
            mean, low, high = np.array([figures[kind].get(f, missing) for f in PLOTTED]).T
            x = np.arange(len(PLOTTED)) + (i - (len(rows) - 1) / 2) * width
            style = {"label": name, "color": colour(i), "error_kw": {"lw": 0.8, "alpha": 0.6}}
            axes.bar(x, mean, width * 0.92, yerr=[mean - low, high - mean], **style)
        axes.set_xticks(range(len(PLOTTED)), PLOTTED)
        axes.set(ylim=(0, 1), title=f"Text and audio on unseen {kind}", ylabel="share right")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0][0].legend(frameon=False, fontsize=8)
    pyplot.close(figure)
    return figure


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    mean, low, high = value
    return f"{mean:.1f} ±{(high - low) / 2:.1f}" if mean > 1.5 else f"{mean:.3f} ±{(high - low) / 2:.3f}"
