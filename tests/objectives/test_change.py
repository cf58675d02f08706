"""The change reader: standardised differences, a Huber loss, and no way to win by content."""

import numpy as np
import pytest
import torch

from reprs.models.encoder import EffectEncoder
from reprs.objectives.change import ChangeReader, measure


def slow_huber(predicted: np.ndarray, target: np.ndarray) -> float:
    error = np.abs(predicted - target)
    return float(np.mean(np.where(error < 1, 0.5 * error**2, error - 0.5)))


def test_equals_the_definition():
    torch.manual_seed(0)
    reader = ChangeReader(4, 3)
    features, wet, dry = torch.randn(8, 4), torch.randn(8, 3), torch.randn(8, 3)
    loss = float(reader.loss(features, wet - dry).detach())
    change = (wet - dry).numpy()
    target = np.clip(change / (np.sqrt((change**2).mean(0)) + 1e-3), -5, 5)
    assert loss == pytest.approx(slow_huber(reader.head(features).detach().numpy(), target), rel=1e-5)


def test_the_deviation_is_a_running_one_and_only_of_training():
    reader = ChangeReader(4, 1, momentum=0.9)
    zeros = torch.zeros(2, 1)
    reader.loss(torch.zeros(2, 4), zeros + 2)
    assert float(reader.deviation) == pytest.approx(2)
    reader.loss(torch.zeros(2, 4), zeros + 4)
    assert float(reader.deviation) == pytest.approx(0.9 * 2 + 0.1 * 4)
    reader.eval()
    reader.loss(torch.zeros(2, 4), zeros + 9)
    assert float(reader.deviation) == pytest.approx(2.2)


def test_measurements_of_a_clip_do_not_depend_on_its_level_or_batch():
    encoder = EffectEncoder(width=8, hidden=32, embedding_dim=16).eval()
    x = 0.1 * torch.randn(3, 2, 20_000, generator=torch.Generator().manual_seed(0))
    m = measure(encoder.views(x))
    assert torch.allclose(m, measure(encoder.views(0.1 * x)), atol=2e-2)
    assert torch.allclose(m[:1], measure(encoder.views(x[:1])), atol=1e-4)
