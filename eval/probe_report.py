"""The probes' result as tables on the terminal, as JSON and as a plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eval.report import cell, colour, rounded, triple

# Heading of a column → the figure under it; those after the gap are leaks, where less is better.
COLUMNS = {
    "presence AP": "presence, pedalboard",
    "ours→pb": "presence, ours to pedalboard",
    "k-NN": "presence, k-NN",
    "64 ex.": "presence, 64 examples",
    "number R²": "number of effects, pedalboard",
    "knobs R²": "knobs, pedalboard",
    "order": "order, pedalboard",
    "styles": "styles, pedalboard",
    "ours→pb styles": "styles, ours to pedalboard",
    "5 ex. styles": "styles, 5 examples each",
    "mild styles": "mild styles, pedalboard",
    "content ↓": "content",
    "instrument ↓": "instrument",
    "level R² ↓": "reads level",
    "length R² ↓": "reads length",
}


def print_tables(result: dict[str, Any]) -> None:
    """The main figures with half the width of their interval, then presence by effect and every knob."""
    from rich.console import Console

    console = Console(width=None if Console().is_terminal else 220)
    pieces = sum(result["sources"].values())
    console.print(f"Probes on {result['music']}: {pieces} pieces, plan {result['plan']}")
    console.print(_main_table(result))
    console.print(_part(result, "average precision of presence", "presence of "))
    console.print(_knob_table(result))
    for name, figures in result["rows"].items():
        for remark in figures["remarks"]:
            console.print(f"{name}: {remark}")


def save(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write probes.json and probes.png; returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "probes.json", folder / "probes.png"]
    paths[0].write_text(json.dumps(rounded(result), indent=1, ensure_ascii=False) + "\n")
    plot(result).savefig(paths[1], dpi=120, bbox_inches="tight")
    return paths


def plot(result: dict[str, Any]) -> Any:
    """Bars of the main figures with 95 % intervals, a colour a row."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = result["rows"]
    shown = [c for c in COLUMNS if all(COLUMNS[c] in figures for figures in rows.values())]
    figure, axes = pyplot.subplots(figsize=(13, 4))
    width = 0.8 / len(rows)
    for i, (name, figures) in enumerate(rows.items()):
        x = [j + (i - (len(rows) - 1) / 2) * width for j in range(len(shown))]
        triples = [triple(figures[COLUMNS[c]]) for c in shown]
        spread = [[max(0, m - low) for m, low, _ in triples], [max(0, high - m) for m, _, high in triples]]
        heights = [max(0, m) for m, _, _ in triples]
        style = {"label": name, "color": colour(i), "error_kw": {"lw": 0.8, "alpha": 0.6}}
        axes.bar(x, heights, width * 0.92, yerr=spread, **style)
    axes.set_xticks(range(len(shown)), [c.replace(" ", "\n") for c in shown], fontsize=8)
    axes.set(ylim=(0, 1), title=f"Linear probes on {result['music']} (↓ leaks: less is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=len(rows), loc="upper center", bbox_to_anchor=(0.5, -0.16))
    pyplot.close(figure)
    return figure


def _main_table(result: dict[str, Any]) -> Any:
    from rich.table import Table

    shown = [c for c in COLUMNS if any(COLUMNS[c] in figures for figures in result["rows"].values())]
    table = Table("row", *shown, "s")
    for name, figures in result["rows"].items():
        cells = [cell(figures.get(COLUMNS[c])) for c in shown]
        table.add_row(name, *cells, f"{figures['seconds']:.0f}")
    return table


def _part(result: dict[str, Any], title: str, prefix: str) -> Any:
    """The figures whose names begin with `prefix`."""
    from rich.table import Table

    names = [n for n in next(iter(result["rows"].values())) if n.startswith(prefix)]
    table = Table(title, *(n.removeprefix(prefix) for n in names))
    for row, figures in result["rows"].items():
        table.add_row(row, *(cell(figures[n]) for n in names))
    return table


def _knob_table(result: dict[str, Any]) -> Any:
    """R² of every knob, a column a row; a knob that cannot be identified is marked ×."""
    from rich.table import Table

    lost = result["knobs that cannot be identified"]
    table = Table("knob (R²; × cannot be identified)", "changes a clip by", *result["rows"])
    for knob, change_db in result["knob audibility (dB)"].items():
        cells = [cell(f.get(f"knob {knob}, pedalboard")) for f in result["rows"].values()]
        table.add_row(f"{knob} {'×' if knob in lost else ''}", f"{change_db:.0f} dB", *cells)
    return table
