"""The STFT distance: equal to the papers' formulas written out, to auraloss, and finite for silence."""

import numpy as np
import pytest
import torch

from reprs.objectives.stft import StftDistance, magnitudes, multi_resolution_stft

T = 6_000


def noise(*shape: int, seed: int = 0, scale: float = 0.1) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def slow_magnitudes(x: np.ndarray, size: int, floor_db: float) -> np.ndarray:
    window = np.array([np.sin(np.pi * n / size) ** 2 for n in range(size)])
    padded = np.concatenate([np.zeros(size // 2), x, np.zeros(size // 2)])
    frames = [padded[s : s + size] * window for s in range(0, len(padded) - size + 1, size // 4)]
    level = np.abs(np.fft.rfft(np.array(frames), axis=1)) / (window.sum() / 2)
    return np.maximum(level, 10 ** (floor_db / 20))


def slow_distance(x: np.ndarray, target: np.ndarray, sizes: tuple[int, ...], floor_db: float) -> float:
    values = []
    for size in sizes:
        pairs = [(a[0] + s * a[1]) / 2 for s in (1, -1) for a in (x, target)]
        levels = [slow_magnitudes(p, size, floor_db) for p in pairs]
        whole = np.sqrt(np.sum(levels[1] ** 2) + np.sum(levels[3] ** 2))
        for found, wanted in (levels[:2], levels[2:]):
            least = max(np.sqrt(np.sum(wanted**2)), 0.01 * whole)
            values.append(np.sqrt(np.sum((found - wanted) ** 2)) / least)
            values[-1] += np.mean(np.abs(np.log(found) - np.log(wanted)))
    return float(np.mean(values))


@pytest.mark.parametrize("side", [1.0, 0.1, 1e-4])
def test_equals_the_formulas_written_out(side):
    x, target = noise(3, 2, T, seed=1).double(), noise(3, 2, T, seed=2).double()
    target[:, 1] = target[:, 0] + side * (target[:, 1] - target[:, 0])
    found = multi_resolution_stft(x, target, (256, 1024), -60.0)
    slow = [slow_distance(a, b, (256, 1024), -60.0) for a, b in zip(x.numpy(), target.numpy(), strict=True)]
    assert found.shape == (3,)
    np.testing.assert_allclose(found.numpy(), slow, rtol=1e-9)


def test_equals_auraloss_one_window_at_a_time():
    auraloss = pytest.importorskip("auraloss")
    edges = torch.cat([torch.zeros(2048), torch.ones(T), torch.zeros(2048)])
    x, target = (noise(1, 2, len(edges), seed=s).double() * edges for s in (1, 2))
    for size in (512, 2048):
        # Its sum is twice our mid, and its floor is a power before the window is divided out.
        floor = size / 4 * 2 * 10 ** (-70 / 20)
        theirs = auraloss.freq.STFTLoss(size, size // 4, size, eps=floor**2, window="hann_window")
        theirs.window = theirs.window.double()
        sides = [
            float(theirs((x[:, :1] + s * x[:, 1:]), (target[:, :1] + s * target[:, 1:]))) for s in (1, -1)
        ]
        ours = float(multi_resolution_stft(x, target, (size,), -70.0))
        assert ours == pytest.approx(np.mean(sides), rel=1e-6)


def test_a_full_scale_sine_has_magnitude_one_at_every_resolution():
    x = torch.sin(2 * torch.pi * torch.arange(32_768) / 16)
    for size in (512, 2048, 8192):
        levels = magnitudes(x, size)
        middle = levels[..., levels.shape[-1] // 2]
        assert float(middle.amax()) == pytest.approx(1, abs=1e-4)


def test_known_distance_of_a_change_of_level():
    target = noise(1, 2, T)
    # Half as loud: convergence 0.5, log error ln 2, but for bins under the floor, here none.
    assert float(multi_resolution_stft(target / 2, target, (512,), -200.0)) == pytest.approx(
        0.5 + np.log(2), abs=1e-4
    )


def test_the_order_of_channels_and_of_the_batch_does_not_matter():
    x, target = noise(3, 2, T, seed=1), noise(3, 2, T, seed=2)
    whole = multi_resolution_stft(x, target)
    torch.testing.assert_close(multi_resolution_stft(x.flip(1), target.flip(1)), whole)
    torch.testing.assert_close(multi_resolution_stft(x[1:2], target[1:2]), whole[1:2])


@pytest.mark.parametrize("channels", [1, 2])
def test_silence_is_a_level_like_any_other(channels):
    silent, sound = torch.zeros(1, channels, T), noise(1, channels, T)
    assert float(multi_resolution_stft(silent, silent)) == 0
    for a, b in ((silent, sound), (sound, silent), (silent, silent), (sound, sound)):
        x = a.clone().requires_grad_()
        value = multi_resolution_stft(x, b).sum()
        value.backward()
        assert torch.isfinite(value) and torch.isfinite(x.grad).all()
    mono = noise(1, 1, T).expand(1, 2, T)
    almost = mono + torch.tensor([1e-4, -1e-4])[None, :, None] * noise(1, 1, T, seed=5)
    assert float(multi_resolution_stft(almost, mono)) < 0.02


def test_audio_shorter_than_a_window_is_judged():
    assert float(multi_resolution_stft(noise(1, 2, 100), noise(1, 2, 100))) == 0
    assert float(multi_resolution_stft(noise(1, 2, 100), noise(1, 2, 100, seed=3))) > 0.1


@pytest.mark.parametrize("size", [64, 50, 33, 2])
def test_gradient_is_that_of_finite_differences(size):
    target = noise(2, 2, 301, seed=1).double()
    x = noise(2, 2, 301, seed=2).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda a: multi_resolution_stft(a, target, (size,)), (x,))


def test_a_target_that_was_heard_once_serves_again():
    target, x = noise(2, 2, T), noise(2, 2, T, seed=1)
    distance = StftDistance(target)
    for y in (x, target, 2 * x):
        assert torch.equal(distance(y), multi_resolution_stft(y, target))
    with pytest.raises(ValueError, match="x and target are both"):
        distance(x[:1])


@pytest.mark.parametrize("shapes", [((1, 2, 9), (1, 2, 8)), ((2, 9), (2, 9)), ((1, 3, 9), (1, 3, 9))])
def test_refuses_what_it_cannot_compare(shapes):
    with pytest.raises(ValueError, match="x and target are both"):
        multi_resolution_stft(*(torch.zeros(s) for s in shapes))
