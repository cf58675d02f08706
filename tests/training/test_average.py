"""The average of checkpoints."""

import torch

import reprs
from reprs.models import hub
from reprs.models.encoder import EffectEncoder
from reprs.training.average import main


def encoder(seed: int, width: int = 8) -> EffectEncoder:
    torch.manual_seed(seed)
    return EffectEncoder(width=width, hidden=16, embedding_dim=8)


def test_every_weight_is_the_mean(tmp_path):
    models = [encoder(seed) for seed in (1, 2, 3)]
    for i, model in enumerate(models):
        hub.save(model, tmp_path / str(i), {"recipe": "effect"})
    assert main([*(str(tmp_path / str(i)) for i in range(3)), "-o", str(tmp_path / "mean")]) == 0
    found = reprs.load(tmp_path / "mean")
    for name, weight in found.state_dict().items():
        if weight.is_floating_point():
            wanted = sum(m.state_dict()[name].double() for m in models) / 3
            assert torch.allclose(weight.double(), wanted, atol=1e-6), name
    assert [p["model_hash"] for p in found.metadata["average_of"]] == [
        reprs.load(tmp_path / str(i)).model_hash for i in range(3)
    ]


def test_it_refuses_in_one_line(tmp_path, capsys):
    hub.save(encoder(1), tmp_path / "a", {"recipe": "effect"})
    hub.save(encoder(1, width=16), tmp_path / "b", {"recipe": "effect"})
    a, b, out = (str(tmp_path / n) for n in ("a", "b", "out"))
    assert main([a, b, "-o", out]) == 2
    assert main([a, "-o", out]) == 2
    assert main([a, a, "-o", b]) == 2
    assert main([a, str(tmp_path / "missing"), "-o", out]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 and "--force" in lines[2]
    assert not (tmp_path / "out.safetensors").exists()
