"""The music that is judged on: unseen packages, a folder, or what training keeps back."""

import inspect
from pathlib import Path

import pytest

from eval.music import FEWEST, KEPT_BACK, find_items
from reprs.corpora.debian import DebianCorpus
from reprs.corpora.item import Item, in_test
from reprs.training.data import SegmentData
from reprs.training.ladders import QualityData


@pytest.fixture()
def packages(monkeypatch):
    """400 pieces of a training package and 20 of a test package, as if they were in the cache."""
    held = {"train": [f"t/{n}" for n in range(400)], "test": [f"u/{n}" for n in range(20)]}
    roles = []

    def begin(self, packages=None, role=None, kinds=("music",)):
        roles.append(role)
        self.role = role

    monkeypatch.setattr(DebianCorpus, "__init__", begin)
    monkeypatch.setattr(DebianCorpus, "items", lambda self: [Item(Path(c), c, "s") for c in held[self.role]])
    return held


def test_the_record_is_of_the_test_packages(packages):
    music, items = find_items(None)
    assert "released" in music and [i.content for i in items] == packages["test"]


def test_what_is_kept_back_is_what_recipes_leave_out(packages):
    music, items = find_items(None, kept_back=True)
    contents = {i.content for i in items}
    assert "kept back" in music and FEWEST <= len(contents) < 100
    assert contents == {c for c in packages["train"] if in_test(c, KEPT_BACK)}
    # A recipe may keep back more, by the same hash, but never less.
    for data in (SegmentData, QualityData):
        defaults = {n: p.default for n, p in inspect.signature(data).parameters.items()}
        assert defaults["seed"] == 0
        assert all(in_test(c, defaults["validation_share"], defaults["seed"]) for c in contents)


def test_nothing_kept_back_says_how_to_fetch_it(packages):
    packages["train"].clear()
    with pytest.raises(ValueError, match="--role train"):
        find_items(None, kept_back=True)
