"""The transformer over tracks: order, masks and modulation, and attention against NumPy."""

import numpy as np
import pytest
import torch

from reprs.models.trunk import Layer, TrackTransformer


@pytest.fixture()
def trunk():
    torch.manual_seed(0)
    return TrackTransformer(32, 2, heads=4).eval()


def test_shuffled_tracks_give_shuffled_outputs(trunk):
    tracks, shared = torch.randn(2, 5, 32), torch.randn(2, 1, 32)
    order = torch.tensor([3, 0, 4, 1, 2])
    here, whole = trunk(tracks, shared)
    there, same = trunk(tracks[:, order], shared)
    assert torch.allclose(here[:, order], there, atol=1e-5)
    assert torch.allclose(whole, same, atol=1e-5)


def test_a_masked_track_is_heard_by_nobody(trunk):
    tracks, shared = torch.randn(2, 4, 32), torch.randn(2, 2, 32)
    mask = torch.tensor([[True, True, True, False]] * 2)
    here, whole = trunk(tracks, shared, mask)
    alone, same = trunk(tracks[:, :3], shared)
    assert torch.allclose(here[:, :3], alone, atol=1e-5) and torch.allclose(whole, same, atol=1e-5)
    assert not here[:, 3].any()


def test_tracks_do_hear_each_other_and_the_mix(trunk):
    tracks, shared = torch.randn(1, 3, 32), torch.randn(1, 1, 32)
    other_track = torch.cat([tracks[:, :2], torch.randn(1, 1, 32)], dim=1)
    here = trunk(tracks, shared)[0][:, 0]
    assert (trunk(other_track, shared)[0][:, 0] - here).abs().max() > 1e-3
    assert (trunk(tracks, torch.randn(1, 1, 32))[0][:, 0] - here).abs().max() > 1e-3


def test_a_modulated_layer_begins_as_the_identity_and_learns_to_differ():
    torch.manual_seed(0)
    layer = Layer(16, 2, modulation=8)
    x, heard, how = torch.randn(2, 3, 16), torch.ones(2, 3, dtype=torch.bool), torch.randn(2, 8)
    assert torch.equal(layer(x, heard, how), x)
    torch.nn.init.normal_(layer.modulate.weight)
    assert (layer(x, heard, how) - x).abs().max() > 0.1
    with pytest.raises(ValueError, match="modulation"):
        layer(x, heard)


def test_attention_is_what_numpy_computes():
    torch.manual_seed(0)
    layer = Layer(8, 2).double()
    x, heard = torch.randn(1, 4, 8).double(), torch.tensor([[True, True, False, True]])
    weights = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    mixed = x[0].numpy() @ weights["listen.weight"].T + weights["listen.bias"]
    parts = []
    for head in range(2):
        q, k, v = (mixed[:, 8 * i + 4 * head : 8 * i + 4 * head + 4] for i in range(3))
        score = np.where(heard.numpy(), q @ k.T / np.sqrt(4), -np.inf)
        score = np.exp(score - score.max(axis=1, keepdims=True))
        parts.append(score / score.sum(axis=1, keepdims=True) @ v)
    expected = np.concatenate(parts, axis=1) @ weights["answer.weight"].T + weights["answer.bias"]
    assert np.allclose(layer._attend(x, heard)[0].detach().numpy(), expected, atol=1e-12)
