"""The equalisers of a console: which knobs are theirs, and what takes back the level of each."""

import numpy as np
import pytest
import torch

from reprs.console.recovery.equalisers import equalisers
from reprs.console.recovery.excerpted import Excerpt
from tests.console.recovery.test_together import RATE, STANDARD, known, stems

STRIP = {"compressor.threshold_db": -30.0, "compressor.ratio": 3.0, "compressor.makeup_db": 9.0}
DRIVEN = {"distortion.drive_db": 6.0, "distortion.mix": 0.7}
VALUES = (STRIP | {"reverb.send_db": -12.0}, STRIP | DRIVEN)
LEVEL_DB = 6.0


@pytest.fixture(scope="module")
def excerpt():
    x = stems(0.5)
    answer = known(STANDARD, VALUES, {"master.parametric_eq.peak1_gain_db": 3.0, "reverb.decay_s": 1.0})
    return Excerpt(STANDARD, x, STANDARD(x, RATE, answer)[0], RATE, answer)


def found(excerpt, on, by_fader=True):
    return equalisers(STANDARD, excerpt.names, excerpt.params, on, RATE, by_fader)


def test_every_strip_has_one_with_its_highpass_and_the_master_where_it_is_on(excerpt):
    of_strips = found(excerpt, ["1:highpass"])
    names = [[excerpt.names[i] for i in each.columns] for each in of_strips]
    assert [len(each) for each in names] == [18, 19] and names[1][0] == "1:highpass.cutoff_hz"
    assert all(name.startswith("0:parametric_eq.") for name in names[0])
    of_master = found(excerpt, ["master.parametric_eq"])[2]
    assert all(excerpt.names[i].startswith("master.parametric_eq.") for i in of_master.columns)


@pytest.mark.parametrize("by_fader", [True, False])
@pytest.mark.parametrize("n", [0, 1])
def test_a_louder_equaliser_of_a_strip_is_taken_back(excerpt, n, by_fader):
    """An equaliser comes first: a louder one is a louder track."""
    on = ["reverb", "1:distortion"]
    turned = found(excerpt, on, by_fader)[n].made_up
    before = excerpt.mixes(excerpt.z[None], on)
    z = excerpt.z + LEVEL_DB * torch.from_numpy(turned).float()
    assert float(z.min()) >= 0 and float(z.max()) <= 1
    louder = excerpt.tracks.clone()
    louder[n] *= 10 ** (LEVEL_DB / 20)
    after = STANDARD(louder[None], RATE, excerpt.knobs(z[None], on))
    assert after == pytest.approx(before, abs=1e-4 * float(before.abs().max()))


def test_a_louder_equaliser_of_the_master_is_taken_back_by_all_faders(excerpt):
    on = ["reverb", "1:distortion", "master.parametric_eq"]
    turned = found(excerpt, on)[2].made_up
    z = excerpt.z + LEVEL_DB * torch.from_numpy(turned).float()
    before, after = (excerpt.render.premaster(excerpt.knobs(each[None], on)) for each in (excerpt.z, z))
    assert np.allclose(after * 10 ** (LEVEL_DB / 20), before, atol=1e-5 * float(before.abs().max()))
