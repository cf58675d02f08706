"""Faults that are only trained on: they widen what a quality model has met beyond the kinds it is judged on.

Each is `f(x, sample_rate, strength, rng)` as in `reprs.views.degradations`, and none is one of its kinds.
"""

from __future__ import annotations

import numpy as np

from reprs.views.strength import Degradation, added, between, rms

broader: dict[str, Degradation] = {}


def _kind(function: Degradation) -> Degradation:
    broader[function.__name__] = function
    return function


@_kind
def lost_bands(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Cells of a third of an octave and 20 to 200 ms are lost, 1 to 60 % of them, however loud they are."""
    from scipy.signal import istft, stft

    size = int(rng.choice([512, 2048]))
    spectrum = stft(x, nperseg=size)[2]
    band = (3 * np.log2(np.maximum(np.arange(spectrum.shape[1]), 1))).astype(int)
    stretch = max(1, round(rng.uniform(0.02, 0.2) * sample_rate / (size // 2)))
    drawn = rng.random((band.max() + 1, spectrum.shape[2] // stretch + 1))
    lost = np.repeat(drawn < between(0.01, 0.6, strength), stretch, axis=1)[:, : spectrum.shape[2]]
    return _fitted(istft(np.where(lost[band], 0, spectrum), nperseg=size)[1], x.shape[1])


@_kind
def coarse_spectrum(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A cosine transform whose coefficients are rounded to steps of -20 to 20 dB of their band's level."""
    from scipy.fft import dct, idct

    half = int(rng.choice([128, 512, 1024]))
    window = np.sin(np.pi * (np.arange(2 * half) + 0.5) / (2 * half))
    padded = np.pad(x.astype(np.float64), ((0, 0), (half, 3 * half)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * half, axis=1)[:, ::half]
    c = dct(frames * window, type=4, norm="ortho", axis=-1)
    band = (4 * np.log2(np.maximum(np.arange(2 * half), 4) / 4)).astype(int)
    count = np.bincount(band, minlength=band.max() + 1)
    power = np.add.reduceat(np.square(c), np.flatnonzero(np.diff(band, prepend=-1)), axis=-1)
    level = np.sqrt(power / count[count > 0])[..., np.cumsum(np.diff(band, prepend=band[0]) > 0)]
    step = level * 10 ** ((-20 + 40 * strength) / 20) + 1e-9
    parts = idct(step * np.round(c / step), type=4, norm="ortho", axis=-1) * window
    y = np.zeros_like(padded)
    for i in range(frames.shape[1]):
        y[:, i * half : (i + 2) * half] += parts[:, i]
    return y[:, half : half + x.shape[1]]


@_kind
def dead_zone(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Crossover distortion: what is within -50 to -6 dB of the rms is lost, and as much of all above."""
    width = rms(x) * 10 ** ((-50 + 44 * strength) / 20)
    return np.sign(x) * np.maximum(np.abs(x) - width, 0)


@_kind
def asymmetry(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """The negative half is bent towards its square, an error of -40 to 0 dB: even harmonics."""
    level = 3 * rms(x)
    bent = np.where(x < 0, -np.square(x) / level, 0)
    return added(x, bent - bent.mean(axis=1, keepdims=True), 40 - 40 * strength)


@_kind
def companding(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """8 down to 3 bits on a logarithmic scale (mu-law): an error that follows the waveform."""
    peak = float(np.abs(x).max()) + 1e-9
    bent = np.sign(x) * np.log1p(255 * np.abs(x) / peak) / np.log(256)
    steps = 2 ** (7 - 5 * strength)
    bent = np.round(bent * steps) / steps
    return np.sign(bent) * peak * (256 ** np.abs(bent) - 1) / 255


@_kind
def following_noise(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Noise in one band that rises and falls with the music, 50 to 6 dB below it."""
    from scipy.signal import butter, sosfilt

    low_hz = float(rng.uniform(50, 6_000))
    band = butter(2, (low_hz, min(low_hz * 6, 18_000)), "band", fs=sample_rate, output="sos")
    envelope = sosfilt(butter(1, 10, fs=sample_rate, output="sos"), np.abs(x))
    return added(x, sosfilt(band, rng.standard_normal(x.shape)) * np.maximum(envelope, 0), 50 - 44 * strength)


@_kind
def bursts(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Bursts of noise of 5 to 150 ms, 1 to 12 a second, 30 to 0 dB below the music."""
    seconds = x.shape[1] / sample_rate
    gate = np.zeros(x.shape[1])
    starts, lengths_s = rng.random(round(12 * seconds)), rng.uniform(0.005, 0.15, round(12 * seconds))
    level = rng.exponential(size=len(starts))
    for i in range(max(1, round(between(1, 12, strength) * seconds))):
        first = int(starts[i] * x.shape[1])
        gate[first : first + round(lengths_s[i] * sample_rate)] = level[i]
    hiss = np.diff(rng.standard_normal((1, x.shape[1] + 1)), axis=1)
    return x + hiss * gate * rms(x) * 10 ** (-30 * (1 - strength) / 20)


@_kind
def stutter(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """0.5 to 12 times a second the last 3 to 60 ms come again in place of what follows."""
    y, seconds = x.copy(), x.shape[1] / sample_rate
    starts, lengths_s = rng.random(round(12 * seconds)), rng.uniform(0.003, 0.06, round(12 * seconds))
    for i in range(max(1, round(between(0.5, 12, strength) * seconds))):
        length = round(lengths_s[i] * sample_rate)
        first = length + int(starts[i] * max(1, x.shape[1] - 2 * length))
        y[:, first : first + length] = x[:, first - length : first][:, : y.shape[1] - first]
    return y


@_kind
def chorus(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A second voice 4 to 25 ms behind that drifts by up to 3 ms, 30 to -6 dB below the first."""
    t = np.arange(x.shape[1])
    swing = 0.003 * np.sin(2 * np.pi * rng.uniform(0.2, 3) * t / sample_rate + rng.uniform(0, 2 * np.pi))
    places = t - sample_rate * (rng.uniform(0.004, 0.025) + swing)
    voice = np.stack([np.interp(places, t, channel) for channel in x])
    return added(x, voice, 30 - 36 * strength)


@_kind
def tremolo(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A level that swings by 0.3 to 20 dB at 1 to 12 Hz."""
    t = np.arange(x.shape[1]) / sample_rate
    swing = np.sin(2 * np.pi * rng.uniform(1, 12) * t + rng.uniform(0, 2 * np.pi))
    return x * 10 ** (between(0.15, 10, strength) * swing / 20)


@_kind
def resonances(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Three bells of 1 to 24 dB up or down, a third to two octaves wide, between 80 Hz and 12 kHz."""
    f = np.fft.rfftfreq(x.shape[1], 1 / sample_rate)
    octaves = np.log2(np.maximum(f, 20) / 1_000)
    gain_db = np.zeros(len(f))
    for _ in range(3):
        centre, width = rng.uniform(np.log2(0.08), np.log2(12)), rng.uniform(0.33, 2)
        gain_db += rng.uniform(-1, 1) * np.exp(-0.5 * np.square((octaves - centre) / width))
    gain_db *= between(1, 24, strength) / np.abs(gain_db).max()
    return np.fft.irfft(np.fft.rfft(x) * 10 ** (gain_db / 20), x.shape[1])


@_kind
def whistle(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """One to four steady tones between 200 Hz and 15 kHz, 60 to 6 dB below the music."""
    t = np.arange(x.shape[1]) / sample_rate
    tones_hz = 200 * 75 ** rng.random(int(rng.integers(1, 5)))
    return added(x, np.sin(2 * np.pi * tones_hz[:, None] * t).sum(0)[None], 60 - 54 * strength)


@_kind
def comb(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """One echo 0.3 to 120 ms behind, 36 to 0 dB below the music."""
    behind = max(1, round(sample_rate * between(3e-4, 0.12, float(rng.random()))))
    return added(x, np.pad(x, ((0, 0), (behind, 0)))[:, : x.shape[1]], 36 - 36 * strength)


def _fitted(y: np.ndarray, length: int) -> np.ndarray:
    return np.pad(y, ((0, 0), (0, max(0, length - y.shape[1]))))[:, :length]
