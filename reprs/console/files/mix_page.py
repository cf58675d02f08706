"""The report of a mix: one page with what was asked, the figures, the picture and every setting."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reprs.console.files.described import COLUMNS, shared_rows, track_rows
from reprs.console.files.mix_measures import Figures
from reprs.console.saved_mix import SavedMix

STYLE = """body{font:14px/1.4 system-ui,sans-serif;max-width:75em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .7em;text-align:left;font-size:13px;
border-bottom:1px solid #ddd;vertical-align:top}img{max-width:100%}audio{vertical-align:middle}
.note{color:#666}"""


def write_page(
    path: Path,
    title: str,
    saved: SavedMix,
    figures: dict[str, Figures],
    picture: Any,
    notes: Sequence[str] = (),
    sounds: Sequence[str] = (),
) -> None:
    """Write the page; `figures` and `sounds` (file names beside the page) are shown in their order."""
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        "".join(f'<p class="note">{html.escape(note)}</p>' for note in notes),
        "".join(_player(name) for name in sounds),
        _figures(figures),
        f'<img alt="equalisers, spectra, loudness, spectrograms" src="data:image/png;base64,{png(picture)}">',
        "<h2>Tracks</h2>",
        table(("track", *COLUMNS), track_rows(saved)),
        "<h2>Shared</h2>" + table(("section", "setting"), rows) if (rows := shared_rows(saved)) else "",
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
    path.write_text(f"{head}<style>{STYLE}</style>{''.join(parts)}</html>\n", encoding="utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table."""
    lines = ["<tr>" + "".join(f"<th>{html.escape(cell)}" for cell in head)]
    lines += ["<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in row) for row in rows]
    return f"<table>{''.join(lines)}</table>"


def png(figure: Any) -> str:
    """A matplotlib figure in base64."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return base64.b64encode(buffer.getvalue()).decode()


def _figures(figures: dict[str, Figures]) -> str:
    names = {"loudness_lufs": "LUFS", "peak_db": "peak dB", "crest_db": "crest dB", "width_db": "side/mid dB"}
    rows = [
        (name, *(f"{value:.1f}" for key, value in asdict(found).items() if key in names))
        for name, found in figures.items()
    ]
    return table(("", *names.values()), rows)


def _player(name: str) -> str:
    return f'<p>{html.escape(name)} <audio controls preload="none" src="{html.escape(name)}"></audio></p>'
