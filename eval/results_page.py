"""docs/results.md: every table of eval/results/*.json on one generated page.

python -m eval.results_page
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS, PAGE = ROOT / "eval" / "results", ROOT / "docs" / "results.md"
HEAD = """# Results

Made by `python -m eval.results_page` from [eval/results](../eval/results); do not edit. Figures come with
their 95 % interval where there is one. Each table names the command that makes it.
"""
# Tables wider than this are turned, so that a row of the result becomes a column of the page.
WIDEST = 9


def write_page(results: Path = RESULTS, page: Path = PAGE) -> Path:
    """Collect the results, write the page and return its path."""
    parts = [HEAD]
    for path in sorted(results.glob("*.json")):
        parts.append(
            _section(path.stem, json.loads(path.read_text()), (results / f"{path.stem}.png").exists())
        )
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts))
    return page


def _section(name: str, result: dict[str, Any], has_plot: bool) -> str:
    lines = [f"## {name.replace('_', ' ')}", ""]
    if "command" in result:
        lines += [f"`{result['command']}`", ""]
    about = [f"{key}: {result[key]}" for key in ("music", "plan") if key in result]
    lines += ["; ".join([*about, f"[JSON](../eval/results/{name}.json)"]), ""]
    for title, rows in _tables(result):
        lines += [*([f"**{title}**", ""] if title else []), *_table(rows), ""]
    if has_plot:
        lines += [f"![{name}](../eval/results/{name}.png)", ""]
    return "\n".join(lines)


def _tables(result: dict[str, Any]) -> list[tuple[str, dict[str, dict[str, Any]]]]:
    """The rows of a judged task, or else every mapping of mappings of numbers in the result."""
    if "rows" in result:
        return [("", result["rows"])]
    return [
        (key.replace("_", " "), value)
        for key, value in result.items()
        if isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values())
    ]


def _table(rows: dict[str, dict[str, Any]]) -> list[str]:
    """Markdown of the figures; a row's mappings and lists of words are left to the JSON."""
    names = [n for n in dict.fromkeys(n for r in rows.values() for n in r) if _is_figure(n, rows)]
    cells = [[_cell(r.get(n)) for n in names] for r in rows.values()]
    head, body = ["", *names], [[row, *c] for row, c in zip(rows, cells, strict=True)]
    if len(names) > WIDEST:
        head, *body = [list(column) for column in zip(head, *body, strict=True)]
    rule = ["---"] * len(head)
    return ["| " + " | ".join(line) + " |" for line in (head, rule, *body)]


def _is_figure(name: str, rows: dict[str, dict[str, Any]]) -> bool:
    return any(_cell(row.get(name)) not in ("", "–") for row in rows.values())


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if (
        isinstance(value, (list, tuple))
        and len(value) == 3
        and all(isinstance(v, (int, float)) for v in value)
    ):
        return f"{value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.4g}"
    return ""


if __name__ == "__main__":
    print(write_page())
    sys.exit(0)
