"""The interface of judged models: every kind of word on the command line, and what is refused."""

import pytest
import torch

import reprs
from eval.baselines import MfccStatistics
from eval.embedding import file_name
from eval.foreign import CdpamEncoder
from eval.rows import Model, make_row, make_rows
from reprs.models import hub
from reprs.models.encoder import EffectEncoder

RATE = 44_100
FILE = """
def level(audio, sample_rate):
    assert audio.ndim == 3 and sample_rate == 44_100
    return audio.square().mean(dim=2)
def numbers(audio, sample_rate):
    return audio.numpy().std(axis=2)
def nan(audio, sample_rate):
    return audio.mean(dim=2) * float("nan")
"""
HEAR_MODULE = """
import torch
class Model(torch.nn.Module):
    sample_rate = 22_050
def load_model(path=""):
    model = Model()
    model.factor = float(open(path).read()) if path else 1.0
    return model
def get_scene_embeddings(audio, model):
    assert audio.ndim == 2
    return model.factor * torch.stack([audio.mean(dim=1), torch.full((len(audio),), audio.shape[1])], dim=1)
"""


@pytest.fixture(scope="module")
def x():
    return 0.1 * torch.randn(3, 2, RATE // 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture()
def here(tmp_path, monkeypatch):
    """A folder with a file of functions and a HEAR module, as a user's working folder."""
    (tmp_path / "mine.py").write_text(FILE)
    (tmp_path / "a_hear_module.py").write_text(HEAR_MODULE)
    (tmp_path / "weights.txt").write_text("2.0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "small"
    torch.manual_seed(5)
    hub.save(EffectEncoder(embedding_dim=8, width=4, hidden=12, bands=32), path)
    return str(path)


def test_a_function_of_a_file_may_return_a_tensor_or_an_array(x, here):
    assert torch.allclose(make_row("py:mine.py:level").embed(x, RATE), x.square().mean(dim=2))
    assert torch.allclose(
        make_row("py:mine.py:numbers").embed(x, RATE), x.std(dim=2, correction=0), atol=1e-6
    )


def test_a_hear_module_hears_mono_at_its_own_rate(x, here):
    plain, weighted = make_row("hear:a_hear_module"), make_row("hear:a_hear_module:weights.txt")
    e = plain.embed(x, RATE)
    assert e[:, 1].tolist() == [RATE // 4] * 3
    assert torch.allclose(e[:, 0], x.mean(dim=(1, 2)), atol=1e-4)
    assert torch.equal(weighted.embed(x, RATE), 2 * e)


def test_our_own_hear_module_is_the_checkpoint_on_mono(x, checkpoint):
    row = make_row(f"hear:reprs.hear:{checkpoint}.safetensors")
    mono = x.mean(dim=1, keepdim=True)
    assert torch.allclose(row.embed(x, RATE), reprs.load(checkpoint).embed(mono, RATE), atol=1e-6)


def test_checkpoints_their_features_and_the_untrained_one(x, checkpoint):
    trained, features, untrained = make_rows([checkpoint, f"features:{checkpoint}"], untrained=True)
    assert [r.name for r in (trained, features, untrained)] == [
        "small",
        "small, features",
        "untrained encoder",
    ]
    assert [r.embed(x, RATE).shape[1] for r in (trained, features, untrained)] == [8, 12, 8]
    encoder = reprs.load(checkpoint)
    assert torch.allclose(encoder.head(features.embed(x, RATE)), trained.embed(x, RATE), atol=1e-5)
    assert not torch.allclose(untrained.embed(x, RATE), trained.embed(x, RATE), atol=1e-2)


def test_built_in_rows_have_names(x):
    e = make_row("mfcc").embed(x, RATE)
    assert torch.equal(e, MfccStatistics().embed(x, RATE))
    assert {make_row(name).name for name in ("log-mel", "mixing")} == {
        "log-mel statistics",
        "mixing features",
    }


def test_the_cache_tells_models_of_one_name_apart(here, checkpoint):
    before = file_name(make_row("py:mine.py:level"))
    (here / "mine.py").write_text(FILE + "# another version\n")
    names = [before, file_name(make_row("py:mine.py:level")), file_name(make_row("py:mine.py:numbers"))]
    names += [file_name(make_row("hear:a_hear_module"))]
    (here / "weights.txt").write_text("3.0")
    names += [file_name(make_row("hear:a_hear_module:weights.txt"))]
    encoder = reprs.load(checkpoint)
    first = file_name(Model("one", encoder))
    encoder.model_hash = "another"
    names += [first, file_name(Model("one", encoder))]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "spec, reason",
    [
        ("py:nowhere.py:level", "FILE is a Python file"),
        ("py:mine.py:missing", "no function missing"),
        ("hear:no_such_module_anywhere", "install the module"),
        ("hear:json", "no load_model"),
        ("no-such-checkpoint", "no checkpoint"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_line(here, spec, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        make_row(spec)
    assert "\n" not in str(caught.value)


def test_a_file_with_a_mistake_and_a_model_that_returns_nan_are_named(x, here):
    (here / "broken.py").write_text("import nothing_like_this\n")
    with pytest.raises(ValueError, match=r"broken\.py does not load: ModuleNotFoundError"):
        make_row("py:broken.py:f")
    with pytest.raises(ValueError, match="mine:nan: an embedding is NaN"):
        make_row("py:mine.py:nan").embed(x, RATE)


def test_cdpam_is_left_out_by_name_where_it_is_not_installed(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cdpam", None)
    monkeypatch.setitem(sys.modules, "cdpam.models", None)
    with pytest.raises(ValueError, match="CDPAM encoder is left out"):
        CdpamEncoder()


def test_features_need_an_encoder_that_has_them(monkeypatch):
    monkeypatch.setattr(reprs, "load", lambda name: torch.nn.Identity())
    with pytest.raises(ValueError, match="Identity has no features"):
        make_row("features:x")
