"""Regions of the spectrum that an equaliser is told to leave alone: "low end", "mids", "20-200 Hz"."""

from __future__ import annotations

import re
from collections.abc import Sequence

REGIONS_HZ: dict[str, tuple[float, float]] = {
    "sub": (20, 60),
    "low end": (20, 150),
    "lows": (20, 250),
    "bass": (20, 250),
    "low mids": (250, 800),
    "mids": (250, 4_000),
    "high mids": (2_000, 6_000),
    "presence": (2_000, 6_000),
    "highs": (4_000, 20_000),
    "treble": (4_000, 20_000),
    "high end": (6_000, 20_000),
    "air": (10_000, 20_000),
}
_RANGE = re.compile(r"([\d.]+)\s*(k?)(?:hz)?\s*(?:-|–|to)\s*([\d.]+)\s*(k?)(?:hz)?")


def parse_region(text: str) -> tuple[float, float]:
    """A region's edges in Hz, of its name or of a range such as "20-200", "2k-5k" or "300 Hz to 1.2 kHz"."""
    name = " ".join(text.lower().replace("-end", " end").replace("_", " ").split()).removeprefix("the ")
    if name in REGIONS_HZ:
        return REGIONS_HZ[name]
    found = _RANGE.fullmatch(name)
    try:
        low, high = (float(found[i]) * (1000 if found[i + 1] else 1) for i in (1, 3))  # type: ignore[index]
    except (TypeError, ValueError):
        raise ValueError(
            f"no region {text!r}: name one of {', '.join(REGIONS_HZ)}, or a range such as 20-200"
        ) from None
    if not 0 <= low < high:
        raise ValueError(f"the region {text!r} is empty: give the lower edge first, such as 20-200")
    return low, high


def parse_lock(lock: str | Sequence[str]) -> list[tuple[float, float]]:
    """Every region of `lock`: one text, regions separated by commas, or several texts."""
    texts = [lock] if isinstance(lock, str) else list(lock)
    return [parse_region(part) for text in texts for part in text.split(",") if part.strip()]
