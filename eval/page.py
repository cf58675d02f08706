"""The report of `make run`: page.html filled with table, plots and sounds, so that one file holds it all."""

from __future__ import annotations

import base64
import html
import io
import string
from pathlib import Path
from typing import Any

from eval.listening import Example, Sound
from eval.maps import draw_maps
from eval.music import SAMPLE_RATE
from eval.report import columns, plot


def write_page(
    path: Path, result: dict[str, Any], examples: list[Example], rows: list[Any], embedder: Any
) -> None:
    """Write the page; it needs no other file and no network."""
    template = string.Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    page = template.substitute(
        music=html.escape(result["music"]),
        minutes=f"{result['minutes']:.1f}",
        trials=result["sizes"]["20-way"],
        gallery=result["sizes"]["gallery"],
        table=_table(result),
        bars=_svg(plot(result)),
        by_kind=_by_kind(result),
        examples="\n".join(_example(e) for e in examples),
        maps=_svg(draw_maps(rows, embedder)),
        command=html.escape(examples[0].command) if examples else "reprs search --help",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _table(result: dict[str, Any]) -> str:
    """Every row's figures with half the width of their interval; the best of a column is bold."""
    shown, rows = columns(result), result["rows"]
    best = {c: max(figures[c][0] for figures in rows.values()) for c in shown}
    lines = ["<tr><th>" + "".join(f"<th>{html.escape(c)}" for c in shown)]
    for name, figures in rows.items():
        cells = "".join(_cell(*figures[c], figures[c][0] == best[c]) for c in shown)
        lines.append(f"<tr><td>{html.escape(name)}{cells}")
    return f"<table>{''.join(lines)}</table>"


def _cell(mean: float, low: float, high: float, is_best: bool) -> str:
    mark = " class=best" if is_best else ""
    return f"<td{mark}>{_share(mean)} <small>±{_share((high - low) / 2)}</small>"


def _by_kind(result: dict[str, Any]) -> str:
    """A table whose cells are shaded by their value."""
    rows = result["rows"]
    kinds = list(next(iter(rows.values()))["by kind"])
    lines = ["<tr><th>" + "".join(f"<th>{k}" for k in kinds)]
    for name, figures in rows.items():
        values = [figures["by kind"][k] for k in kinds]
        cells = "".join(f'<td style="background:rgb(27 108 168/{0.55 * v:.2f})">{_share(v)}' for v in values)
        lines.append(f"<tr><td>{html.escape(name)}{cells}")
    return f"<table>{''.join(lines)}</table>"


def _share(value: float) -> str:
    text = f"{value:.2f}"
    return text.lstrip("0") if value < 0.995 else text


def _example(example: Example) -> str:
    asked = _player("query", example.query) + _player("same effects, other song", example.target)
    found = "".join(
        f"<h3>found by “{html.escape(model)}”</h3><div class=sounds>"
        + "".join(_player(f"{n}. cosine {s.score:.2f}", s, s.right) for n, s in enumerate(hits, 1))
        + "</div>"
        for model, hits in example.hits.items()
    )
    return f"<div class=card><div class=sounds>{asked}</div>{found}</div>"


def _player(label: str, sound: Sound, right: bool = False) -> str:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, sound.audio.T, SAMPLE_RATE, format="MP3")
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<div class="sound{" right" if right else ""}" title="{html.escape(sound.chain.describe())}">'
        f"<b>{html.escape(label)}</b><span>{' + '.join(sound.chain.kinds)}</span>"
        f'<audio controls preload="metadata" src="data:audio/mpeg;base64,{data}"></audio></div>'
    )


def _svg(figure: Any) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]
