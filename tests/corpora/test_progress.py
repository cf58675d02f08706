"""Progress in a log."""

from reprs.corpora.progress import track


def test_lines_in_a_log(capsys):
    assert list(track([1, 2, 3], "counting")) == [1, 2, 3]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("counting: 1/3 (") and lines[-1].startswith("counting: 3/3 (")


def test_nothing_to_do_says_nothing(capsys):
    assert list(track([], "counting")) == []
    assert capsys.readouterr().err == ""
