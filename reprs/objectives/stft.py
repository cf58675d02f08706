"""Multi-resolution STFT distance of two mixes, on mid and side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SIZES = (512, 2048, 8192)
HOPS_A_WINDOW = 4
FLOOR_DB = -80.0
# Below this share of the whole, a nearly silent side no longer makes a small error an infinite one.
QUIETEST_SIDE_DB = -40.0


def multi_resolution_stft(
    x: Tensor, target: Tensor, sizes: Sequence[int] = SIZES, floor_db: float = FLOOR_DB
) -> Tensor:
    """Spectral convergence plus log-magnitude error of `x` against `target`, both `(B, C, T)` → `(B,)`.

    Mean over the window `sizes` (samples, hop a quarter) and over mid and side of stereo (Yamamoto 2020;
    sum and difference after Steinmetz 2020, 2021). Magnitudes count from `floor_db` re a full-scale sine
    upwards, so that silence is a level like any other: value and gradient are finite for it, equal silences
    are at distance 0, and a spectral convergence never divides by less than 1 % of the target's two
    channels together. The log part is in nats (1 nat = 8.7 dB). Not symmetric: the target is the unit, and
    gets no gradient.
    """
    return StftDistance(target, sizes, floor_db)(x)


class StftDistance:
    """The same from one target `(B, C, T)`, heard once: `distance(x)` → `(B,)`."""

    def __init__(self, target: Tensor, sizes: Sequence[int] = SIZES, floor_db: float = FLOOR_DB) -> None:
        if target.ndim != 3 or target.shape[1] not in (1, 2) or target.shape[2] == 0:
            raise ValueError(
                f"x and target are both (B, 1 or 2, T), got {tuple(target.shape)} for the target"
            )
        self.shape, self.floor = target.shape, 10 ** (floor_db / 20)
        rows = mid_side(target.detach()).flatten(0, 1)
        self._wanted = {size: _levels(_spectra(rows, size), self.floor) for size in sizes}
        self._least = {size: self._smallest_unit(level) for size, level in self._wanted.items()}

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape != self.shape:
            raise ValueError(
                f"x and target are both (B, 1 or 2, T), got {tuple(x.shape)} and {tuple(self.shape)}"
            )
        rows = mid_side(x).flatten(0, 1)
        parts = [
            _Distance.apply(rows, wanted, self._least[size], size, self.floor)
            for size, wanted in self._wanted.items()
        ]
        return torch.stack(parts).mean(dim=0).unflatten(0, self.shape[:2]).mean(dim=1)

    def _smallest_unit(self, wanted: Tensor) -> Tensor:
        """What the error of each row is divided by."""
        energy = wanted.square().sum(dim=(-2, -1)).unflatten(0, self.shape[:2])
        whole = energy.sum(dim=1, keepdim=True) * 10 ** (QUIETEST_SIDE_DB / 10)
        return torch.maximum(energy, whole).sqrt().flatten()


def mid_side(x: Tensor) -> Tensor:
    """Half the sum and half the difference of stereo `(B, 2, T)`; mono `(B, 1, T)` is its own mid."""
    if x.shape[1] == 1:
        return x
    left, right = x.unbind(dim=1)
    return torch.stack([left + right, left - right], dim=1) / 2


def magnitudes(x: Tensor, size: int, floor_db: float = FLOOR_DB) -> Tensor:
    """Magnitudes `(…, F, N)` of `(…, T)` under a Hann window, 1 for a full-scale sine, at least the floor."""
    level = _levels(_spectra(x.reshape(-1, x.shape[-1]), size), 10 ** (floor_db / 20))
    return level.transpose(-1, -2).reshape(*x.shape[:-1], level.shape[-1], level.shape[-2])


class _Distance(torch.autograd.Function):
    """Both parts at one resolution for rows `(R, T)`.

    The gradient is written out: torch's own runs a complex FFT of full length for each real one and adds
    frames up by index, three times the work.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, wanted: Tensor, least: Tensor, size: int, floor: float) -> Tensor:
        spectra = _spectra(rows, size)
        level = _levels(spectra, floor)
        off = level - wanted
        error = torch.linalg.vector_norm(off, dim=(-2, -1))
        ratio = (level / wanted).log_()
        value = error / least + ratio.abs().mean(dim=(-2, -1))
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(spectra, level, off, ratio.sign_(), error, least)
            ctx.about = rows.shape[-1], size, floor
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        spectra, level, off, sign, error, least = ctx.saved_tensors
        samples, size, floor = ctx.about
        # A norm has no slope at 0, and levels at the floor have none either.
        of_error = torch.where(error > 0, gradient / (error * least), 0.0)[:, None, None]
        of_log = (gradient / level[0].numel())[:, None, None]
        slope = (off * of_error).addcdiv_(sign * of_log, level).div_(level).mul_(level > floor)
        return _spectra_adjoint(spectra * slope, samples, size), None, None, None, None


def _spectra(rows: Tensor, size: int) -> Tensor:
    """Frames' spectra `(R, N, F)` of `(R, T)`, in units of a full-scale sine; silence is before and after."""
    frames = F.pad(rows, (size // 2, size // 2)).unfold(-1, size, _hop(size))
    return torch.fft.rfft(frames * _window(rows, size))


def _spectra_adjoint(spectra: Tensor, samples: int, size: int) -> Tensor:
    """The transpose of `_spectra`: gradients of spectra `(R, N, F)` → of rows `(R, samples)`."""
    hop = _hop(size)
    spectra[..., 1 : (size + 1) // 2] /= 2  # the inverse transform counts them twice
    frames = torch.fft.irfft(spectra, n=size, norm="forward") * _window(spectra.real, size)
    count, parts = frames.shape[1], -(-size // hop)
    frames = F.pad(frames, (0, parts * hop - size)).unflatten(-1, (parts, hop))
    rows = frames.new_zeros(len(frames), count + parts - 1, hop)
    for part in range(parts):
        rows[:, part : part + count] += frames[:, :, part]
    rows = rows.flatten(1)[:, size // 2 : size // 2 + samples]
    return F.pad(rows, (0, samples - rows.shape[1]))


def _levels(spectra: Tensor, floor: float) -> Tensor:
    power = spectra.real.square().addcmul_(spectra.imag, spectra.imag)
    return power.clamp_min_(floor**2).sqrt_()


def _window(like: Tensor, size: int) -> Tensor:
    """Hann's, scaled so that a full-scale sine has magnitude 1."""
    window = torch.hann_window(size, device=like.device, dtype=like.dtype)
    return window * (2 / window.sum())


def _hop(size: int) -> int:
    return max(size // HOPS_A_WINDOW, 1)
