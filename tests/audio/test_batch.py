"""A call over many files: what is found, what becomes of each, and outputs that have no place."""

import os

import pytest

from reprs.audio import batch, files
from reprs.audio.batch import Failure
from tests.corpora.sounds import noise, save


def test_what_is_found_and_what_is_not(tmp_path):
    save(tmp_path / "a.wav", noise(), 44_100)
    (tmp_path / "empty").mkdir()
    found, failures = batch.find([tmp_path, tmp_path / "a.wav", tmp_path / "gone", tmp_path / "empty", ""])
    assert found == [tmp_path / "a.wav"]
    reasons = [f.reason for f in failures]
    assert "no such file or folder" in reasons[0] and "no audio files here" in reasons[1]
    assert "'' is no path" in reasons[2] and len(reasons) == 3


def test_whatever_goes_wrong_with_a_file_is_one_line_that_names_it(tmp_path):
    path = tmp_path / "a.wav"

    def fail(error):
        raise error

    assert batch.attempt(path, lambda: 7) == 7
    for error, reason in (
        (files.AudioError(f"{path}: is empty"), f"{path}: is empty"),
        (ValueError("two\nlines"), f"{path}: two lines"),
        (RuntimeError("shapes\n  differ"), f"{path}: RuntimeError: shapes differ"),
    ):
        assert batch.attempt(path, lambda error=error: fail(error)) == Failure(path, reason)
    with pytest.raises(KeyboardInterrupt):  # the person at the keyboard does end a batch
        batch.attempt(path, lambda: fail(KeyboardInterrupt()))


def test_a_place_that_cannot_be_written_is_said_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    batch.check_writable(tmp_path / "new" / "out.npz")
    batch.check_writable(tmp_path)
    with pytest.raises(ValueError, match="cannot be written"):
        batch.check_writable(tmp_path / "file" / "out.npz")
    closed = tmp_path / "closed"
    closed.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: path != closed)
    batch.check_writable(tmp_path / "out.npz")
    for place in (closed, closed / "out.npz"):
        with pytest.raises(ValueError, match="may write to"):
            batch.check_writable(place)


def test_a_file_that_one_may_not_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    save(path, noise(), 44_100)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(files.AudioError, match=r"a\.wav: permission denied"):
        files.info(path)
