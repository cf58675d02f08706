"""Samples that compress too much are held back, by exactly as much as is too much, and nothing else moves."""

import pytest
import torch

from reprs.console.knobs import Knobs
from reprs.console.restrained import MOST_DB, reduction_db, restrained
from reprs.console.standard import standard_console
from reprs.views.mixes import MADE_UP, PEAKS_DB

CONSOLE = standard_console()
PARAMS = CONSOLE.track_params
COLUMNS = list(PARAMS)
LEVELS_DB = torch.tensor([-18.0, -18.0, -float("inf")])


def mix(threshold_db, ratio=4.0, makeup_db=9.0, on=True):
    """One mix of three tracks with the same compressor."""
    rest = CONSOLE.neutral(1, 3)
    for name, value in (("threshold_db", threshold_db), ("ratio", ratio), ("makeup_db", makeup_db)):
        knob = f"compressor.{name}"
        rest.tracks[..., COLUMNS.index(knob)] = PARAMS[knob].to_unit(torch.tensor(value))
    rest.tracks_on[..., CONSOLE.track_switches.index("compressor")] = on
    return rest


def natural(knobs, name):
    return PARAMS[f"compressor.{name}"].from_unit(knobs.tracks[0, :, COLUMNS.index(f"compressor.{name}")])


def test_reduction_is_that_of_the_static_curve():
    """At 4 to 1, a peak 20 dB over comes out 5 dB over."""
    threshold_db = -18.0 + PEAKS_DB - 20
    assert float(reduction_db(CONSOLE, mix(threshold_db), LEVELS_DB)[0, 0]) == pytest.approx(15, abs=1e-3)
    assert not reduction_db(CONSOLE, mix(threshold_db, on=False), LEVELS_DB).any()
    assert float(reduction_db(CONSOLE, mix(threshold_db), LEVELS_DB)[0, 2]) == 0


def test_what_is_too_much_is_taken_back_with_its_makeup():
    before = mix(-18.0 + PEAKS_DB - 24)
    after = restrained(CONSOLE, before, LEVELS_DB)
    assert float(reduction_db(CONSOLE, after, LEVELS_DB)[0, 0]) == pytest.approx(MOST_DB, abs=1e-3)
    assert float(natural(after, "threshold_db")[0]) == pytest.approx(-18.0 + PEAKS_DB - 16, abs=1e-3)
    assert float(natural(after, "makeup_db")[0]) == pytest.approx(9 - MADE_UP * 6, abs=1e-3)
    assert torch.equal(after.tracks[:, 2], before.tracks[:, 2])
    moved = (after.tracks != before.tracks).any(0).any(0)
    assert {COLUMNS[i] for i in moved.nonzero()[:, 0]} == {"compressor.threshold_db", "compressor.makeup_db"}


@pytest.mark.parametrize("before", [mix(-27.0), mix(-50.0, on=False), mix(-50.0, ratio=1.0)])
def test_what_is_usual_stays(before):
    assert torch.equal(restrained(CONSOLE, before, LEVELS_DB).tracks, before.tracks)


def test_a_mix_that_was_picked_may_stay_as_hard_as_it_is():
    hard, harder = mix(-18.0 + PEAKS_DB - 24), mix(-18.0 + PEAKS_DB - 28)
    assert torch.equal(restrained(CONSOLE, hard, LEVELS_DB, start=hard).tracks, hard.tracks)
    held = restrained(CONSOLE, harder, LEVELS_DB, start=hard)
    assert float(reduction_db(CONSOLE, held, LEVELS_DB)[0, 1]) == pytest.approx(18, abs=1e-3)


def test_a_lock_holds():
    before = mix(-50.0)
    locked = torch.zeros(3, len(COLUMNS), dtype=torch.bool)
    locked[0, COLUMNS.index("compressor.threshold_db")] = True
    after = restrained(CONSOLE, before, LEVELS_DB, locked=locked)
    assert float(natural(after, "threshold_db")[0]) == pytest.approx(-50, abs=1e-3)
    assert float(natural(after, "threshold_db")[1]) > -40


def test_a_batch_is_held_back_mix_by_mix():
    both = [mix(-27.0), mix(-60.0)]
    joined = Knobs(
        *(torch.cat([getattr(m, n) for m in both]) for n in ("tracks", "shared", "tracks_on", "shared_on"))
    )
    after = restrained(CONSOLE, joined, LEVELS_DB)
    assert torch.equal(after.tracks[0], both[0].tracks[0])
    assert torch.equal(after.tracks[1], restrained(CONSOLE, both[1], LEVELS_DB).tracks[0])
