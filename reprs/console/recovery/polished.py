"""The last of the way: Levenberg and Marquardt over the very knobs, by two-sided differences of renders.

Models by splines of a response are a little beside the knobs, and lead as near as that; here nothing is but
noise of rounding. With the geodesic acceleration of Transtrum and Sethna (2012), as `least_squares`, whose
descents come from afar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from reprs.console.recovery.excerpted import OF_TIMES, Excerpt
from reprs.console.recovery.least_squares import Found, boxed_step

FACTORS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # of the damping, tried in every step
FIRST_DAMPING, LEAST_DAMPING, LARGEST_DAMPING = 1e-4, 1e-14, 1e4
FAR, NEAR, CLOSE = 4e-3, 2e-3, 1e-6  # of differences, either way; shorter ones below that loss
LONGEST, PROBE, MOST_BENT = 0.2, 0.1, 1.5
# Ends where the loss of so many rounds ago is not much more.
IDLE, STALLED = 3, 0.7


class Slopes:
    """Residuals of an excerpt around knobs `live` of a setting, `off` `(F,)`, and their `slopes` `(L, F)`."""

    def __init__(self, excerpt: Excerpt, found: Found, on: Sequence[str], live: Sequence[int]) -> None:
        self.excerpt, self.found, self.on, self.live = excerpt, found, on, torch.tensor(live)
        self.x = found.z[self.live].double()
        times = torch.from_numpy(excerpt.late)[self.live]
        by = torch.where(times, OF_TIMES, 1.0) * (FAR if found.loss > CLOSE else NEAR)
        up, down = (self.x + by).clamp(max=1), (self.x - by).clamp(min=0)
        ahead, back = (self.x + torch.diag(end - self.x) for end in (up, down))
        rows = self.residuals(torch.cat([self.x[None], ahead, back]))
        self.off = rows[0]
        self.slopes = (rows[1 : 1 + len(live)] - rows[1 + len(live) :]) / (up - down)[:, None]
        self.gram, self.slope = self.slopes @ self.slopes.T, self.slopes @ self.off

    def full(self, rows: Tensor) -> Tensor:
        """All knobs `(R, P)` of rows of the live ones `(R, L)`."""
        z = self.found.z.repeat(len(rows), 1)
        z[:, self.live] = rows.float()
        return z

    def residuals(self, rows: Tensor) -> Tensor:
        """Of live knobs `(R, L)`, `(R, F)`."""
        return self.excerpt.residuals(self.full(rows), self.on).double()

    def step(self, slope: Tensor, damping: float) -> Tensor:
        """Down a slope `(L,)` of the damped squares, within the box."""
        scale = self.gram.diagonal()
        damped = self.gram + torch.diag(damping * (scale + 1e-12 * scale.max()))
        step = boxed_step(self.x, slope, self.gram, damped)
        return step.clamp(-LONGEST, LONGEST)

    def best(self, damping: float) -> tuple[Found, float]:
        """Where the best of a few steps leads, and its damping; the same place and more where none is."""
        dampings = [damping * factor for factor in FACTORS]
        ways = torch.stack([self.step(self.slope, each) for each in dampings])
        ahead = self.residuals((self.x + PROBE * ways).clamp(0, 1))
        second = 2 / PROBE * ((ahead - self.off) / PROBE - ways @ self.slopes)
        places = list(zip(self.x + ways, dampings, strict=True))
        for way, each, force in zip(ways, dampings, second @ self.slopes.T, strict=True):
            turn = self.step(force, each)
            if float(turn.norm()) < MOST_BENT * float(way.norm()):
                places.append((self.x + way + turn / 2, each))
        rows = self.full(torch.stack([place for place, _ in places]).clamp(0, 1))
        losses = self.excerpt.losses(rows, self.on)
        i = int(losses.argmin())
        if float(losses[i]) >= self.found.loss:
            return self.found, 10 * dampings[-1]
        return Found(rows[i], float(losses[i])), max(places[i][1], LEAST_DAMPING)


def polished(
    excerpt: Excerpt,
    found: Found,
    on: Sequence[str],
    rounds: int,
    enough: float,
    live: Sequence[int] | None = None,
    told: Callable[[float], None] | None = None,
) -> Found:
    """Downhill from a setting, by its `live` knobs or by all that do something, until `enough` is left."""
    damping, history = FIRST_DAMPING, [found.loss]
    for _ in range(rounds):
        stalled = len(history) > IDLE and history[-1] > STALLED * history[-1 - IDLE]
        if found.loss <= enough or damping > LARGEST_DAMPING or stalled:
            break
        found, damping = Slopes(excerpt, found, on, excerpt.live(on) if live is None else live).best(damping)
        history.append(found.loss)
        if told is not None:
            told(found.loss)
    return found
