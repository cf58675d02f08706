"""A limiter's ceiling is read off a mix that it was at work in, and off no other."""

import pytest
import torch

from reprs.console.recovery.ceiling import ceiling_db
from reprs.effects import registry
from tests.effects.signals import music

RATE = 44_100


def limited(x, to_db):
    limiter = registry["limiter"].with_options(lookahead_ms=1.5)
    z = torch.stack(
        [
            limiter.params["ceiling_db"].to_unit(torch.tensor(to_db)),
            limiter.params["release_ms"].to_unit(torch.tensor(80.0)),
        ]
    )
    return limiter(x, RATE, z[None])[0]


def test_the_ceiling_is_where_peaks_end():
    x = music(1, 2, 2 * RATE).float()
    assert ceiling_db(limited(x, -14.0)) == pytest.approx(-14, abs=1e-3)


def test_where_no_limiter_was_at_work_there_is_no_ceiling():
    x = music(1, 2, 2 * RATE).float()
    assert ceiling_db(x[0]) is None
    assert ceiling_db(limited(x, 0.0)) is None  # nothing came near it
    assert ceiling_db(torch.zeros(2, RATE)) is None
