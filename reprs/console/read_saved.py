"""Reads the JSON that a verb saved and someone may have edited."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

Saved = TypeVar("Saved")


def read_saved(
    path: str | Path,
    parse: Callable[[Mapping[str, Any]], Saved],
    version: int,
    what: str,
    advice: str,
    wanted: str,
) -> Saved:
    """What `parse` makes of the file; a ValueError says in one line why it is not `wanted`.

    A file that is not there is "no such `what`", with `advice`; a "format" above `version` is refused.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
        if found.get("format", version) > version:
            raise ValueError("it was written by a newer reprs")
        return parse(found)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such {what}; {advice}") from None
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        why = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise ValueError(f"{path}: not {wanted} ({why[:200]})") from None
