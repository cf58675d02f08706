"""NT-Xent against its definition in slow NumPy (Chen 2020, equation 1), alone and over two processes."""

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn import functional as F

from reprs.objectives.knobs import KnobReader
from reprs.objectives.nt_xent import nt_xent


def slow_nt_xent(
    a: np.ndarray, b: np.ndarray, temperature: float, chains: int = 1, others: float = 1.0
) -> float:
    return float(np.mean(slow_rows(a, b, temperature, chains, others)))


def slow_rows(a: np.ndarray, b: np.ndarray, temperature: float, chains: int, others: float) -> list[float]:
    every = np.concatenate([a, b])
    n, losses = len(a), []
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        similarity = [every[i] @ every[k] / temperature for k in range(2 * n)]
        times = [1.0 if (k % n) // chains == (i % n) // chains else others for k in range(2 * n)]
        candidates = sum(
            t * np.exp(s) for k, (t, s) in enumerate(zip(times, similarity, strict=True)) if k != i
        )
        losses.append(-np.log(np.exp(similarity[partner]) / candidates))
    return losses


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(
        torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1
    )


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_equals_the_definition(temperature):
    a, b = unit(6, 5), unit(6, 5, seed=1)
    assert float(nt_xent(a, b, temperature)) == pytest.approx(
        slow_nt_xent(a.numpy(), b.numpy(), temperature), rel=1e-9
    )


@pytest.mark.parametrize("others", [0.0, 0.1, 1.0])
def test_other_contents_count_as_often_as_asked(others):
    a, b = unit(6, 5), unit(6, 5, seed=1)
    assert float(nt_xent(a, b, 0.2, 3, others)) == pytest.approx(
        slow_nt_xent(a.numpy(), b.numpy(), 0.2, 3, others), rel=1e-9
    )


def test_rows_may_differ_in_temperature_candidates_and_weight():
    a, b = unit(6, 5), unit(6, 5, seed=1)
    alone = torch.tensor([True] * 3 + [False] * 3)
    found = nt_xent(
        a, b, torch.where(alone, 0.3, 0.1), 3, torch.where(alone, 0.0, 0.5), torch.where(alone, 6.0, 1.0)
    )
    of_alone, of_others = (slow_rows(a.numpy(), b.numpy(), *how) for how in ((0.3, 3, 0.0), (0.1, 3, 0.5)))
    wanted = [6 * of_alone[i] if i % 6 < 3 else of_others[i] for i in range(12)]
    assert float(found) == pytest.approx(np.mean(wanted), rel=1e-6)


def test_knowing_the_contents_is_no_use_among_the_own_group():
    # One direction for each content and nothing else: as good as chance where all candidates share it.
    contents = torch.eye(4, dtype=torch.float64).repeat_interleave(2, 0)
    assert float(nt_xent(contents, contents, 0.1, 2, 0.0)) == pytest.approx(np.log(3))
    assert float(nt_xent(contents, contents, 0.1, 2)) < np.log(15) - 1


@pytest.mark.parametrize("others", [0.0, 0.3])
def test_gradient(others):
    a, b = unit(4, 3).requires_grad_(), unit(4, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: nt_xent(a, b, 0.2, 2, others), (a, b))


def test_refuses_unequal_shapes_and_groups():
    with pytest.raises(ValueError, match="both"):
        nt_xent(unit(4, 3), unit(5, 3))
    with pytest.raises(ValueError, match="groups of 3"):
        nt_xent(unit(4, 3), unit(4, 3), chains=3)


def _worker(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    a, b = unit(6, 5).requires_grad_(), unit(6, 5, seed=1).requires_grad_()
    part = slice(3 * rank, 3 * rank + 3)
    loss = nt_xent(a[part], b[part], 0.1, 3, 0.5)
    loss.backward()
    # DDP averages gradients over the processes.
    for tensor in (a.grad, b.grad):
        dist.all_reduce(tensor)
    torch.save({"loss": loss.detach(), "a": a.grad / 2, "b": b.grad / 2}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_give_the_loss_and_gradient_of_one(tmp_path):
    mp.spawn(_worker, args=(str(tmp_path),), nprocs=2)
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    a, b = unit(6, 5).requires_grad_(), unit(6, 5, seed=1).requires_grad_()
    loss = nt_xent(a, b, 0.1, 3, 0.5)
    loss.backward()
    assert float(sum(p["loss"] for p in parts) / 2) == pytest.approx(float(loss.detach()), rel=1e-9)
    assert torch.allclose(parts[0]["a"], a.grad) and torch.allclose(parts[0]["b"], b.grad)


def test_knob_loss_counts_only_effects_that_are_on():
    torch.manual_seed(0)
    reader = KnobReader(4, [2, 3])
    features, z = torch.randn(3, 4), torch.rand(3, 5)
    mask = torch.tensor([[True, False], [True, True], [False, False]])
    loss = reader.loss(features, z, mask)
    predicted = 1 / (1 + np.exp(-reader.knobs(features).detach().numpy()))
    squared = [(predicted[0, k] - z[0, k].item()) ** 2 for k in range(2)]
    squared += [(predicted[1, k] - z[1, k].item()) ** 2 for k in range(5)]
    assert float(loss.knobs) == pytest.approx(np.mean(squared), rel=1e-5)
    logits, on = reader.presence(features).detach().numpy(), mask.numpy()
    entropy = np.where(on, np.log1p(np.exp(-logits)), np.log1p(np.exp(logits)))
    assert float(loss.presence) == pytest.approx(entropy.mean(), rel=1e-5)


def test_knob_loss_of_bypassed_chains_is_zero():
    loss = KnobReader(4, [2]).loss(torch.randn(3, 4), torch.rand(3, 2), torch.zeros(3, 1, dtype=torch.bool))
    assert float(loss.knobs) == 0
