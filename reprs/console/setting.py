"""A setting of the equaliser: bands and preamp what they came from, as JSON and as Equalizer APO text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from reprs.console.bands import MAX_GAIN_DB, Band, response_db
from reprs.console.read_saved import read_saved

FORMAT_VERSION = 1
APO_CODES = {"low_shelf": "LSC", "peak": "PK", "high_shelf": "HSC"}


@dataclass(frozen=True)
class Setting:
    """What was asked and what it became; `sample_rate` is the one the bands were chosen at.

    `model` names what read the prompt and `model_hash` its exact version; `details` is what the engine has to
    say about this run, as JSON.
    """

    prompt: str
    bands: tuple[Band, ...]
    preamp_db: float
    sample_rate: int
    amount: float = 1.0
    engine: str = "predicted"
    lock_hz: tuple[tuple[float, float], ...] = ()
    model: str = ""
    model_hash: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def response_db(self, frequencies_hz: Any) -> np.ndarray:
        """Gain of the bands in dB at each frequency, without the preamp; the shape of `frequencies_hz`."""
        return response_db(self.bands, self.sample_rate, frequencies_hz)

    def scaled(self, amount: float, max_gain_db: float = MAX_GAIN_DB) -> Setting:
        """The same bands with gains times `amount`, within ±`max_gain_db` or what they have already."""
        bands = []
        for band in self.bands:
            limit = max(max_gain_db, abs(band.gain_db))
            gain_db = round(min(max(amount * band.gain_db, -limit), limit), 1)
            bands += [replace(band, gain_db=gain_db)] if gain_db else []
        return replace(self, bands=tuple(bands), amount=self.amount * amount)

    def to_json(self, **also: Any) -> str:
        """Everything, and `also`, as a JSON object."""
        content = {"format": FORMAT_VERSION, **asdict(self), **also}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def to_apo(self) -> str:
        """The preamp and a line a band, in the syntax of Equalizer APO that AutoEq writes too."""
        return apo_text(self.bands, self.preamp_db)


def apo_text(bands: Sequence[Band], preamp_db: float) -> str:
    """Equalizer APO's configuration lines; its LSC and HSC with a Q are the cookbook's shelves."""
    lines = [f"Preamp: {preamp_db:.1f} dB"]
    for number, band in enumerate(bands, 1):
        lines.append(
            f"Filter {number}: ON {APO_CODES[band.type]} Fc {plain(band.frequency_hz)} Hz "
            f"Gain {plain(band.gain_db, 1)} dB Q {plain(band.q, 2)}"
        )
    return "\n".join(lines) + "\n"


def plain(value: float, decimals: int = 0) -> str:
    """A number as short as it can be read back exactly, with at least `decimals` and no exponent."""
    fixed = f"{value:.{decimals}f}"
    return fixed if float(fixed) == value else np.format_float_positional(value, trim="-")


def read_setting(path: str | Path) -> Setting:
    """The setting of a JSON file, edited or not; raises ValueError with one line."""
    return read_saved(
        path,
        _setting,
        FORMAT_VERSION,
        "setting",
        "give the OUT.json of an earlier `reprs eq`",
        "a setting of `reprs eq`",
    )


def _setting(found: Mapping[str, Any]) -> Setting:
    bands = tuple(
        Band(b["type"], _number(b["frequency_hz"]), _number(b["gain_db"]), _number(b["q"]))
        for b in found["bands"]
    )
    return Setting(
        prompt=str(found["prompt"]),
        bands=bands,
        preamp_db=_number(found["preamp_db"]),
        sample_rate=int(found["sample_rate"]),
        amount=_number(found.get("amount", 1.0)),
        engine=str(found.get("engine", "")),
        lock_hz=tuple((_number(low), _number(high)) for low, high in found.get("lock_hz", ())),
        model=str(found.get("model", "")),
        model_hash=str(found.get("model_hash", "")),
        details=dict(found.get("details", {})),
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)
