"""Lossy codecs as an effect: encode, decode, and put the result where the original was."""

from __future__ import annotations

import io

import numpy as np

# libsndfile's compression levels: mp3 runs linearly from 320 to 32 kbit/s, opus nearly so from 512 to 12.
MP3_KBPS = (320.0, 32.0)
OPUS_KBPS = (512.0, 12.0)


def mp3(x: np.ndarray, sample_rate: int, kbps: float) -> np.ndarray:
    """`(C, T)` float32 through mp3 at a constant rate of 32 to 320 kbit/s."""
    return _through(x, sample_rate, "MP3", "MPEG_LAYER_III", _level(kbps, MP3_KBPS), bitrate_mode="CONSTANT")


def opus(x: np.ndarray, sample_rate: int, kbps: float, coded_hz: int = 48_000) -> np.ndarray:
    """`(C, T)` float32 through opus at about 12 to 512 kbit/s; `coded_hz` is 8, 12, 16, 24 or 48 kHz."""
    y = _through(_resampled(x, sample_rate, coded_hz), coded_hz, "OGG", "OPUS", _level(kbps, OPUS_KBPS))
    return _resampled(y, coded_hz, sample_rate)[:, : x.shape[1]]


def vorbis(x: np.ndarray, sample_rate: int, coded_hz: int, level: float = 1.0) -> np.ndarray:
    """`(C, T)` float32 through vorbis at another sample rate, where it needs fewer bits.

    `level` is libsndfile's compression, 0 to 1; alone it does not go below about 70 kbit/s.
    """
    y = _through(_resampled(x, sample_rate, coded_hz), coded_hz, "OGG", "VORBIS", level)
    return _resampled(y, coded_hz, sample_rate)[:, : x.shape[1]]


def _level(kbps: float, rates: tuple[float, float]) -> float:
    high, low = rates
    # The encoders refuse a level of exactly 1 at some rates.
    return min(max((high - kbps) / (high - low), 0.0), 0.998)


def _through(
    x: np.ndarray, sample_rate: int, container: str, subtype: str, level: float, **how: str
) -> np.ndarray:
    """Encode and decode in memory; the codec's delay is taken out."""
    import soundfile

    coded = io.BytesIO()
    samples = np.ascontiguousarray(x.T)
    soundfile.write(
        coded, samples, sample_rate, format=container, subtype=subtype, compression_level=level, **how
    )
    coded.seek(0)
    y = soundfile.read(coded, dtype="float32", always_2d=True)[0].T
    return _shifted(y, delay(x.mean(axis=0), y.mean(axis=0)), x.shape[1])


def delay(x: np.ndarray, y: np.ndarray, most: int = 4096) -> int:
    """By how many samples `y` comes after `x`, both `(T,)`: the peak of their correlation."""
    size = 1 << (max(len(x), len(y)) + most - 1).bit_length()
    lags = np.fft.irfft(np.fft.rfft(y, size) * np.conj(np.fft.rfft(x, size)), size)
    near = np.concatenate([lags[-most:], lags[: most + 1]])
    return int(np.argmax(near)) - most


def _shifted(y: np.ndarray, samples: int, length: int) -> np.ndarray:
    """`y` earlier by `samples`, at `length`; silence where it has nothing."""
    y = y[:, samples:] if samples >= 0 else np.pad(y, ((0, 0), (-samples, 0)))
    return np.pad(y, ((0, 0), (0, max(0, length - y.shape[1]))))[:, :length]


def _resampled(x: np.ndarray, sample_rate: int, wanted: int) -> np.ndarray:
    import soxr

    if sample_rate == wanted:
        return x
    return np.ascontiguousarray(soxr.resample(np.ascontiguousarray(x.T), sample_rate, wanted).T)
