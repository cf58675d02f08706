"""The timbre model: what is saved comes back, words and audio meet, zero-shot equals its definition."""

import numpy as np
import pytest
import torch

import reprs
from reprs.models import hub
from reprs.models.encoder import EffectEncoder
from reprs.models.text import TextTowerError, frozen_tower
from reprs.models.timbre import TimbreModel

RATE = 44_100
TEXTS = ["a bright piano", "a very dark, distorted electric guitar in a hall", "drums"]


def made(**options) -> TimbreModel:
    torch.manual_seed(0)
    model = TimbreModel(embedding_dim=16, width=8, hidden=32, **options)
    model.embed_text(["known"])
    return model.eval()


@pytest.fixture(scope="module")
def model() -> TimbreModel:
    return made()


def noise(seconds: float, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(2, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def test_words_have_unit_length_and_do_not_depend_on_each_other(model):
    frozen_tower().forget()
    together = model.embed_text(TEXTS)
    frozen_tower().forget()
    alone = torch.cat([model.embed_text([t]) for t in TEXTS])
    assert together.shape == (3, model.embedding_dim) == (3, 16)
    assert torch.allclose(together.norm(dim=1), torch.ones(3), atol=1e-6)
    assert (together - alone).abs().max() < 1e-5


def test_reading_leaves_the_training_mode_alone_and_ignores_it(model):
    expected = model.embed_text(TEXTS)
    model.train()
    assert torch.equal(model.embed_text(TEXTS), expected) and model.training
    model.eval()


def test_audio_is_embedded_by_its_tower(model):
    items = [noise(0.4), noise(5, 1)]
    assert torch.equal(model.embed(items, RATE), model.audio.embed(items, RATE))
    assert model.sample_rate == EffectEncoder.sample_rate


def test_round_trip_without_the_weights_of_the_tower(model, tmp_path):
    saved = hub.save(model, tmp_path / "timbre")
    loaded = reprs.load(str(tmp_path / "timbre"))
    assert isinstance(loaded, TimbreModel) and loaded.model_hash == saved and loaded.config == model.config
    assert torch.equal(loaded.embed_text(TEXTS), model.embed_text(TEXTS))
    assert torch.equal(loaded.embed(noise(1), RATE), model.embed(noise(1), RATE))
    assert not any(name.startswith("tower") for name in loaded.state_dict())


def test_the_shipped_size_stays_small(tmp_path):
    hub.save(TimbreModel(), tmp_path / "timbre")
    assert (tmp_path / "timbre.safetensors").stat().st_size < 16 * 10**6


def test_another_tower_under_the_same_name_is_refused(model, tmp_path):
    model.embed_text(["known"])
    hub.save(model, tmp_path / "timbre")
    loaded = reprs.load(tmp_path / "timbre")
    loaded.probe.copy_(torch.nn.functional.normalize(torch.randn(384), dim=0))
    with pytest.raises(TextTowerError, match="not the one"):
        loaded.embed_text(TEXTS)
    loaded.embed(noise(0.3), RATE)  # audio needs no tower


def test_a_tower_that_is_trained_is_stored(tmp_path):
    model = made(fine_tune=True)
    with torch.no_grad():
        for p in model.tower.parameters():
            p.add_(0.01)
    hub.save(model, tmp_path / "timbre")
    loaded = reprs.load(tmp_path / "timbre")
    assert torch.equal(loaded.embed_text(TEXTS), model.embed_text(TEXTS))
    # The shared frozen tower knows nothing of it.
    assert (model.tower.eval()(TEXTS) - frozen_tower().encode(TEXTS)).abs().max() > 1e-3


def test_zero_shot_equals_its_definition(model):
    labels, templates = ["piano", "guitar"], ["{}", "the sound of a {}, alone"]
    audio = [noise(0.5), noise(1.5, 1), noise(3, 2)]
    e = model.embed(audio, RATE).double().numpy()
    rows = []
    for label in labels:
        texts = [template.replace("{}", label) for template in templates]
        mean = np.mean([model.embed_text([t])[0].double().numpy() for t in texts], axis=0)
        rows.append(mean / np.linalg.norm(mean))
    logits = model.scale.item() * e @ np.array(rows).T
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = model.classify(audio, RATE, labels, templates)
    assert found.shape == (3, 2) and np.abs(found.numpy() - expected).max() < 1e-4


def test_zero_shot_refuses_what_makes_no_sense(model):
    for labels, templates in (([], ["{}"]), ("piano", ["{}"]), (["piano"], []), (["piano"], ["a sound"])):
        with pytest.raises(ValueError, match=r"labels are|templates are"):
            model.classify(noise(0.5), RATE, labels, templates)


def test_the_sigmoid_form_has_a_bias():
    model = made(sigmoid=True)
    assert float(model.bias) == -10 and float(model.scale) == pytest.approx(10)
    assert made().bias is None and float(made().scale) == pytest.approx(1 / 0.07)
