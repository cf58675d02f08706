"""How far a mix is from a target wave by wave: residuals that tell apart what levels of bands mix up."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reprs.objectives.stft import mid_side

SIZE, BANDS = 1024, 30
LOWEST_HZ, HIGHEST_HZ = 40.0, 20_000.0
# Above this, neighbouring bins are added up with random signs, so many at a time: fewer numbers that say as
# much of the sums of squares (a count sketch; Charikar, Chen and Farach-Colton 2002).
SKETCHED_HZ, TOGETHER = 2_500.0, 4
AT_ONCE = 2  # rows whose spectra stay in a CPU's cache
# A band's waves count from this far below its mean in the target; and from this far below the whole.
FLOOR_DB, WHOLE_DB = -45.0, -75.0


class Waves:
    """Residuals of `(R, 2, T)` against a target `(1, 2, T)`, heard once: `residuals(y)` → `(R, F)`.

    Differences of the spectra of mid and side, frame by frame, over the target's level in bands of equal
    octaves there; the sum of a row's squares is their mean over bands and frames. Where levels of bands are
    straight in the logarithm of a response, these are straight in the response itself, as far as phases are
    right; what one track adds is heard under louder ones. The first `skipped` samples are not heard.
    """

    def __init__(self, target: Tensor, sample_rate: int, skipped: int = 0) -> None:
        self.skipped = skipped
        self.size = min(SIZE, target.shape[-1] - skipped)
        self._window = torch.hann_window(self.size)
        hz = torch.fft.rfftfreq(self.size, 1 / sample_rate)
        edges = torch.linspace(math.log(LOWEST_HZ), math.log(HIGHEST_HZ), BANDS + 2)
        band = (torch.bucketize(hz.clamp_min(1.0).log(), edges) - 1).clamp(0, BANDS)
        members = torch.nn.functional.one_hot(band, BANDS + 1).float()
        bins = members.sum(0).clamp_min(1)
        spectra = self._spectra(target)
        energies = (spectra.real.square() + spectra.imag.square()) @ members / bins
        floor = energies.mean(2, keepdim=True) * 10 ** (FLOOR_DB / 10)
        whole = energies.mean((1, 2, 3), keepdim=True) * 10 ** (WHOLE_DB / 10)
        weight = 1 / ((energies + floor + whole + 1e-12) * bins)
        weight = (weight / (weight.shape[1] * weight.shape[2] * int((members.sum(0) > 0).sum()))).sqrt()
        self._weight = weight[..., band]
        self._alone = int((hz < SKETCHED_HZ).sum())
        several = (len(hz) - self._alone) // TOGETHER
        signs = torch.randint(0, 2, (several, TOGETHER), generator=torch.Generator().manual_seed(0))
        self._signs = 2.0 * signs - 1
        self._wanted = spectra

    def __call__(self, y: Tensor) -> Tensor:
        return torch.cat([self._off(rows) for rows in y.split(AT_ONCE)])

    def _off(self, y: Tensor) -> Tensor:
        off = (self._spectra(y) - self._wanted) * self._weight
        high = off[..., self._alone :][..., : self._signs.numel()].unflatten(-1, self._signs.shape)
        off = torch.cat([off[..., : self._alone], (high * self._signs).sum(-1)], dim=-1)
        return torch.view_as_real(off).flatten(1)

    def _spectra(self, y: Tensor) -> Tensor:
        frames = mid_side(y[..., self.skipped :]).unfold(-1, self.size, self.size)
        return torch.fft.rfft(frames * self._window)
