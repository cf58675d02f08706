"""A setting as JSON and as Equalizer APO text."""

import json

import numpy as np
import pytest

from reprs.console.bands import Band
from reprs.console.setting import Setting, apo_text, plain, read_setting
from tests.console import cookbook

BANDS = (
    Band("low_shelf", 42.5, 5.5, 0.71),
    Band("peak", 1230.0, -7.3, 0.3),
    Band("high_shelf", 7940.0, -9.0, 0.5),
)


@pytest.fixture()
def setting():
    return Setting(
        "warm “so”", BANDS, -3.1, 44_100, lock_hz=((20.0, 60.0),), model="lexicon", model_hash="ab"
    )


def test_apo_text_is_read_back_by_another_parser(setting):
    preamp_db, rows = cookbook.parse_apo(setting.to_apo())
    assert preamp_db == -3.1 and rows == cookbook.rows_of(BANDS)
    hz = np.geomspace(20, 20_000, 400)
    np.testing.assert_allclose(cookbook.response_db(rows, 44_100, hz), setting.response_db(hz), atol=1e-6)
    assert setting.to_apo().splitlines()[:2] == [
        "Preamp: -3.1 dB",
        "Filter 1: ON LSC Fc 42.5 Hz Gain 5.5 dB Q 0.71",
    ]


def test_apo_text_loses_no_digit_of_an_edited_band():
    band = Band("peak", 1234.567, 0.123456, 1.23456)
    assert cookbook.parse_apo(apo_text([band], 0.0))[1] == cookbook.rows_of([band])
    assert plain(1e-7) == "0.0000001" and plain(12.0) == "12" and plain(-3.0, 1) == "-3.0"


def test_json_comes_back_whole(setting, tmp_path):
    path = tmp_path / "s.json"
    path.write_text(setting.to_json(loudness_before_lufs=-14.0), encoding="utf-8")
    assert read_setting(path) == setting
    assert json.loads(path.read_text(encoding="utf-8"))["loudness_before_lufs"] == -14.0


def test_scaling_keeps_frequencies_and_stays_in_bounds(setting):
    doubled = setting.scaled(2.0)
    assert [b.gain_db for b in doubled.bands] == [11.0, -12.0, -12.0] and doubled.amount == 2.0
    assert setting.scaled(0.0).bands == ()
    assert setting.scaled(1.0).bands == setting.bands


def test_scaling_leaves_a_gain_edited_beyond_the_bounds_as_it_is():
    edited = Setting("", (Band("peak", 100.0, 15.0, 1.0),), 0.0, 44_100)
    assert edited.scaled(1.0).bands == edited.bands and edited.scaled(2.0).bands[0].gain_db == 15.0


BAD = {
    "text": "not json",
    "list": "[1]",
    "empty": "{}",
    "newer": '{"format": 99}',
    "band": '{"prompt": "", "preamp_db": 0, "sample_rate": 1, "bands": [{"type": "peak"}]}',
    "nan": '{"prompt": "", "preamp_db": NaN, "sample_rate": 44100, "bands": []}',
    "type": '{"prompt": "", "preamp_db": 0, "sample_rate": 44100, "bands": [{"type": "os.system", '
    '"frequency_hz": 1, "gain_db": 1, "q": 1}]}',
    "string": '{"prompt": "", "preamp_db": "0", "sample_rate": 44100, "bands": []}',
    "bands": '{"prompt": "", "preamp_db": 0, "sample_rate": 44100, "bands": 3}',
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_files_that_are_no_setting_are_refused_in_one_line(content, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"bad\.json") as said:
        read_setting(path)
    assert "\n" not in str(said.value)


def test_a_missing_and_a_binary_setting(tmp_path):
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    for name in ("none.json", "b.json", "."):
        with pytest.raises(ValueError, match="setting"):
            read_setting(tmp_path / name)
