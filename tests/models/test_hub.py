"""Checkpoints: what is saved comes back, and every way to be wrong is one line."""

import hashlib
import json
import struct

import pytest
import torch
from torch import nn

import reprs
from reprs.models import hub


class Tiny(nn.Module):
    sample_rate = 44_100

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.config = {"width": width}
        self.embedding_dim = width
        self.linear = nn.Linear(3, width)
        self.norm = nn.BatchNorm1d(width)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(hub.encoders, "Tiny", Tiny)
    monkeypatch.setattr(hub, "_download", lambda name: pytest.fail("went to the network"))
    torch.manual_seed(0)
    return Tiny(5)


def one_line(call):
    with pytest.raises(hub.CheckpointError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", ["", ".safetensors", ".json"])
def test_round_trip(tiny, tmp_path, suffix):
    saved = hub.save(tiny, tmp_path / "a.b", {"recipe": "effect", "data": ["x"]})
    loaded = reprs.load(str(tmp_path / "a.b") + suffix)
    assert loaded.config == {"width": 5} and loaded.model_hash == saved
    assert loaded.metadata == {"recipe": "effect", "data": ["x"]}
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    for name, tensor in tiny.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.b.json", "a.b.safetensors"]


def test_the_hash_covers_weights_and_configuration(tiny):
    weights = tiny.state_dict()
    one = hub.model_hash("Tiny", {"width": 5}, weights)
    assert one == hub.model_hash("Tiny", {"width": 5}, dict(reversed(weights.items())))
    assert one != hub.model_hash("Tiny", {"width": 6}, weights)
    assert one != hub.model_hash("Other", {"width": 5}, weights)
    weights["linear.bias"] = weights["linear.bias"] + 1e-6
    assert one != hub.model_hash("Tiny", {"width": 5}, weights)


def test_the_hash_is_sha256_of_the_documented_bytes():
    expected = hashlib.sha256(
        b'["K", {"a": 1}]\0w torch.float32 (2,)\0' + struct.pack("<2f", 1, 2)
    ).hexdigest()
    assert hub.model_hash("K", {"a": 1}, {"w": torch.tensor([1.0, 2.0])}) == expected


def test_a_name_is_looked_up_beside_the_package(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_folders", lambda: [tmp_path])
    hub.save(tiny, tmp_path / "mine")
    assert reprs.load("mine").model_hash
    assert hub.available() == ["mine"]
    assert "one of: mine" in one_line(lambda: reprs.load("other"))


def test_missing_and_refused_names():
    assert "safetensors only" in one_line(lambda: reprs.load("model.ckpt"))
    for name in ("nowhere", "", "a/b/c", "../x", "/no/such"):
        assert "no checkpoint" in one_line(lambda name=name: reprs.load(name))


def test_an_owner_and_a_name_are_asked_from_the_hub(tiny, tmp_path, monkeypatch):
    hub.save(tiny, tmp_path / "thing")
    monkeypatch.setattr(hub, "_download", lambda name: tmp_path / name.split("/")[1])
    assert reprs.load("someone/thing").embedding_dim == 5


def test_the_hub_is_asked_for_exactly_two_files_and_answers_in_one_line(tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.undo()
    asked = []

    def download(repository, filename):
        asked.append((repository, filename))
        if repository == "off/line":
            raise OSError("cannot\nreach it")
        return str(tmp_path / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert hub._download("owner/name") == tmp_path / "name"
    assert asked == [("owner/name", "name.json"), ("owner/name", "name.safetensors")]
    assert "cannot reach it" in one_line(lambda: reprs.load("off/line"))


def test_a_damaged_checkpoint_says_so(tiny, tmp_path):
    stem = tmp_path / "m"

    def fresh():
        hub.save(tiny, stem)
        return json.loads((tmp_path / "m.json").read_text())

    for content in (b"", b"not safetensors", b"\x80\x04pickled"):
        fresh()
        (tmp_path / "m.safetensors").write_bytes(content)
        assert "not a safetensors file" in one_line(lambda: reprs.load(stem))
    for content in ("", "[]", "{}", "\x00"):
        fresh()
        (tmp_path / "m.json").write_text(content)
        assert "not a checkpoint's description" in one_line(lambda: reprs.load(stem))
    changes = {
        "model_hash": ("0" * 64, "do not belong together"),
        "config": ({"width": 6}, "do not belong together"),
        "format": (99, "newer reprs"),
    }
    for key, (value, expected) in changes.items():
        (tmp_path / "m.json").write_text(json.dumps(fresh() | {key: value}))
        assert expected in one_line(lambda: reprs.load(stem))


def test_a_class_is_taken_from_the_registry_and_never_imported(tiny, tmp_path):
    hub.save(tiny, tmp_path / "m")
    description = json.loads((tmp_path / "m.json").read_text())
    weights = tiny.state_dict()
    for kind in ("os:system", "builtins.exec", "Tiny2"):
        description |= {"class": kind, "model_hash": hub.model_hash(kind, description["config"], weights)}
        (tmp_path / "m.json").write_text(json.dumps(description))
        assert "this reprs knows" in one_line(lambda: reprs.load(tmp_path / "m"))


def test_a_configuration_that_does_not_fit_the_class(tiny, tmp_path):
    hub.save(tiny, tmp_path / "m")
    description = json.loads((tmp_path / "m.json").read_text())
    for config in ({"width": 6}, {"breadth": 5}):
        found = hub.model_hash("Tiny", config, tiny.state_dict())
        (tmp_path / "m.json").write_text(json.dumps(description | {"config": config, "model_hash": found}))
        assert "does not fit Tiny" in one_line(lambda: reprs.load(tmp_path / "m"))


def test_an_unknown_class_is_not_saved(tmp_path):
    assert "Linear is not in reprs.models.hub.encoders" in one_line(
        lambda: hub.save(nn.Linear(1, 1), tmp_path / "m")
    )
    assert not list(tmp_path.iterdir())
