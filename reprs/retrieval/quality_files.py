"""Files → how good they sound: score, likely fault, curve over time; a bad file is named and skipped."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from reprs.audio import files
from reprs.audio.batch import Failure, attempt, check_writable
from reprs.corpora.progress import track
from reprs.models.quality import Quality

BARS = "▁▂▃▄▅▆▇█"
# A longer curve is printed with several seconds a bar.
MOST_BARS = 60
# matplotlib draws no picture of more than 2^16 pixels.
MOST_PANELS = 250
LOWEST, HIGHEST = 1.0, 4.75


@dataclass(frozen=True)
class Judged:
    """One file and what the model says of it."""

    path: Path
    quality: Quality

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON; a silent second is null."""
        quality = self.quality
        return {
            "path": str(self.path),
            "score": round(quality.score, 3),
            "likely_fault": quality.likely_fault,
            "faults": {
                kind: {"chance": round(chance, 3), "strength": round(strength, 3)}
                for kind, (chance, strength) in quality.faults.items()
            },
            "times_s": list(quality.times_s),
            "curve": [None if math.isnan(value) else round(value, 3) for value in quality.curve],
        }


def judge_files(model: Any, paths: Sequence[Path]) -> Iterator[Judged | Failure]:
    """Judge files one after the other with a progress display."""
    for path in track(paths, "judging"):
        yield attempt(path, partial(_judge, model, path))


def check_output(out: str | None, force: bool) -> None:
    """Refuse an output that is neither JSON nor a picture, or that exists unless `force`; ValueError."""
    if out is None:
        return
    path = Path(out)
    if path.suffix not in (".json", ".png"):
        raise ValueError(f"{out}: name the output OUT.json, or OUT.png for a picture of the curves")
    if path.is_dir():
        raise ValueError(f"{out} is a folder: name a file in it")
    if path.exists() and not force:
        raise ValueError(f"{out} exists: choose another name or replace it with --force")
    check_writable(path)


def check_count(out: str | None, files_judged: int) -> None:
    """Refuse a picture with more panels than one can hold; ValueError."""
    if out is not None and Path(out).suffix == ".png" and files_judged > MOST_PANELS:
        raise ValueError(
            f"{out}: a picture holds the curves of {MOST_PANELS} files, not {files_judged}: name OUT.json"
        )


def write_output(out: str, judged: Sequence[Judged]) -> None:
    """OUT.json or OUT.png."""
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        content = [one.to_json() for one in judged]
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        plot(judged).savefig(path, dpi=120, bbox_inches="tight")


def plot(judged: Sequence[Judged]) -> Any:
    """The curves of the files, a panel each, with the score as a line and the likely fault in the title."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(len(judged), 1, figsize=(9, 1.9 * len(judged)), squeeze=False)
    for axes, one in zip(panels[:, 0], judged, strict=True):
        quality = one.quality
        axes.plot(quality.times_s, quality.curve, color="#1b6ca8", marker=".", ms=3, lw=1.2)
        axes.axhline(quality.score, color="#e07b39", lw=0.9, ls="--")
        axes.set(ylim=(LOWEST, 5), ylabel="score", xlim=(0, quality.times_s[-1] + 0.5))
        title = f"{one.path.name}: {quality.score:.2f}, {fault_words(quality)}"
        axes.set_title(title, fontsize=9, loc="left", parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1, 0].set_xlabel("time in s")
    figure.tight_layout()
    pyplot.close(figure)
    return figure


def lines(one: Judged) -> list[str]:
    """What is printed of a file: score and fault, the curve, and its lowest place."""
    quality = one.quality
    said = [f"{quality.score:.2f}  {one.path}: {fault_words(quality)}"]
    heard = [(value, t) for t, value in zip(quality.times_s, quality.curve, strict=True) if value == value]
    if heard:
        lowest, at_s = min(heard)
        each_s = -(-len(quality.curve) // MOST_BARS)
        bar = f" ({each_s} s a bar)" if each_s > 1 else ""
        said.append(f"      {bars(quality.curve)}{bar}  lowest {lowest:.2f} at {at_s:.1f} s")
    return said


def fault_words(quality: Quality) -> str:
    """The likely fault with its chance and how strong it is, or that none is likely."""
    kind = quality.likely_fault
    if kind is None:
        return "no likely fault"
    chance, strength = quality.faults[kind]
    degree = "slight" if strength < 1 / 3 else "strong" if strength > 2 / 3 else "moderate"
    return f"{kind.replace('_', ' ')}, {degree} (chance {chance:.2f})"


def bars(curve: Iterable[float]) -> str:
    """The curve as a line of blocks, the worst second of each bar; a blank is silence."""
    values = list(curve)
    each = -(-len(values) // MOST_BARS)
    drawn = []
    for first in range(0, len(values), each):
        heard = [v for v in values[first : first + each] if v == v]
        share = (min(heard) - LOWEST) / (HIGHEST - LOWEST) if heard else 0.0
        drawn.append(BARS[min(int(share * len(BARS)), len(BARS) - 1)] if heard else " ")
    return "".join(drawn)


def _judge(model: Any, path: Path) -> Judged:
    about = files.info(path)
    if about.channels > 2:
        raise files.AudioError(f"{path}: has {about.channels} channels; mix it to mono or stereo first")
    audio, rate = files.read(path)
    try:
        return Judged(path, model.judge(audio, rate))
    except ValueError as error:
        raise files.AudioError(f"{path}: {error}") from None
