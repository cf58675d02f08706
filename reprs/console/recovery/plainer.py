"""Of settings that sound alike the plainer one: widths at 1 and bands at 0 dB where that costs nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from reprs.console.recovery.excerpted import Excerpt
from reprs.console.recovery.least_squares import Found
from reprs.console.recovery.polished import Slopes, polished

AT_REST = {"stereo_width.width": 1.0, "gain_db": 0.0}
# What may be added to the loss, as a share of it: by models, and when rendered after so many rounds.
SHARE, KEPT, ROUNDS, DAMPING = 0.05, 1.1, 2, 1e-9
ROUNDING = 1e-10  # of the loss at the truth: spectra of excerpts in single precision


def plainer(excerpt: Excerpt, found: Found, on: Sequence[str]) -> Found:
    """Knobs that are at rest where the others make up for it, the cheapest first, in a straight model; what
    was `found` where the render says otherwise."""
    live = excerpt.live(on)
    near = Slopes(excerpt, found, on, live)
    inverse = torch.linalg.inv(
        near.gram + torch.diag(DAMPING * near.gram.diagonal() + 1e-12 * near.gram.max())
    )
    rests = {
        k: float(excerpt.params[i].to_unit(torch.tensor(value)))
        for k, i in enumerate(live)
        for ending, value in AT_REST.items()
        if excerpt.names[i].endswith(ending)
    }
    x, rested, spent = near.x.clone(), list[int](), 0.0
    while len(rested) < len(rests):
        # With the others to follow, a knob costs the square of its way over its part of the inverse.
        costs = {
            k: (z - float(x[k])) ** 2 / float(inverse[k, k]) for k, z in rests.items() if k not in rested
        }
        k = min(costs, key=lambda each: costs[each])
        spent += costs[k]
        if spent > SHARE * (found.loss + ROUNDING):
            break
        column = inverse[:, k] / inverse[k, k]
        x = x + column * (rests[k] - x[k])
        inverse = inverse - torch.outer(column, inverse[k])
        rested.append(k)
    for k in rested:
        x[k] = rests[k]
    z = near.full(x.clamp(0, 1)[None])[0]
    free = [i for k, i in enumerate(live) if k not in rested]
    further = polished(excerpt, excerpt.at(z, on), on, ROUNDS, found.loss, free) if rested else found
    return further if further.loss < KEPT * (found.loss + ROUNDING) else found
