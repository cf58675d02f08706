"""Do words add up? "Much" against "slightly", "less" against "more", and paraphrases against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eval.word_curves import pearson

SPAN_RATIO, OPPOSITE_R, PARAPHRASE_R = 1.5, -0.6, 0.9
PARAPHRASES = (
    ("{}", "make it {}", "I want it to sound {}, please"),
    ("more {}", "add more {}", "it needs to be more {}"),
    ("less {}", "it is too {}", "reduce how {} it is"),
    ("slightly {}", "a bit {}", "a touch {}"),
)


def wishes(
    respond: Callable[[str, np.ndarray], np.ndarray | None],
    descriptors: Sequence[str],
    frequencies_hz: np.ndarray,
    paraphrases: bool = True,
) -> dict[str, Any]:
    """Shares of descriptors for which the wishes hold, with the worst; `respond` reads prompts."""
    span, opposite, alike = {}, {}, {}
    for name in descriptors:
        curve = {
            text: _curve(respond, f"{text} {name}".strip(), frequencies_hz)
            for text in ("much", "slightly", "more", "less")
        }
        span[name] = float(np.ptp(curve["much"]) / max(np.ptp(curve["slightly"]), 1e-9))
        opposite[name] = pearson(curve["less"], curve["more"])
        if paraphrases:
            alike[name] = _alike(respond, name, frequencies_hz)
    figures: dict[str, Any] = {
        "descriptors": len(descriptors),
        "much spans 1.5 x slightly": _share(span, lambda v: v >= SPAN_RATIO),
        "less against more, r <= -.6": _share(opposite, lambda v: v <= OPPOSITE_R),
        "smallest span ratio": min(span.values()),
        "highest r of less and more": max(opposite.values()),
        "exceptions": sorted(
            {n for n, v in span.items() if v < SPAN_RATIO}
            | {n for n, v in opposite.items() if v > OPPOSITE_R}
            | {n for n, v in alike.items() if v < PARAPHRASE_R}
        ),
    }
    if paraphrases:
        figures["paraphrases agree, r >= .9"] = _share(alike, lambda v: v >= PARAPHRASE_R)
        figures["lowest r of paraphrases"] = min(alike.values())
    return figures


def _alike(respond: Callable[..., np.ndarray | None], name: str, frequencies_hz: np.ndarray) -> float:
    """The lowest r between ways to say the same of one descriptor."""
    return min(
        pearson(curve, _curve(respond, other.format(name), frequencies_hz))
        for first, *others in PARAPHRASES
        for curve in [_curve(respond, first.format(name), frequencies_hz)]
        for other in others
    )


def _curve(respond: Callable[..., np.ndarray | None], prompt: str, frequencies_hz: np.ndarray) -> np.ndarray:
    """The response, flat where the prompt is refused."""
    curve = respond(prompt, frequencies_hz)
    return np.zeros(len(frequencies_hz)) if curve is None else curve


def _share(values: dict[str, float], holds: Callable[[float], bool]) -> float:
    return float(np.mean([holds(v) for v in values.values()]))
