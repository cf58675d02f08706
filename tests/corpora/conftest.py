import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of its own for every test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("REPRS_CACHE", str(folder))
    return folder
