"""What the effect encoder looks at: six views of a clip, each suited to the traces that one family of
effects leaves.

All are invariant to the clip's level and defined for any length. `x` is stereo audio `(B, 2, T)`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FLOOR = 1e-7


def mel_filterbank(sample_rate: int, n_fft: int, bands: int, low_hz: float, high_hz: float) -> Tensor:
    """Triangular mel filters of unit area, `(n_fft // 2 + 1, bands)` (Slaney's normalisation, HTK's scale).

    Bands narrower than a bin take their nearest bin, so that none is empty.
    """
    edges_mel = torch.linspace(_mel(low_hz), _mel(high_hz), bands + 2, dtype=torch.float64)
    edges = (700 * (10 ** (edges_mel / 2595) - 1)) / (sample_rate / n_fft)
    bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64)[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    filters = torch.minimum(rising, falling).clamp(min=0)
    filters[centre.round().long(), torch.arange(bands)] += (filters.sum(0) < 1e-3).double()
    return (filters / filters.sum(0)).float()


def _mel(frequency_hz: float) -> float:
    return 2595 * math.log10(1 + frequency_hz / 700)


class StereoMel(nn.Module):
    """Log-mel of the mid channel, side-to-mid ratio and inter-channel coherence, `(B, 3, bands, frames)`."""

    high_hz = 18_000
    window: Tensor
    filters: Tensor

    def __init__(self, sample_rate: int, n_fft: int = 2048, hop: int = 735, bands: int = 96) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.bins = int(self.high_hz * n_fft / sample_rate) + 2
        filters = mel_filterbank(sample_rate, n_fft, bands, 20, self.high_hz)[: self.bins]
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.stft(
            x.flatten(0, 1),
            self.n_fft,
            self.hop,
            window=self.window,
            pad_mode="constant",
            return_complex=True,
        )
        # Contiguous real and imaginary parts: products of strided halves cost a CPU twice the time.
        bins = spectrum.transpose(-1, -2)[..., : self.bins].unflatten(0, (-1, 2))
        real, imag = bins.real.contiguous(), bins.imag.contiguous()
        # Products of whole tensors: halves of one would be copied.
        both = (real.square() + imag.square()) @ self.filters
        lr = (real[:, 0] * real[:, 1] + imag[:, 0] * imag[:, 1]) @ self.filters
        ll, rr, lr = (p.transpose(-1, -2) for p in (*both.unbind(1), lr))
        floor = FLOOR * (ll + rr).mean((1, 2), keepdim=True) + 1e-12
        mid = ((ll + rr) / 2 + lr).clamp(min=0) + floor
        side = ((ll + rr) / 2 - lr).clamp(min=0) + floor
        ratio = torch.log(side / mid).clamp(-7, 4)
        correlation = lr * torch.rsqrt((ll + floor) * (rr + floor))
        return torch.stack([torch.log(mid), ratio, correlation], dim=1)


class EchoCepstrum(nn.Module):
    """Echoes and reverberation by quefrency, `(B, 6, bins)`: positive peak, negative peak and energy of
    the power cepstrum (Bogert, Healy and Tukey 1963) of mid and side.

    An echo after d seconds ripples the spectrum with period 1/d, whatever is playing: a peak at quefrency
    d. A reverberation lifts the energy over all quefrencies up to its decay. Each octave of quefrency is
    cut into `per_octave` equal bins. White noise has energy 1 everywhere.
    """

    band: Tensor

    def __init__(
        self,
        sample_rate: int,
        size: int = 131_072,
        per_octave: int = 32,
        low_hz: float = 80,
        high_hz: float = 13_000,
    ) -> None:
        super().__init__()
        self.size, self.per_octave = size, per_octave
        self.octaves = range(int(math.log2(per_octave)), int(math.log2(size)) - 1)
        self.bins = per_octave * len(self.octaves)
        self.register_buffer("band", _cepstral_band(sample_rate, size, low_hz, high_hz, 4), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        mid, side = x[:, 0] + x[:, 1], x[:, 0] - x[:, 1]
        frames = _frames(torch.stack([mid, side], dim=1), self.size)
        taper = torch.hann_window(frames.shape[-1] // 4 * 2, device=x.device, dtype=x.dtype)
        half = len(taper) // 2
        window = torch.cat([taper[:half], x.new_ones(frames.shape[-1] - 2 * half), taper[half:]])
        spectrum = torch.fft.rfft(frames * window, n=self.size)
        power = _power(spectrum)
        floor = 1e-6 * power.mean((1, -1), keepdim=True) + 1e-9
        cepstrum = _cepstrum(power + floor, self.band, self.size).mean(2)
        said = ("peak", "dip", "energy")
        return torch.cat([_by_octave(cepstrum, self.octaves, self.per_octave, how) for how in said], dim=1)


class MovingComb(nn.Module):
    """Combs that move, `(B, 2, bins, frames)`: positive and negative peak of the short-time power cepstrum
    of the mid channel by quefrency, 16 bins an octave from 0.4 to 46 ms, every 50 ms.

    A chorus or flanger adds a copy whose delay swings: a peak that wanders through the quefrencies, where
    tones jump or stay. `EchoCepstrum` looks at seconds at once and sees it smeared. White noise is about 1.
    """

    band: Tensor
    window: Tensor

    def __init__(
        self,
        sample_rate: int,
        size: int = 4096,
        hop: int = 2205,
        low_hz: float = 100,
        high_hz: float = 12_000,
    ) -> None:
        super().__init__()
        self.size, self.hop, self.per_octave = size, hop, 16
        self.octaves = range(int(math.log2(self.per_octave)), int(math.log2(size)) - 1)
        self.bins = self.per_octave * len(self.octaves)
        self.register_buffer("band", _cepstral_band(sample_rate, size, low_hz, high_hz, 3), persistent=False)
        self.register_buffer("window", torch.hann_window(size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.stft(
            x.mean(1), self.size, self.hop, window=self.window, pad_mode="constant", return_complex=True
        )
        power = _power(spectrum.transpose(1, 2))
        floor = 1e-7 * power.mean((1, 2), keepdim=True) + 1e-10
        cepstrum = _cepstrum(power + floor, self.band, self.size)
        peaks = [_by_octave(cepstrum, self.octaves, self.per_octave, how) for how in ("peak", "dip")]
        return torch.stack(peaks, dim=1).transpose(2, 3)


class CepstralMotion(nn.Module):
    """How the shape of the spectrum moves, `(B, 1 + len(lags), coefficients)`, from `StereoMel`'s output:
    logarithms of the standard deviation over time of every mel-frequency cepstral coefficient of the mid
    channel, and of its RMS change after each lag.

    A phaser sweeps a few broad notches through the spectrum: cepstral coefficients that swing at the speed of
    its oscillator whatever is playing. Lags of 17 ms to 1.07 s make a structure function (Kolmogorov 1941),
    which says what a modulation spectrum does and is defined for any length.
    """

    lags = (1, 2, 4, 8, 16, 32, 64)
    coefficients = 30
    cosines: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.shape = (1 + len(self.lags), self.coefficients)
        orders, places = torch.arange(1, self.coefficients + 1)[:, None], torch.arange(bands) + 0.5
        cosines = math.sqrt(2 / bands) * torch.cos(math.pi / bands * places * orders)
        self.register_buffer("cosines", cosines, persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        cepstrum = self.cosines @ mel[:, 0]
        last = cepstrum.shape[-1] - 1
        moves = [cepstrum - cepstrum.mean(-1, keepdim=True)]
        for lag in self.lags if last else ():
            moves.append(cepstrum[..., min(lag, last) :] - cepstrum[..., : max(last - lag, 0) + 1])
        still = [torch.zeros_like(cepstrum)] * (self.shape[0] - len(moves))
        return torch.stack([torch.log(m.square().mean(-1).sqrt() + 1e-3) for m in moves + still], dim=1)


class Dynamics(nn.Module):
    """Order statistics of level and waveform, `(B, width)`: what compression, limiting and distortion change.

    Quantiles of 5.8 ms level, of its rise and fall, of crest factor, and of the samples themselves (both
    signs).
    """

    frame = 256
    samples = 16_384
    probabilities = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995)
    sample_probabilities = (*(i / 32 for i in range(1, 32)), 0.005, 0.015, 0.985, 0.995, 0.001, 0.999)

    def __init__(self) -> None:
        super().__init__()
        self.width = 4 * len(self.probabilities) + 2 + len(self.sample_probabilities) + 2

    def forward(self, x: Tensor) -> Tensor:
        mid = x.sum(1) / math.sqrt(2)
        mid = F.pad(mid, (0, -mid.shape[-1] % self.frame))
        frames = mid.unflatten(-1, (-1, self.frame))
        power = frames.square().mean(-1)
        floor = 1e-5 * power.mean(-1, keepdim=True) + 1e-12
        level = 0.5 * torch.log(power + floor)
        peak = torch.log(frames.abs().amax(-1) + floor.sqrt())
        rms = torch.sqrt(power.mean(-1, keepdim=True) + 1e-12)
        change = level.diff(dim=-1) if level.shape[-1] > 1 else torch.zeros_like(level)
        slow = F.avg_pool1d(level, 8, ceil_mode=True)
        parts = [
            _quantiles(level, self.probabilities) - torch.log(rms),
            _quantiles(change, self.probabilities),
            _quantiles(peak - level, self.probabilities),
            _quantiles(slow, self.probabilities) - torch.log(rms),
            torch.log(mid.abs().amax(-1, keepdim=True) + 1e-9) - torch.log(rms),
            change.abs().mean(-1, keepdim=True),
        ]
        step = max(1, mid.shape[-1] // self.samples)
        drawn = mid[:, ::step] / rms
        parts.append(torch.asinh(4 * _quantiles(drawn, self.sample_probabilities)))
        parts.append(torch.stack([drawn.amax(-1), drawn.amin(-1)], -1).div(4))
        return torch.cat(parts, dim=-1)


def spectral_statistics(mel: Tensor) -> Tensor:
    """Statistics over time of every mel band, `(B, 10, bands)`, from `StereoMel`'s output."""
    mid, ratio, correlation = mel.unbind(1)
    mean = mid.mean(-1, keepdim=True)
    centred = mid - mean
    std = torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-4)
    change = mid.diff(dim=-1) if mid.shape[-1] > 1 else torch.zeros_like(mid)
    ordered = centred.sort(dim=-1).values
    last = ordered.shape[-1] - 1
    return torch.stack(
        [
            mean[..., 0] - mean.mean(1)[:, :1].expand_as(mean[..., 0]),
            std[..., 0],
            *(ordered[..., round(q * last)] for q in (0.05, 0.25, 0.75, 0.97)),
            change.clamp(min=0).mean(-1),
            change.clamp(max=0).square().mean(-1).add(1e-6).sqrt(),
            ratio.mean(-1),
            correlation.mean(-1),
        ],
        dim=1,
    )


def _power(spectrum: Tensor) -> Tensor:
    """Squared magnitude; a sum over pairs of real and imaginary parts costs a CPU six times the time."""
    return spectrum.real.square() + spectrum.imag.square()


def _cepstral_band(sample_rate: int, size: int, low_hz: float, high_hz: float, slope: float) -> Tensor:
    """Weights of the bins of a log spectrum, scaled so that the cepstrum of white noise has energy 1."""
    frequency_hz = torch.arange(size // 2 + 1) * (sample_rate / size)
    rise = ((frequency_hz / low_hz).log2()).clamp(0, 1)
    fall = ((high_hz / frequency_hz.clamp(min=1)).log2() * slope).clamp(0, 1)
    band = (rise * fall * math.pi / 2).sin() ** 2
    # The log power of noise has variance pi^2 / 6 a bin.
    return band * (size / math.sqrt(2 * float((band**2).sum()) * math.pi**2 / 6))


def _cepstrum(power: Tensor, band: Tensor, size: int) -> Tensor:
    """Of a power spectrum `(…, size / 2 + 1)` under the weights of `_cepstral_band`, `(…, size)`."""
    log_power = torch.log(power)
    level = (log_power * band).sum(-1, keepdim=True) / band.sum()
    return torch.fft.irfft((log_power - level) * band, n=size)


def _by_octave(cepstrum: Tensor, octaves: range, per_octave: int, how: str) -> Tensor:
    """`(…, quefrency)` → `(…, bins)`: peak, dip or energy of equal bins of every octave."""
    parts = []
    for octave in octaves:
        bins = cepstrum[..., 2**octave : 2 ** (octave + 1)].unflatten(-1, (per_octave, -1))
        if how == "energy":
            parts.append(torch.log(bins.square().mean(-1) + 1e-2))
        else:
            parts.append(torch.log1p((bins.amax(-1) if how == "peak" else -bins.amin(-1)).clamp(min=0)))
    return torch.cat(parts, dim=-1)


def _frames(x: Tensor, size: int) -> Tensor:
    """`(…, T)` → `(…, frames, min(T, size))`: half-overlapping frames; a rest shorter than a half frame is
    left out.
    """
    if x.shape[-1] <= size:
        return x.unsqueeze(-2)
    return x.unfold(-1, size, size // 2)


def _quantiles(x: Tensor, probabilities: tuple[float, ...]) -> Tensor:
    """Nearest-rank quantiles over the last axis."""
    ordered = x.sort(dim=-1).values
    last = x.shape[-1] - 1
    return torch.stack([ordered[..., round(p * last)] for p in probabilities], dim=-1)
