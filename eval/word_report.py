"""The text-EQ result as tables, JSON and a plot."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

LABELS = {"agreed": "agreed words", "frequent": "frequent words", "all words": "all words"}


def print_tables(result: dict[str, Any]) -> None:
    """Rows by sets with 95 % intervals, words one by one, and wishes."""
    from rich.console import Console

    console = Console(width=None if Console().is_terminal else 160)
    console.print(f"Text EQ on {', '.join(result['audio'])} against {result['curves']}: mean Pearson r")
    for table in (_rows(result), _words(result), _wishes(result)):
        console.print(table)
    for name, figures in result["wishes"].items():
        console.print(f"{name}, exceptions: {', '.join(figures['exceptions']) or 'none'}")


def save(result: dict[str, Any], folder: Path, name: str) -> list[Path]:
    """Write `name`.json and `name`.png; returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.json", folder / f"{name}.png"]
    paths[0].write_text(json.dumps(_plain(result), indent=1, ensure_ascii=False) + "\n")
    plot(result).savefig(paths[1], dpi=120, bbox_inches="tight")
    return paths


def plot(result: dict[str, Any]) -> Any:
    """Left: every row on the agreed words, with 95 % intervals. Right: words, and their ceilings."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.4), width_ratios=(1, 1.3))
    rows = list(result["rows"])[::-1]
    for i, name in enumerate(rows):
        mean, low, high = result["rows"][name]["agreed"]
        style = {"color": "#1b6ca8" if name.startswith("text_eq") else "#9aa5b1"}
        left.barh(i, mean, xerr=[[mean - low], [high - mean]], error_kw={"lw": 0.8, "alpha": 0.6}, **style)
    left.axvline(result["ceiling"]["agreed"], color="0.4", lw=0.8, ls=":")
    left.set_yticks(range(len(rows)), rows)
    left.set(xlim=(-0.6, 1), xlabel="mean r (dotted: a listener against the others)", title="agreed words")
    first = rows[-1]
    words = sorted(result["words"], key=lambda w: -result["words"][w]["ceiling"])
    right.bar(range(len(words)), [result["words"][w][first] for w in words], color="#1b6ca8")
    ceilings = [result["words"][w]["ceiling"] for w in words]
    right.scatter(range(len(words)), ceilings, marker="_", s=120, color="#e07b39", label="ceiling", zorder=3)
    right.set_xticks(range(len(words)), words, rotation=60, ha="right", fontsize=8)
    right.set(ylim=(-0.7, 1), ylabel="r", title=f"{first}, frequent words")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    pyplot.close(figure)
    return figure


def _rows(result: dict[str, Any]) -> Any:
    from rich.table import Table

    sets = list(result["sizes"])
    table = Table("row", *(f"{LABELS[s]} ({result['sizes'][s]})" for s in sets), "refused", "s")
    for name, figures in result["rows"].items():
        cells = [f"{m:.3f} ±{(high - low) / 2:.3f}" for m, low, high in (figures[s] for s in sets)]
        table.add_row(name, *cells, str(figures["refused"]), f"{figures['seconds']:.0f}")
    table.add_row("a listener against the others", *(f"{result['ceiling'][s]:.3f}" for s in sets), "", "")
    return table


def _words(result: dict[str, Any]) -> Any:
    from rich.table import Table

    rows = list(result["rows"])
    rows = [name for name in rows if name not in ("flat", "spectral tilt", "mean curve")]
    table = Table("word", "listeners", "ceiling", *rows)
    for text, figures in sorted(result["words"].items(), key=lambda item: -item[1]["ceiling"]):
        numbers = (f"{figures[name]:.2f}" for name in ("ceiling", *rows))
        table.add_row(text, str(figures["listeners"]), *numbers)
    return table


def _wishes(result: dict[str, Any]) -> Any:
    from rich.table import Table

    names = [n for n in next(iter(result["wishes"].values())) if n != "exceptions"]
    table = Table("wishes", *result["wishes"])
    for name in names:
        values = (figures.get(name, "") for figures in result["wishes"].values())
        table.add_row(name, *(f"{v:.3f}" if isinstance(v, float) else str(v) for v in values))
    return table


def _plain(value: Any) -> Any:
    """Rounded, and null where there is no figure."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value
