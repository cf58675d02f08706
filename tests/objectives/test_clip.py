"""CLIP's and SigLIP's losses against their definitions in slow NumPy, alone and over two processes."""

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn import functional as F

from reprs.objectives.clip import contrast


def slow_clip(audio: np.ndarray, text: np.ndarray, scale: float) -> float:
    """Radford 2021, figure 3: cross-entropy of both directions, averaged."""
    n, losses = len(audio), []
    for i in range(n):
        to_text = [np.exp(scale * audio[i] @ text[k]) for k in range(n)]
        to_audio = [np.exp(scale * text[i] @ audio[k]) for k in range(n)]
        losses += [-np.log(to_text[i] / sum(to_text)), -np.log(to_audio[i] / sum(to_audio))]
    return float(np.mean(losses))


def slow_siglip(audio: np.ndarray, text: np.ndarray, scale: float, bias: float) -> float:
    """Zhai 2023, equation 1: every pair is a yes or a no; summed, divided by the number of audios."""
    total = 0.0
    for i in range(len(audio)):
        for k in range(len(text)):
            sign = 1 if i == k else -1
            total += np.log1p(np.exp(-sign * (scale * audio[i] @ text[k] + bias)))
    return total / len(audio)


def unit(seed: int, count: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, 5, generator=generator, dtype=torch.float64), dim=-1)


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("scale", [1.0, 14.3])
def test_clip_equals_the_definition(scale):
    a, t = unit(0), unit(1)
    expected = slow_clip(a.numpy(), t.numpy(), scale)
    assert float(contrast(a, t, number(scale))) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("scale", "bias"), [(10.0, -10.0), (3.0, 0.5)])
def test_siglip_equals_the_definition(scale, bias):
    a, t = unit(0), unit(1)
    expected = slow_siglip(a.numpy(), t.numpy(), scale, bias)
    assert float(contrast(a, t, number(scale), number(bias))) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sigmoid", [False, True])
def test_gradients_of_embeddings_scale_and_bias(sigmoid):
    inputs = [unit(0, 4), unit(1, 4), number(5.0), *([number(-3.0)] if sigmoid else [])]
    assert torch.autograd.gradcheck(contrast, [x.requires_grad_() for x in inputs])


def test_refuses_unequal_shapes():
    with pytest.raises(ValueError, match="both"):
        contrast(unit(0), unit(1, 5), number(1.0))


def _inputs(sigmoid: bool) -> list[torch.Tensor]:
    inputs = [unit(0), unit(1), number(8.0), *([number(-4.0)] if sigmoid else [])]
    return [x.requires_grad_() for x in inputs]


def _worker(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    results = []
    for sigmoid in (False, True):
        audio, text, *numbers = _inputs(sigmoid)
        part = slice(3 * rank, 3 * rank + 3)
        loss = contrast(audio[part], text[part], *numbers)
        loss.backward()
        gradients = []
        for x in (audio, text, *numbers):
            # DDP averages gradients over the processes.
            dist.all_reduce(x.grad)
            gradients.append(x.grad / 2)
        results.append({"loss": loss.detach(), "gradients": gradients})
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_give_the_loss_and_gradients_of_one(tmp_path):
    mp.spawn(_worker, args=(str(tmp_path),), nprocs=2)
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    for sigmoid in (False, True):
        inputs = _inputs(sigmoid)
        loss = contrast(*inputs)
        loss.backward()
        both = [part[sigmoid] for part in parts]
        assert float(sum(p["loss"] for p in both) / 2) == pytest.approx(float(loss.detach()), rel=1e-9)
        for own, whole in zip(both[0]["gradients"], inputs, strict=True):
            assert torch.allclose(own, whole.grad)
