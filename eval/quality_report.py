"""The quality result as tables on the terminal, as JSON and as a plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eval.report import cell, colour, rounded, triple

# Heading → figure; the last are costs or errors, where less is better.
COLUMNS = {
    "SRCC seen": "SRCC, seen kinds",
    "PCC seen": "PCC, seen kinds",
    "SRCC unseen": "SRCC, unseen kinds",
    "PCC unseen": "PCC, unseen kinds",
    "SRCC ladders seen": "SRCC, ladders of seen kinds",
    "SRCC ladders unseen": "SRCC, ladders of unseen kinds",
    "pairs seen": "pairs in order, seen kinds",
    "pairs unseen": "pairs in order, unseen kinds",
    "fault named": "fault named",
    "ref. SRCC seen": "SRCC with reference, seen kinds",
    "ref. SRCC unseen": "SRCC with reference, unseen kinds",
    "SRCC speech": "SRCC, speech",
    "SRCC": "SRCC",
    "PCC": "PCC",
    "RMSE seen ↓": "RMSE, seen kinds",
    "RMSE ↓": "RMSE",
    "mapped RMSE ↓": "RMSE, mapped",
    "-20 dB ↓": "score change at -20 dB",
}
PARTS = {"SRCC to ViSQOL by kind": "SRCC by kind", "pairs in order by kind": "pairs in order by kind"}


def print_tables(result: dict[str, Any]) -> None:
    """The main figures with half the width of their interval, then the kinds."""
    from rich.console import Console

    console = Console(width=None if Console().is_terminal else 200)
    sizes = ", ".join(f"{count} {name}" for name, count in result["sizes"].items())
    console.print(f"Quality on {result['music']}: {sizes}")
    console.print(_main_table(result))
    for title, name in PARTS.items():
        if any(name in figures for figures in result["rows"].values()):
            console.print(_part(result, title, name))


def save(result: dict[str, Any], folder: Path, plotted: bool = True) -> list[Path]:
    """Write quality.json and quality.png; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "quality.json", folder / "quality.png"][: 1 + plotted]
    paths[0].write_text(json.dumps(rounded(result), indent=1, ensure_ascii=False) + "\n")
    if plotted:
        plot(result).savefig(paths[1], dpi=120, bbox_inches="tight")
    return paths


def plot(result: dict[str, Any]) -> Any:
    """Bars of the main figures with 95 % intervals, a colour a row."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = result["rows"]
    shown = [c for c in _shown(result) if "↓" not in c]
    figure, axes = pyplot.subplots(figsize=(13, 4))
    width = 0.8 / max(1, len(rows))
    for i, (name, figures) in enumerate(rows.items()):
        having = [j for j, c in enumerate(shown) if COLUMNS[c] in figures]
        triples = [triple(figures[COLUMNS[shown[j]]]) for j in having]
        x = [j + (i - (len(rows) - 1) / 2) * width for j in having]
        heights = [max(0, m) for m, _, _ in triples]
        spread = [[max(0, m - low) for m, low, _ in triples], [max(0, high - m) for m, _, high in triples]]
        style = {"label": name, "color": colour(i), "error_kw": {"lw": 0.8, "alpha": 0.6}}
        axes.bar(x, heights, width * 0.92, yerr=spread, **style)
    axes.set_xticks(range(len(shown)), [c.replace(" ", "\n") for c in shown], fontsize=8)
    axes.set(ylim=(0, 1), title=f"Quality against ViSQOL on {result['music']}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    pyplot.close(figure)
    return figure


def _shown(result: dict[str, Any]) -> list[str]:
    return [c for c in COLUMNS if any(COLUMNS[c] in figures for figures in result["rows"].values())]


def _main_table(result: dict[str, Any]) -> Any:
    from rich.table import Table

    shown = _shown(result)
    table = Table("row", *shown, "s")
    for name, figures in result["rows"].items():
        cells = [cell(figures.get(COLUMNS[c])) for c in shown]
        table.add_row(name, *cells, f"{figures.get('seconds', 0):.0f}")
    return table


def _part(result: dict[str, Any], title: str, name: str) -> Any:
    """A mapping of kinds in every row, a kind a line; unseen kinds are marked *."""
    from rich.table import Table

    having = {row: figures[name] for row, figures in result["rows"].items() if name in figures}
    table = Table(f"{title} (* unseen)", *having)
    for kind in next(iter(having.values())):
        mark = "*" if kind in result["unseen kinds"] else ""
        table.add_row(f"{kind}{mark}", *(cell(figures[kind]) for figures in having.values()))
    return table
