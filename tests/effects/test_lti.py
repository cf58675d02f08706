"""Filtering in blocks against scipy, and its gradients."""

import numpy as np
import pytest
import scipy.signal
import torch

from reprs.audio import lti
from reprs.audio.lane_filter import filter_rows
from reprs.audio.lti import filter_sections
from tests.effects.oracles import eq as oracle
from tests.effects.signals import error_db, music


def random_sections(batch, count, seed=0, sample_rate=44_100):
    rng = np.random.default_rng(seed)
    rows = [
        [
            oracle.peak(
                sample_rate, rng.uniform(-18, 18), 20 * 1_000 ** rng.uniform(), 0.3 * 33 ** rng.uniform()
            )
            for _ in range(count)
        ]
        for _ in range(batch)
    ]
    return torch.tensor(np.array(rows))


def by_scipy(x, sections):
    return np.stack(
        [scipy.signal.sosfilt(s, row) for s, row in zip(sections.numpy(), x.numpy(), strict=True)]
    )


@pytest.fixture(params=["blocks", "lanes"])
def path(request, monkeypatch):
    """Both ways to filter: matrix products, and the compiled loop for batches without a gradient."""
    monkeypatch.setattr(lti, "ROWS_FOR_LANES", {"blocks": 10**9, "lanes": 1}[request.param])
    monkeypatch.setattr(lti, "SAMPLES_FOR_LANES", 10**9)


@pytest.mark.parametrize("count", [1, 2, 6, 9])
@pytest.mark.parametrize("samples", [1, 2, 63, 64, 65, 128, 129, 5_000, 40_001])
def test_is_the_recursion(count, samples, path):
    x, sections = music(3, samples=samples), random_sections(3, count)
    expected = by_scipy(x, sections)
    assert error_db(filter_sections(x, sections), expected) < -200
    assert error_db(filter_sections(x.float(), sections), by_scipy(x.float().double(), sections)) < -110


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
@pytest.mark.parametrize("samples", [16_384, 40_001])
@pytest.mark.parametrize("hz, q", [(20, 10), (100, 1), (5_000, 0.5)])
def test_few_long_rows_in_segments(rows, samples, hz, q):
    x = music(rows, channels=1, samples=samples).float()
    section = [oracle.peak(44_100, 12, hz * factor, q) for factor in (1, 1.1, 1.2)]
    sections = torch.tensor(np.array([section] * rows))
    assert lti._fits_lanes(x, sections) and rows < lti.ROWS_FOR_LANES
    assert error_db(filter_sections(x, sections), by_scipy(x.double(), sections)) < -130


@pytest.mark.parametrize("batch", [1, 16, 17, 33])
@pytest.mark.parametrize("threads", [1, 2])
def test_any_number_of_rows_and_threads(batch, threads, path):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    x, sections = music(batch, samples=300).float(), random_sections(batch, 3)
    assert error_db(filter_sections(x, sections), by_scipy(x.double(), sections)) < -110
    torch.set_num_threads(before)


def test_a_view_with_gaps_is_filtered_rightly(path):
    x, sections = music(4, samples=600).float(), random_sections(2, 3)
    view = x[::2, :, 100:401]
    assert error_db(filter_sections(view, sections), by_scipy(view.double(), sections)) < -110


def test_coefficients_need_no_normalisation(path):
    x, sections = music(2, samples=500).float(), random_sections(2, 2)
    assert error_db(filter_sections(x, 3.7 * sections), filter_sections(x, sections)) < -130


def test_gradcheck_in_audio_and_coefficients(monkeypatch):
    monkeypatch.setattr(lti, "BLOCK_SAMPLES", 8)
    monkeypatch.setattr(lti, "BLOCK_STATES", 3)
    x = music(2, samples=50).requires_grad_()
    assert torch.autograd.gradcheck(filter_sections, (x, random_sections(2, 2).requires_grad_()))


@pytest.mark.parametrize("samples", [50, 128, 300])
def test_gradcheck_in_lanes(samples):
    x = music(3, channels=1, samples=samples)[:, 0].requires_grad_()
    sections = random_sections(3, 2)
    coefficients = (sections[..., [0, 1, 2, 4, 5]] / sections[..., 3:4]).permute(1, 2, 0).requires_grad_()
    assert torch.autograd.gradcheck(filter_rows, (x, coefficients), fast_mode=samples > 50)


@pytest.mark.parametrize("batch, samples", [(5, 1), (5, 129), (17, 3_001)])
def test_gradients_in_lanes_are_those_of_blocks(batch, samples):
    x, sections = music(batch, samples=samples), random_sections(batch, 6)
    g = music(batch, samples=samples, seed=1)
    x = x.float().double()
    inputs = [
        [t.requires_grad_() for t in (x.to(dtype), sections.clone())] for dtype in (torch.float32, x.dtype)
    ]
    assert lti._fits_gradient_lanes(inputs[0][0])
    outputs = [filter_sections(*pair) for pair in inputs]
    given, exact = (
        torch.autograd.grad((y * g.to(y.dtype)).sum(), pair) for y, pair in zip(outputs, inputs, strict=True)
    )
    assert error_db(outputs[0].detach(), outputs[1].detach()) < -110
    assert error_db(given[0], exact[0]) < -110 and error_db(given[1], exact[1]) < -100


def test_a_section_without_effect_passes_the_signal_and_has_a_gradient():
    x = music(2, samples=1_000).float()
    sections = torch.tensor(np.array([[oracle.peak(44_100, 0.0, 500.0, 1.0)]] * 2)).requires_grad_()
    y = filter_sections(x, sections)
    assert error_db(y.detach(), x) < -140
    y.square().sum().backward()
    assert sections.grad.isfinite().all() and (sections.grad[..., :3] != 0).all()


def test_the_audio_gradient_is_the_filter_run_backwards():
    x, sections = music(2, samples=700).requires_grad_(), random_sections(2, 3)
    g = music(2, samples=700, seed=1)
    (given,) = torch.autograd.grad(filter_sections(x, sections), x, g)
    assert error_db(given.flip(-1), filter_sections(g.flip(-1), sections)) < -200


def test_autocast_does_not_round():
    x, sections = music(2, samples=3_000).float(), random_sections(2, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = filter_sections(x, sections)
    assert error_db(y, by_scipy(x.double(), sections)) < -110


def test_states_are_unit_scaled():
    """The controllability Gramian of each section is the identity: W = A W Aᵀ + B Bᵀ with W = I."""
    a, b, _, _ = lti.input_normal_sections(random_sections(4, 5))
    identity = torch.eye(2, dtype=torch.float64).expand_as(a)
    torch.testing.assert_close(a @ a.mT + b @ b.mT, identity)


def test_sections_of_another_batch_are_refused():
    with pytest.raises(ValueError, match="sections is"):
        filter_sections(music(2), random_sections(3, 1))
