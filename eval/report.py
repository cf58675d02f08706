"""A result as a table on the terminal, as JSON, and as a plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def columns(result: dict[str, Any]) -> list[str]:
    """The figures every row has, in the order they are shown."""
    counts = [name for name in result["sizes"] if name.startswith("20-way, ")]
    return ["20-way", "R@1", "R@10", "MRR", *counts]


def print_table(result: dict[str, Any]) -> None:
    """Figures with half the width of their 95 % interval, then accuracy by kind of effect."""
    from rich.console import Console

    console = Console(width=None if Console().is_terminal else 160)
    sizes, pieces = result["sizes"], sum(result["sources"].values())
    console.print(f"Chain retrieval on {result['music']}: {pieces} pieces, plan {result['plan']}")
    console.print(f"20-way: {sizes['20-way']} trials, chance .05; R@1, R@10, MRR: among {sizes['gallery']}")
    console.print(_figures(result))
    console.print(_by_kind(result))


def save(result: dict[str, Any], folder: Path, name: str) -> list[Path]:
    """Write `name`.json and `name`.png; returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.json", folder / f"{name}.png"]
    paths[0].write_text(json.dumps(rounded(result), indent=1, ensure_ascii=False) + "\n")
    plot(result).savefig(paths[1], dpi=120, bbox_inches="tight")
    return paths


def plot(result: dict[str, Any]) -> Any:
    """Bars of every figure with 95 % intervals, a colour a row, and the chance of the 20-way as a line."""
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown, rows = columns(result), result["rows"]
    figure, axes = pyplot.subplots(figsize=(10, 4))
    width = 0.8 / len(rows)
    for i, (name, figures) in enumerate(rows.items()):
        mean, low, high = np.array([figures[c] for c in shown]).T
        x = np.arange(len(shown)) + (i - (len(rows) - 1) / 2) * width
        style = {"label": name, "color": colour(i), "error_kw": {"lw": 0.8, "alpha": 0.6}}
        axes.bar(x, mean, width * 0.92, yerr=[mean - low, high - mean], **style)
    axes.axhline(0.05, color="0.5", lw=0.8, ls=":")
    axes.set_xticks(range(len(shown)), [c.replace(", ", "\n") for c in shown])
    axes.set(ylim=(0, 1), ylabel="share found", title=f"Chain retrieval on {result['music']}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=len(rows), loc="upper center", bbox_to_anchor=(0.5, -0.16))
    pyplot.close(figure)
    return figure


def colour(index: int) -> str:
    """Row colours: strong ones for the first rows (models), muted ones for the baselines after them."""
    return ("#1b6ca8", "#e07b39", "#9aa5b1", "#6c8f5f", "#a5794f", "#8b6aa5", "#c2b23a", "#4a4a4a")[index % 8]


def _figures(result: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table("row", *columns(result), "s")
    for name, figures in result["rows"].items():
        cells = [f"{m:.3f} ±{(high - low) / 2:.3f}" for m, low, high in (figures[c] for c in columns(result))]
        table.add_row(name, *cells, f"{figures['seconds']:.0f}")
    return table


def _by_kind(result: dict[str, Any]) -> Any:
    from rich.table import Table

    kinds = list(next(iter(result["rows"].values()))["by kind"])
    table = Table("20-way, 1 effect, by kind", *kinds)
    for name, figures in result["rows"].items():
        table.add_row(name, *(f"{figures['by kind'][kind]:.2f}" for kind in kinds))
    return table


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return round(value, 4) if isinstance(value, float) else value


def cell(figure: Any) -> str:
    """A figure for a table: a number, or (value, low, high) as value ± half the interval; "–" for None."""
    if figure is None:
        return "–"
    mean, low, high = triple(figure)
    return f"{mean:.3f}" if low == high else f"{mean:.3f} ±{(high - low) / 2:.3f}"


def triple(figure: Any) -> tuple[float, float, float]:
    """(value, low, high); those of a plain number are all that number."""
    return (figure, figure, figure) if isinstance(figure, (int, float)) else tuple(figure)
