"""Degradations with one knob: what goes wrong with a recording, from barely there (0) to gross (1).

A degradation is `f(x, sample_rate, strength, rng)` on float32 `(C, T)`. What it draws from `rng` does not
depend on the strength, so that one seed gives a ladder: the same noise louder, the same gaps and more. Its
level follows the music's, so that a ladder means the same on loud and on soft recordings.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch

from reprs.effects import registry as effects
from reprs.views import codecs
from reprs.views.broader import broader
from reprs.views.strength import Degradation, added, between, rms

kinds: dict[str, Degradation] = {}
# Never trained on: what the recipe `quality` makes of faults that it has not met is judged on these.
UNSEEN = ("vorbis", "quantisation", "wow", "saturation", "crackle", "denoising")


def degrade(x: np.ndarray, sample_rate: int, kind: str, strength: float, seed: int = 0) -> np.ndarray:
    """`x` `(C, T)` float32 after one kind of degradation with `strength` in [0, 1]; the same shape."""
    known = kinds | broader
    if kind not in known:
        raise ValueError(f"no degradation is called {kind!r}; there are {', '.join(known)}")
    if not 0 <= strength <= 1:
        raise ValueError(f"a strength is from 0 to 1, got {strength}")
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    return known[kind](x, sample_rate, strength, rng).astype(np.float32)


def seen_kinds() -> list[str]:
    """The kinds that are both trained on and judged, in a fixed order."""
    return [kind for kind in kinds if kind not in UNSEEN]


def training_kinds() -> list[str]:
    """Every kind that training may use, in a fixed order: the seen ones and the broader ones."""
    return [*seen_kinds(), *broader]


def _kind(function: Degradation) -> Degradation:
    kinds[function.__name__] = function
    return function


@_kind
def mp3(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """160 down to 32 kbit/s."""
    return codecs.mp3(x, sample_rate, between(160, 32, strength))


@_kind
def opus(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """96 down to 12 kbit/s; the lowest rates, as in telephony, on 24 and 16 kHz."""
    coded_hz = 48_000 if strength < 0.5 else 24_000 if strength < 0.75 else 16_000
    return codecs.opus(x, sample_rate, between(96, 12, strength), coded_hz)


@_kind
def vorbis(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Its lowest quality at 44.1 kHz and, past strength 0, at sample rates down to 12 kHz."""
    return codecs.vorbis(x, sample_rate, round(between(44_100, 12_000, strength)))


@_kind
def clipping(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """The loudest 0.1 to 30 % of the samples at one value."""
    limit = np.quantile(np.abs(x), 1 - between(1e-3, 0.3, strength)) + 1e-9
    return np.clip(x, -limit, limit)


@_kind
def saturation(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A tanh driven by -12 to 18 dB above the rms."""
    drive = 10 ** ((-12 + 30 * strength) / 20) / rms(x)
    return np.tanh(drive * x) / drive


@_kind
def noise(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Noise between white and pink, 72 to 30 dB below the music."""
    spectrum = np.fft.rfft(rng.standard_normal(x.shape))
    slope = rng.uniform(0, 0.5)
    spectrum /= np.maximum(np.arange(spectrum.shape[1]), 20) ** slope
    return added(x, np.fft.irfft(spectrum, x.shape[1]), 72 - 42 * strength)


@_kind
def hum(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """50 or 60 Hz and falling harmonics, 40 to -10 dB below the music."""
    t = np.arange(x.shape[1]) / sample_rate
    base_hz, fall = rng.choice([50.0, 60.0]), rng.uniform(0.5, 1.5)
    orders = np.arange(1, 16)
    parts = orders**-fall * np.where(orders % 2, 1.0, 0.4)
    waves = np.sin(2 * np.pi * base_hz * orders[:, None] * t + rng.uniform(0, 2 * np.pi, (len(orders), 1)))
    return added(x, (parts @ waves)[None], 40 - 50 * strength)


@_kind
def band_limit(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A steep low-pass from 14 down to 1.5 kHz; in a third of the cases the lows go too, as in a phone."""
    from scipy.signal import butter, sosfiltfilt

    order, phone = int(rng.integers(2, 7)), rng.random() < 1 / 3
    high_hz = min(between(14_000, 1_500, strength), 0.45 * sample_rate)
    x = sosfiltfilt(butter(order, high_hz, "low", fs=sample_rate, output="sos"), x)
    if phone:
        x = sosfiltfilt(butter(2, between(40, 400, strength), "high", fs=sample_rate, output="sos"), x)
    return x


@_kind
def quantisation(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """13 down to 8 bits below the clip's peak, without dither."""
    step = 2 * float(np.abs(x).max() + 1e-9) / 2 ** (13 - 5 * strength)
    return step * np.round(x / step)


@_kind
def aliasing(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Sample and hold at 8 to 16 kHz with no filter, its error let in from -45 dB up to all of it."""
    rate_hz = rng.uniform(8_000, 16_000)
    held = np.floor(np.arange(x.shape[1]) * (rate_hz / sample_rate)) * (sample_rate / rate_hz)
    crushed = x[:, np.minimum(np.ceil(held).astype(int), x.shape[1] - 1)]
    return x + (crushed - x) * 10 ** ((strength - 1) * 45 / 20)


@_kind
def drop_outs(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Gaps of 5 to 60 ms, together 0.5 to 35 % of the time, faded over 1 ms."""
    most = max(1, round(16 * x.shape[1] / sample_rate))
    starts, lengths_s = rng.random(most), rng.uniform(0.005, 0.06, most)
    gate, lost, wanted = np.ones(x.shape[1]), 0.0, between(0.005, 0.35, strength) * x.shape[1] / sample_rate
    for start, length_s in zip(starts, lengths_s, strict=True):
        first = int(start * x.shape[1])
        gate[first : first + max(1, round(min(length_s, wanted - lost) * sample_rate))] = 0
        lost += length_s
        if lost >= wanted:
            break
    ramp = np.ones(max(1, sample_rate // 1000))
    return x * np.convolve(gate, ramp / len(ramp), mode="same")


@_kind
def crackle(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Clicks as of a worn record, 2 to 40 a second, each a damped knock of random size."""
    seconds = x.shape[1] / sample_rate
    most = round(40 * seconds)
    places, sizes = (
        rng.integers(x.shape[1], size=most),
        rng.exponential(size=most) * rng.choice([-1, 1], most),
    )
    train = np.zeros(x.shape[1])
    count = round(between(2, 40, strength) * seconds)
    np.add.at(train, places[:count], sizes[:count])
    t = np.arange(round(0.002 * sample_rate)) / sample_rate
    knock = np.exp(-t / 3e-4) * np.cos(2 * np.pi * 3_000 * t)
    return x + np.convolve(train, knock)[: x.shape[1]] * (rms(x) * between(0.3, 1.5, strength))


@_kind
def wow(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Speed that swings by 0.1 to 6 % at 0.5 to 6 Hz."""
    from scipy.ndimage import map_coordinates

    swing_hz, phase = rng.uniform(0.5, 6), rng.uniform(0, 2 * np.pi)
    t = np.arange(x.shape[1])
    depth = between(1e-3, 0.06, strength) * sample_rate / (2 * np.pi * swing_hz)
    places = t + depth * np.sin(2 * np.pi * swing_hz * t / sample_rate + phase)
    return np.stack([map_coordinates(c, places[None], order=5, mode="nearest") for c in x])


@_kind
def reverb(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A decaying noise of 0.4 to 2 s behind the music, its level -24 to +6 dB of the music's."""
    from scipy.signal import fftconvolve

    decay_s = rng.uniform(0.4, 2.0)
    t = np.arange(round(min(decay_s, 1.5) * sample_rate)) / sample_rate
    tail = rng.standard_normal((len(x), len(t))) * 10 ** (-3 * t / decay_s)
    wet = fftconvolve(x, tail, axes=1)[:, : x.shape[1]]
    return added(x, wet, 24 - 30 * strength)


@_kind
def over_compression(
    x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Fast compression, its threshold 10 dB above to 20 dB below the rms, at 4 to 20 : 1, then a limiter."""
    level_db = 20 * np.log10(rms(x))
    threshold_db = level_db + 10 - 30 * strength
    knobs = {
        "threshold_db": max(threshold_db, -60.0),
        "ratio": between(4, 20, strength),
        "attack_ms": float(rng.uniform(0.2, 5)),
        "release_ms": float(rng.uniform(20, 150)),
    }
    y = _played("compressor", x, sample_rate, knobs)
    return _played("limiter", y, sample_rate, {"ceiling_db": max(20 * np.log10(rms(y)) + 6, -40.0)})


@_kind
def denoising(x: np.ndarray, sample_rate: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Spectral gating: the weakest of time and frequency is cut out, 75 to 25 dB below each frame's peak."""
    from scipy.signal import istft, stft

    spectrum = stft(x, nperseg=1024)[2]
    power = np.abs(spectrum)
    floor = power.max(axis=1, keepdims=True) * 10 ** (-(75 - 50 * strength) / 20)
    y = istft(np.where(power < floor, 0.03 * spectrum, spectrum), nperseg=1024)[1]
    return np.pad(y, ((0, 0), (0, max(0, x.shape[1] - y.shape[1]))))[:, : x.shape[1]]


def _played(name: str, x: np.ndarray, sample_rate: int, knobs: dict[str, float]) -> np.ndarray:
    """One of our effects on one clip."""
    values = {knob: torch.tensor([value]) for knob, value in knobs.items()}
    clip = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))[None]
    return effects[name](clip, sample_rate, **values)[0].numpy()
