"""Where downloaded and generated audio is kept: one folder, outside the checkout."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(*parts: str) -> Path:
    """`$REPRS_CACHE`, or `~/.cache/reprs`, with `parts` below it; the folder is made if it is missing."""
    root = Path(os.environ.get("REPRS_CACHE") or Path.home() / ".cache" / "reprs").expanduser()
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
