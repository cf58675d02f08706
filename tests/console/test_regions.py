"""Names and ranges of regions."""

import pytest

from reprs.console.regions import parse_lock, parse_region


@pytest.mark.parametrize(
    ("text", "edges_hz"),
    [
        ("low end", (20, 150)),
        ("the Low-End", (20, 150)),
        ("mids", (250, 4000)),
        ("20-200", (20, 200)),
        ("20-200 Hz", (20, 200)),
        ("2k-5k", (2000, 5000)),
        ("300 Hz to 1.2 kHz", (300, 1200)),
    ],
)
def test_regions_are_understood(text, edges_hz):
    assert parse_region(text) == edges_hz


@pytest.mark.parametrize("text", ["nowhere", "200-20", "1.2.3-500", "-", "20-20", ""])
def test_others_are_refused_in_one_line(text):
    with pytest.raises(ValueError, match="region") as said:
        parse_region(text)
    assert "\n" not in str(said.value)


def test_several_locks():
    assert parse_lock("low end, 5k-8k") == parse_lock(["low end", "5k-8k"]) == [(20, 150), (5000, 8000)]
    assert parse_lock(()) == []
