"""The rules of the HEAR 2021 interface, checked here and by the official validator where it is installed."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

import reprs
from reprs import hear
from reprs.models import hub
from reprs.models.encoder import EffectEncoder


class Marker(torch.nn.Module):
    """Says where in a window its loudest sample is: an encoder whose answers are known."""

    sample_rate, embedding_dim = 16_000, 2

    def embed(self, audio, sample_rate):
        assert sample_rate == self.sample_rate and audio.ndim == 3 and audio.shape[1] == 1
        peak, place = audio[:, 0].abs().max(dim=1)
        return torch.stack([peak, place / audio.shape[2]], dim=1).double()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("hear") / "small"
    hub.save(EffectEncoder(embedding_dim=16, width=4, hidden=16, bands=32), path)
    return path


@pytest.fixture(scope="module")
def model(checkpoint):
    return hear.load_model(f"{checkpoint}.safetensors")


def noise(model, sounds, seconds):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(sounds, round(seconds * model.sample_rate), generator=generator) * 2 - 1


def test_a_model_has_the_attributes_that_hear_reads(model):
    assert isinstance(model, torch.nn.Module)
    assert model.sample_rate in (16_000, 22_050, 32_000, 44_100, 48_000)
    assert (model.scene_embedding_size, model.timestamp_embedding_size) == (16, 16)
    assert isinstance(model.scene_embedding_size, int)


def test_without_a_path_it_is_the_shipped_model():
    assert hear.load_model().model_hash == reprs.load("effect").model_hash


def test_scene_embeddings_are_those_of_the_encoder(model, checkpoint):
    audio = noise(model, 3, 0.7)
    e = hear.get_scene_embeddings(audio, model)
    assert e.shape == (3, 16) and e.dtype == torch.float32
    ours = hub.load(checkpoint).embed(audio[:, None], model.sample_rate)
    assert torch.equal(e, ours)


def test_timestamps_are_regular_and_cover_the_sound(model):
    e, ms = hear.get_timestamp_embeddings(noise(model, 2, 0.52), model)
    assert e.shape == (2, 11, 16) and e.dtype == torch.float32 and ms.shape == (2, 11)
    assert ms.tolist() == [[50.0 * i for i in range(11)]] * 2


def test_windows_are_centred_on_their_timestamps():
    model = hear.HearModel(Marker())
    click_ms = 700
    audio = torch.zeros(1, 2 * model.sample_rate)
    audio[0, click_ms * model.sample_rate // 1_000] = 1
    e, ms = hear.get_timestamp_embeddings(audio, model)
    heard, place = e[0].T
    near = (ms[0] - click_ms).abs() < hear.WINDOW_MS / 2
    assert torch.equal(heard > 0, near | (ms[0] == click_ms + hear.WINDOW_MS / 2))
    # The click lies at the middle of the window whose timestamp is its time, 50 ms earlier in the next.
    expected = 0.5 + (click_ms - ms[0]) / hear.WINDOW_MS
    assert torch.allclose(place[near], expected[near], atol=1e-4)


def test_sounds_shorter_than_the_model_takes_are_filled_up(model):
    assert hear.get_scene_embeddings(noise(model, 1, 0.03), model).isfinite().all()
    e, ms = hear.get_timestamp_embeddings(noise(model, 1, 0.03), model)
    assert e.shape == (1, 1, 16) and ms.tolist() == [[0.0]]


def test_silence_gives_finite_embeddings(model):
    assert hear.get_scene_embeddings(torch.zeros(2, model.sample_rate), model).isfinite().all()


@pytest.mark.parametrize("shape", [(44_100,), (1, 2, 44_100), (0, 44_100)])
def test_other_shapes_are_refused_in_one_line(model, shape):
    with pytest.raises(ValueError, match=r"\(sounds, samples\)"):
        hear.get_scene_embeddings(torch.zeros(shape), model)


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("hearvalidator"), reason="pip install --no-deps hearvalidator")
def test_the_official_validator_accepts_it(tmp_path):
    # The validator needs tensorflow for nothing but `isinstance(model, tf.Module)`.
    (tmp_path / "tensorflow.py").write_text("class Module:\n    pass\n")
    effect = next(f / "effect.safetensors" for f in hub._folders() if (f / "effect.safetensors").exists())
    program = "from hearvalidator.validate import main; main()"
    call = [sys.executable, "-c", program, "reprs.hear", "--model", str(effect), "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0 and "Looks good!" in done.stdout, done.stdout + done.stderr
