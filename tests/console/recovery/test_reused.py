"""Mixes of which most parts are alike are those of the console itself."""

import pytest
import torch

from reprs.console.knobs import Knobs
from reprs.console.recovery.reused import Reused
from reprs.console.standard import standard_console
from tests.effects.signals import music

RATE, LENGTH = 44_100, 8_000
CONSOLE = standard_console()


def drawn(rows, tracks, seed=0):
    """Settings of which one knob of one row differs from the first, and whole rows that are others."""
    generator = torch.Generator().manual_seed(seed)
    each = torch.rand(2, tracks, len(CONSOLE.track_params), generator=generator)
    shared = torch.rand(2, len(CONSOLE.shared_params), generator=generator)
    each, shared = each[[0] * (rows - 1) + [1]], shared[[0] * (rows - 1) + [1]]
    each[1, 0, 4] += 0.01  # of the first track's equaliser
    each[2, 1, -1] = 0.0  # a send that is closed
    shared[3, 2] += 0.01  # of the reverb
    on = torch.rand(rows, tracks, len(CONSOLE.track_switches), generator=generator) > 0.4
    on[1:-1] = on[:1]
    return Knobs(each, shared, on, torch.tensor([[True, False, True, True, True, False]] * rows))


def tracks():
    return music(2, 2, LENGTH).float()


def test_every_mix_is_the_consoles_whatever_was_rendered_before():
    x, knobs = tracks(), drawn(5, 2)
    expected = CONSOLE(x.expand(5, -1, -1, -1), RATE, knobs)
    render = Reused(CONSOLE, x, RATE)
    for _ in range(2):
        found = render(knobs)
        assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())
    assert float((expected[1] - expected[0]).abs().max()) > 1e-4


def test_a_row_may_hear_another_input_for_one_track():
    x, knobs = tracks(), drawn(5, 2)
    other = torch.stack([x[1] * 0.5, x[1].flip(-1)])
    render = Reused(CONSOLE, x, RATE)
    render.offer(1, other)
    found = render(knobs, [(-1, -1), (1, 0), (1, 1), (-1, -1), (1, 0)])
    inputs = torch.stack([torch.stack([x[0], y]) for y in (x[1], other[0], other[1], x[1], other[0])])
    expected = CONSOLE(inputs, RATE, knobs)
    assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())


def test_answers_of_a_bus_add_up_to_what_it_returns():
    x, knobs = tracks(), drawn(5, 2)
    answers = Reused(CONSOLE, x, RATE).answers("reverb", knobs)
    whole = CONSOLE.render(x.expand(5, -1, -1, -1), RATE, knobs).buses["reverb"]
    assert answers.sum(1) == pytest.approx(whole, abs=1e-5 * float(whole.abs().max()))
