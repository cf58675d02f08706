"""Descents over the very knobs end at the truth, and knobs that do nothing are left at rest."""

import pytest
import torch

from reprs.console.recovery.excerpted import Excerpt
from reprs.console.recovery.plainer import plainer
from reprs.console.recovery.polished import Slopes, polished
from tests.console.recovery.test_together import RATE, SMALL, known, natural, stems

VALUES = (
    {"parametric_eq.low_shelf_gain_db": 5.0, "parametric_eq.peak3_gain_db": -6.0, "pan": 0.3},
    {"parametric_eq.peak2_gain_db": 4.0, "stereo_width.width": 1.4, "fader_db": -3.0},
)


@pytest.fixture(scope="module")
def excerpt():
    """Two tracks and their mix, heard as waves; knobs are those that made it."""
    x, answer = stems(1.0), known(SMALL, VALUES)
    found = Excerpt(SMALL, x, SMALL(x, RATE, answer)[0], RATE, answer)
    found.hear_waves()
    return found


def astray(excerpt, names, by):
    z = excerpt.z.clone()
    for name in names:
        z[excerpt.names.index(name)] += by
    return excerpt.at(z, [])


def test_slopes_are_those_of_the_residuals(excerpt):
    live = excerpt.live([])
    near = Slopes(excerpt, excerpt.at(excerpt.z, []), [], live)
    knob = live.index(excerpt.names.index("1:fader_db"))
    by = 1e-2
    moved = excerpt.z.clone()
    moved[live[knob]] += by
    ahead = excerpt.residuals(moved[None], [])[0].double()
    straight = near.off + by * near.slopes[knob]
    assert float((ahead - straight).norm()) < 0.05 * float((ahead - near.off).norm())


@torch.no_grad()
def test_knobs_near_the_truth_come_back_to_it(excerpt):
    names = ("0:parametric_eq.peak3_gain_db", "0:parametric_eq.peak3_hz", "1:pan", "1:stereo_width.width")
    start = astray(excerpt, names, 0.03)
    found = polished(excerpt, start, [], 12, 1e-10)
    assert start.loss > 1e-4 and found.loss < 1e-9
    assert found.z[excerpt.names.index("1:pan")] == pytest.approx(
        float(excerpt.z[excerpt.names.index("1:pan")]), abs=1e-3
    )


@torch.no_grad()
def test_what_is_told_to_stay_stays(excerpt):
    start = astray(excerpt, ("0:parametric_eq.peak3_gain_db", "1:pan"), 0.03)
    live = [i for i in excerpt.live([]) if excerpt.names[i] != "1:pan"]
    found = polished(excerpt, start, [], 4, 1e-10, live)
    assert found.z[excerpt.names.index("1:pan")] == start.z[excerpt.names.index("1:pan")]
    assert found.loss < start.loss


@torch.no_grad()
def test_a_width_that_nobody_hears_is_one_and_one_that_is_heard_stays():
    x = stems(1.0)
    x[:, 0] = x[:, 0, :1]  # of a track that is the same on both sides
    answer = known(SMALL, VALUES)
    excerpt = Excerpt(SMALL, x, SMALL(x, RATE, answer)[0], RATE, answer)
    excerpt.hear_waves()
    start = polished(excerpt, astray(excerpt, ("0:stereo_width.width", "1:pan"), 0.2), [], 6, 1e-10)
    found = plainer(excerpt, start, [])
    knobs = excerpt.knobs(found.z[None], [])
    assert natural(SMALL, knobs, 0, "stereo_width.width") == pytest.approx(1, abs=1e-6)
    assert natural(SMALL, knobs, 1, "stereo_width.width") == pytest.approx(1.4, abs=0.02)
    assert found.loss < 1.1 * start.loss
