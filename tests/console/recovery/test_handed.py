"""What equalisers hand each other is rendered: mixes stay what they are."""

import numpy as np
import pytest
import torch

from reprs.console.recovery.excerpted import Excerpt
from reprs.console.recovery.handed import handed
from tests.console.recovery.test_together import RATE, STANDARD, known, stems

MASTER_EQ = "master.parametric_eq"
BELL = {"peak2_hz": 2_000.0, "peak2_q": 1.6}
# A bell that both strips have and the master takes back.
LIFTED = {f"parametric_eq.{name}": value for name, value in (BELL | {"peak2_gain_db": 5.0}).items()}
VALUES = (
    LIFTED | {"parametric_eq.low_shelf_gain_db": 4.0, "parametric_eq.low_shelf_hz": 90.0},
    LIFTED | {"parametric_eq.peak4_gain_db": -4.0, "parametric_eq.peak4_hz": 6_000.0, "pan": 0.3},
)
CUT = {f"{MASTER_EQ}.{name}": value for name, value in (BELL | {"peak2_gain_db": -5.0}).items()}


@pytest.fixture(scope="module")
def excerpt():
    x, answer = stems(1.0), known(STANDARD, VALUES, CUT)
    found = Excerpt(STANDARD, x, STANDARD(x, RATE, answer)[0], RATE, answer)
    found.hear_waves()
    return found


@pytest.fixture(scope="module")
def rows(excerpt):
    with torch.no_grad():
        return handed(excerpt.layout([MASTER_EQ]), excerpt.z, True, np.random.default_rng(0))


def apart(excerpt, rows):
    """How far the mixes of rows are from that of the excerpt's own knobs, as a share of it."""
    here = excerpt.residuals(excerpt.z[None], [MASTER_EQ])
    return (excerpt.residuals(rows, [MASTER_EQ]) - here).square().sum(1)


@torch.no_grad()
def test_mixes_stay_what_they_are(excerpt, rows):
    off = apart(excerpt, rows)
    assert len(rows) > 10 and float(off.max()) < 3e-4 and float(off.median()) < 1e-6
    # They are other settings: some gain is elsewhere by a decibel and more.
    span_db = np.array([p.max - p.min for p in excerpt.params])
    gains_db = ((rows - excerpt.z).abs().numpy() * span_db)[:, excerpt.gains]
    assert np.sort(gains_db.max(1))[len(rows) // 2] > 1


@torch.no_grad()
def test_a_bell_of_all_strips_that_the_master_takes_back_is_handed_on(excerpt, rows):
    gains_db = torch.tensor([excerpt.gains_db(z) for z in rows])
    least = int(gains_db.argmin())
    assert excerpt.gains_db(excerpt.z) == pytest.approx(23, abs=0.1)
    assert float(gains_db[least]) == pytest.approx(8, abs=0.5)
    assert float(apart(excerpt, rows[least : least + 1])) < 1e-6


@torch.no_grad()
def test_without_the_masters_equaliser_only_levels_are_handed_on(excerpt):
    rows = handed(excerpt.layout([]), excerpt.z, False, np.random.default_rng(0))
    faders = excerpt.of_tracks("fader_db")
    moved = (rows - excerpt.z).abs() > 1e-6
    assert (moved[:, faders].sum(1) == 1).all()
    others = [i for i, name in enumerate(excerpt.names) if "parametric_eq" not in name and i not in faders]
    names = {excerpt.names[i] for i in others if moved[:, i].any()}
    assert names <= {"0:compressor.threshold_db", "1:compressor.threshold_db"}


@torch.no_grad()
def test_where_makeup_has_no_room_a_level_goes_to_the_drive():
    x, on = stems(1.0), ["0:distortion"]
    values = {"distortion.drive_db": 9.0, "distortion.mix": 1.0, "compressor.makeup_db": 0.0}
    answer = known(STANDARD, (VALUES[0] | values, VALUES[1]), {})
    found = Excerpt(STANDARD, x, STANDARD(x, RATE, answer)[0], RATE, answer)
    found.hear_waves()
    rows = handed(found.layout(on), found.z, False, np.random.default_rng(0))
    makeup, drive, threshold = (
        found.names.index(f"0:{knob}")
        for knob in ("compressor.makeup_db", "distortion.drive_db", "compressor.threshold_db")
    )
    # Beyond 9 dB there is no drive left either.
    louder = (rows[:, threshold] > found.z[threshold] + 1e-3) & (rows[:, drive] > 0)
    assert louder.sum() > 3 and (rows[louder, drive] < found.z[drive]).all()
    assert (rows[louder, makeup] == found.z[makeup]).all()
    here = found.residuals(found.z[None], on)
    assert float((found.residuals(rows[louder], on) - here).square().sum(1).max()) < 3e-4
