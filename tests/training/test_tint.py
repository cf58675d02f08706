"""A tint moves the mean spectrum of a content by one curve, and nothing else."""

import torch

from reprs.training.tint import tinted


def test_a_content_moves_as_a_whole_and_in_its_mean_spectrum_alone():
    torch.manual_seed(0)
    spectrum = torch.randn(2 * 5 * 4, 10, 96)
    by = tinted(spectrum, 4, 0.5) - spectrum
    assert not by[:, 1:].any()
    by_content = by[:, 0].view(10, 4, 96)
    assert torch.allclose(by_content, by_content[:, :1].expand_as(by_content), atol=1e-6)
    assert (by_content[:, 0].abs().amax(1) > 0).sum() >= 8  # a clip may be drawn twice
    largest = 0.5 * (spectrum[:, None, 0] - spectrum[None, :, 0]).abs().amax((0, 1))
    assert bool((by_content[:, 0].abs() <= largest + 1e-6).all())


def test_no_share_no_tint():
    spectrum = torch.randn(8, 10, 96)
    assert torch.equal(tinted(spectrum, 2, 0.0), spectrum)
