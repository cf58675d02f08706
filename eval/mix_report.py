"""The result of `reprs eval mixing` as tables on the terminal, as JSON, and as a plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eval.report import colour, rounded

LEADS = {
    "leads": "how much further away than the last row; above 0 that is ahead",
    "leads before refinement": "how much further away than the controller alone; above 0 it is ahead",
}
OTHER = ("settings", "trials", "commands", *LEADS)
FOUND = "found, "
# What is plotted, where a task has it.
SHOWN = ("STFT", "effect to target", "timbre to target")


def tasks_of(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Task → row → distances."""
    tasks = {k: v for k, v in result.items() if isinstance(v, dict) and k not in OTHER}
    return {name: rows for name, rows in tasks.items() if not name.startswith(FOUND)}


def print_tables(result: dict[str, Any]) -> None:
    """A table a task, the leads, and what was found of known settings."""
    from rich.console import Console

    console = Console(width=None if Console().is_terminal else 180)
    for name, rows in tasks_of(result).items():
        console.print(_table(f"{name}: distances, less is nearer", rows))
    for name in (n for n in LEADS if n in result):
        console.print(_table(LEADS[name], result[name]))
    for name in (n for n in result if n.startswith(FOUND)):
        console.print(_table(f"{name}: shares of known settings that are found again", result[name]))
    if "left out" in result:
        console.print(result["left out"])


def save(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write mixing.json and mixing.png; returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "mixing.json", folder / "mixing.png"]
    paths[0].write_text(json.dumps(rounded(result), indent=1, ensure_ascii=False) + "\n")
    plot(result).savefig(paths[1], dpi=120, bbox_inches="tight")
    return paths


def plot(result: dict[str, Any]) -> Any:
    """Bars with 95 % intervals: a panel a figure, a group a task, a colour a row."""
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    from matplotlib import pyplot

    tasks = tasks_of(result)
    figure, panels = pyplot.subplots(len(SHOWN), 1, figsize=(11, 3 * len(SHOWN)), squeeze=False)
    for axes, shown in zip(panels[:, 0], SHOWN, strict=True):
        having = {n: rows for n, rows in tasks.items() if all(shown in r for r in rows.values())}
        names = list(dict.fromkeys(row for rows in having.values() for row in rows))
        width = 0.84 / max(len(names), 1)
        for i, name in enumerate(names):
            mean, low, high = np.array([rows[name][shown] for rows in having.values()]).T
            x = np.arange(len(having)) + (i - (len(names) - 1) / 2) * width
            style = {"label": name, "color": colour(i), "error_kw": {"lw": 0.8, "alpha": 0.6}}
            axes.bar(x, mean, width * 0.92, yerr=[mean - low, high - mean], **style)
        axes.set_xticks(range(len(having)), [n.replace(", ", "\n") for n in having], fontsize=8)
        axes.set(ylabel=shown)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.3))
    figure.suptitle("Distance from the mix that it should be")
    figure.tight_layout()
    pyplot.close(figure)
    return figure


def _table(title: str, rows: dict[str, dict[str, Any]]) -> Any:
    """Figures one below the other, a column a row of the result: more of them than fit side by side."""
    from rich.table import Table

    table = Table("", *rows, title=title, title_justify="left")
    for name in dict.fromkeys(n for row in rows.values() for n in row):
        table.add_row(name, *(_cell(figures.get(name)) for figures in rows.values()))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, (list, tuple)):
        mean, low, high = value
        return f"{mean:.3f} ±{(high - low) / 2:.3f}"
    return f"{value:.3g}"
