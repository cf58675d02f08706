"""What of a whole clip tells its faults, as numbers: its bands, its width, its partials, its mains lines.

Everything is relative to the clip's level, so that a fader changes nothing. `x` is stereo audio `(B, 2, T)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reprs.models.fault_view import BANDS, HIGH_HZ, HOP, SIZE, FaultView
from reprs.models.frontend import mel_filterbank

# 45 dB in the units of the view's levels.
RANGE = 45 / 20
WIDTH_BANDS, PARTIAL_BANDS = 32, 48
# Long enough to tell partials apart, and to tell the mains from a bass.
PARTIAL_SIZE, MAINS_SIZE = 8_192, 16_384
MAINS_HZ, HARMONICS = (50, 60), 15
LEAST = 1e-12


class StatisticsView(nn.Module):
    """What is there on average and at the extremes, and how it changes; `(B, 2, T)` → `(B, width, 1)`."""

    quantiles = (0.1, 0.5, 0.9)
    # Of the steps of the bands' levels from frame to frame: attacks, decays, and the ripple of noise.
    step_quantiles = (0.03, 0.1, 0.9, 0.97)
    of_bands = (5 + len(quantiles)) * FaultView.rows + (3 + len(step_quantiles)) * BANDS
    of_width = (2 + len(quantiles)) * 2 * WIDTH_BANDS
    width = of_bands + of_width + 4 * PARTIAL_BANDS + len(MAINS_HZ) * HARMONICS

    wide_filters: Tensor
    partial_filters: Tensor

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate, self.view = sample_rate, FaultView(sample_rate)
        wide = mel_filterbank(sample_rate, SIZE, WIDTH_BANDS, 30, HIGH_HZ)
        self.register_buffer("wide_filters", wide, persistent=False)
        partial = mel_filterbank(sample_rate, PARTIAL_SIZE, PARTIAL_BANDS, 30, HIGH_HZ)
        self.register_buffer("partial_filters", partial, persistent=False)

    @torch.no_grad()
    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        """Of clips, and of what `FaultView` makes of them where that is there already."""
        bands = self.statistics(self.view(x) if seen is None else seen)
        x = x.float() / (x.float().square().mean((1, 2), keepdim=True).sqrt() + 1e-7)
        x = F.pad(x, (0, max(0, MAINS_SIZE - x.shape[-1])))
        mid = x.mean(1)
        return torch.cat([bands, self.stereo(x), self.partials(mid), self.mains(mid)], dim=1)[..., None]

    def statistics(self, view: Tensor) -> Tensor:
        """Of bands and marks `(B, C, F)` → `(B, of_bands)`."""
        level = view[:, :BANDS]
        # The teacher, too, hears nothing 45 dB under the loudest band of a frame.
        below = (level - level.amax(1, keepdim=True)).clamp(min=-RANGE)
        steps = view.diff(dim=2) if view.shape[2] > 1 else torch.zeros_like(view)
        parts = [view.mean(2), view.std(2, unbiased=False), view.amin(2), view.amax(2)]
        parts += [steps.abs().mean(2), *_quantiles(view[..., ::2], self.quantiles), below.mean(2)]
        parts += [below.std(2, unbiased=False), (below <= 0.98 * -RANGE).float().mean(2)]
        return torch.cat([*parts, *_quantiles(steps[:, :BANDS, ::2], self.step_quantiles)], dim=1)

    def stereo(self, x: Tensor) -> Tensor:
        """Level of the side below the mid, and how far the channels are from one another's copies, a band:
        noise, tails and coders leave what the channels do not share, and a hum what they do; `(B, of_width)`.
        """
        least = 1e-10 / SIZE
        left, right = (_spectrum(x[:, c], SIZE, HOP) for c in (0, 1))
        mid, side = (_power(y / 2) @ self.wide_filters + least for y in (left + right, left - right))
        cross = left * right.conj()
        shared = torch.hypot(cross.real @ self.wide_filters, cross.imag @ self.wide_filters)
        both = (_power(left) @ self.wide_filters * (_power(right) @ self.wide_filters)).sqrt()
        apart = torch.log10(1.0001 - (shared / (both + least)).clamp(0, 1))
        wide = (_db(side / mid).clamp(-60, 20) + 20) / 15
        rows = torch.cat([wide, apart + 1.5], dim=2).transpose(1, 2)
        # Of a row, its quantiles side by side.
        spread = torch.stack(_quantiles(rows, self.quantiles), dim=-1).flatten(1)
        return torch.cat([rows.mean(2), rows.std(2, unbiased=False), spread], dim=1)

    def partials(self, mid: Tensor) -> Tensor:
        """How far the bins of a long window are below their band on average: far where partials are sharp,
        -2.5 dB where there is noise, a wavering pitch or a tail; `(B, T)` → `(B, 4 * PARTIAL_BANDS)`.
        """
        power = _power(_spectrum(mid, PARTIAL_SIZE, PARTIAL_SIZE // 2)) + 1e-10 / PARTIAL_SIZE
        hole = (_db(power) @ self.partial_filters - _db(power @ self.partial_filters)).transpose(1, 2)
        parts = [hole.mean(2), hole.std(2, unbiased=False), hole.amin(2), *_quantiles(hole, (0.5,))]
        return torch.cat(parts, dim=1) / 6

    def mains(self, mid: Tensor) -> Tensor:
        """By how much the lines of both mains frequencies stand out of what is beside them, all the time:
        of the level that a bin exceeds in nine frames of ten; `(B, T)` → `(B, 2 * HARMONICS)`.
        """
        power = _power(_spectrum(mid, MAINS_SIZE, MAINS_SIZE // 2))
        floor = _quantiles(_db(power + LEAST).transpose(1, 2), (0.1,))[0]
        step_hz, found = self.sample_rate / MAINS_SIZE, []
        for line_hz in (base * k for base in MAINS_HZ for k in range(1, HARMONICS + 1)):
            near = [round((line_hz + off) / step_hz) for off in (-20, -8, 8, 20)]
            beside = torch.cat([floor[:, max(1, a) : b + 1] for a, b in (near[:2], near[2:])], dim=1)
            line = round(line_hz / step_hz)
            found.append(floor[:, line - 1 : line + 2].amax(1) - beside.mean(1))
        return torch.stack(found, dim=1) / 10


def _spectrum(x: Tensor, size: int, hop: int) -> Tensor:
    """`(B, T)` → `(B, frames, bins)`; its power sums to the mean square."""
    window = torch.hann_window(size, device=x.device)
    spectrum = torch.stft(x, size, hop, window=window, center=False, return_complex=True)
    return spectrum.transpose(1, 2) / (window.square().sum() * size).sqrt()


def _power(spectrum: Tensor) -> Tensor:
    return spectrum.real.square() + spectrum.imag.square()


def _db(power: Tensor) -> Tensor:
    return 10 * torch.log10(power + LEAST)


def _quantiles(x: Tensor, shares: Sequence[float]) -> list[Tensor]:
    """Of the last dimension, to the nearest rank."""
    ordered = x.sort(dim=-1).values
    return [ordered[..., round(share * (ordered.shape[-1] - 1))] for share in shares]
