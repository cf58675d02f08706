"""What the quality model looks at: bands that show holes, edges and floors, and the waveform's own marks.

Everything is relative to the clip's level, so that a fader changes nothing. `x` is stereo audio `(B, 2, T)`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reprs.models.frontend import mel_filterbank

SIZE, HOP = 2048, 1024
BANDS, MARKS = 96, 7
HIGH_HZ = 21_500
FLOOR_DB = -100.0
BLOCK = 64
# Samples this near to a peak count as being at it: 16 bit and a little filtering leave a clipped top so flat.
AT_PEAK = 0.985


class FaultView(nn.Module):
    """`(B, 2, T)` → `(B, 2 * BANDS + MARKS, frames)`: band levels, band holes, marks of the waveform.

    Level is a band's mean power in dB below the clip's; hole is the mean of its bins' dB below that, -2.5 dB
    for noise and far less where a codec or a filter has emptied bins.
    """

    rows = 2 * BANDS + MARKS
    window: Tensor
    filters: Tensor

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(SIZE), persistent=False)
        filters = mel_filterbank(sample_rate, SIZE, BANDS, 30, HIGH_HZ)
        self.register_buffer("filters", filters, persistent=False)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        x = x / (x.square().mean((1, 2), keepdim=True).sqrt() + 1e-7)
        x = F.pad(x, (0, max(0, SIZE - x.shape[-1])))
        level, hole = self.bands(x.mean(1))
        return torch.cat([level, hole, marks(x)], dim=1)

    def bands(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Level and hole of `(B, T)`, each `(B, BANDS, frames)`, scaled to about ±2."""
        spectrum = torch.stft(x, SIZE, HOP, window=self.window, center=False, return_complex=True)
        power = (spectrum.real.square() + spectrum.imag.square()) / self.window.square().sum() / SIZE
        power = power.transpose(1, 2) + 10 ** (FLOOR_DB / 10) / SIZE
        level = _db(power @ self.filters)
        hole = _db(power) @ self.filters - level
        return (level.transpose(1, 2) + 60) / 20, (hole.transpose(1, 2) + 5) / 5


def marks(x: Tensor) -> Tensor:
    """`(B, 2, T)` → `(B, MARKS, frames)`, the worse channel of each frame.

    Crest factor; share of samples at the frame's peak, and at the clip's; the sharpest bend (clicks); the
    quietest 64 samples (drop-outs); share of samples that repeat the last one; the frame's level.
    """
    peak = x.abs().amax((1, 2))[:, None, None]
    frames = x.unfold(-1, SIZE, HOP)
    size, bend = frames.abs(), frames.diff(n=2).abs()
    own_peak, rms = size.amax(-1), frames.square().mean(-1).sqrt() + 1e-5
    blocks = frames.unflatten(-1, (-1, BLOCK)).square().mean(-1).sqrt().amin(-1)
    still = (frames.diff().abs() < 2e-4 * peak[..., None]).float().mean(-1)
    found = [
        (20 * torch.log10((own_peak + 1e-5) / rms) - 12) / 6,
        torch.log10((size >= AT_PEAK * own_peak[..., None]).float().mean(-1) + 1e-4) + 2.5,
        torch.log10((size >= AT_PEAK * peak[..., None]).float().mean(-1) + 1e-4) + 3,
        torch.log10(bend.amax(-1) / (bend.square().mean(-1).sqrt() + 1e-6) + 1e-3) * 3 - 2,
        -(20 * torch.log10(blocks / rms + 1e-3) + 20) / 20,
        torch.log10(still + 1e-3) + 2,
        -(20 * torch.log10(rms) + 6) / 12,
    ]
    return torch.stack(found, dim=1).amax(2)


def _db(power: Tensor) -> Tensor:
    return 10 * torch.log10(power + 1e-20)
