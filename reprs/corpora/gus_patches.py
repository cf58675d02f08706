"""Reads and plays patches of the Gravis UltraSound (.pat), the instruments of freepats.

Layout after the Gravis UltraSound Software Development Kit 2.22 (1994), "patch file format": headers of 129,
63 and 47 bytes for file, instrument and layer, then each sample behind a header of 96 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAGIC = b"GF1PATCH1"
SAMPLES_AT, COUNT_AT = 129 + 63 + 47, 129 + 63 + 6
HEADER = struct.Struct("<7sBIIIHIII")
MODES_AT, HEADER_SIZE = 55, 96
SIXTEEN_BIT, UNSIGNED, LOOPED, BOTH_WAYS, BACKWARDS = 1, 2, 4, 8, 16
RELEASE_S = 0.25


@dataclass(frozen=True)
class Sample:
    """A recording of one key: mono float32 in [-1, 1], what it loops over, and the keys it is for, in Hz."""

    x: np.ndarray
    sample_rate: int
    loop: tuple[int, int] | None
    both_ways: bool
    low_hz: float
    high_hz: float
    root_hz: float


def read_patch(path: Path) -> list[Sample]:
    """The samples of a patch's first layer; raises `ValueError` for a file that is no patch."""
    data = path.read_bytes()
    if len(data) <= SAMPLES_AT or not data.startswith(MAGIC):
        raise ValueError(f"{path}: is not a Gravis UltraSound patch")
    samples, at = [], SAMPLES_AT
    for _ in range(data[COUNT_AT]):
        size = struct.unpack_from("<I", data, at + 8)[0] if at + HEADER_SIZE <= len(data) else None
        if size is None or at + HEADER_SIZE + size > len(data):
            raise ValueError(f"{path}: ends in the middle of a sample")
        samples.append(_sample(data, at, size))
        at += HEADER_SIZE + size
    if not samples:
        raise ValueError(f"{path}: this patch has no samples")
    return samples


def play_patch(samples: Sequence[Sample], key: int, length_s: float, sample_rate: int) -> np.ndarray:
    """Mono float32 `(T,)` of one MIDI key held for `length_s`, then released."""
    hz = 440 * 2 ** ((key - 69) / 12)
    sample = next((s for s in samples if s.low_hz <= hz <= s.high_hz), None)
    sample = sample or min(samples, key=lambda s: abs(np.log(max(s.root_hz, 1) / hz)))
    frames = round((length_s + RELEASE_S) * sample_rate)
    steps = np.arange(frames) * (hz / sample.root_hz * sample.sample_rate / sample_rate)
    sound = np.interp(_looped(sample, steps), np.arange(len(sample.x)), sample.x, right=0.0)
    gain = np.minimum(1.0, (frames - np.arange(frames)) / (RELEASE_S * sample_rate))
    return (sound * gain).astype(np.float32)


def _looped(sample: Sample, steps: np.ndarray) -> np.ndarray:
    """Where in the sample each step reads, going round its loop for ever."""
    if sample.loop is None:
        return steps
    start, end = sample.loop
    beyond = steps - start
    if sample.both_ways:
        place = np.mod(beyond, 2 * (end - start))
        place = np.minimum(place, 2 * (end - start) - place)
    else:
        place = np.mod(beyond, end - start)
    return np.where(beyond < 0, steps, start + place)


def _sample(data: bytes, at: int, size: int) -> Sample:
    _, _, _, start, end, rate, low, high, root = HEADER.unpack_from(data, at)
    modes, body = data[at + MODES_AT], data[at + HEADER_SIZE : at + HEADER_SIZE + size]
    wide = bool(modes & SIXTEEN_BIT)
    kind = ("<u2" if wide else "u1") if modes & UNSIGNED else ("<i2" if wide else "i1")
    half = 32_768 if wide else 128
    raw = np.frombuffer(body[: len(body) // 2 * 2] if wide else body, kind).astype(np.float64)
    x = ((raw - half if modes & UNSIGNED else raw) / half).astype(np.float32)
    x = x[::-1] if modes & BACKWARDS else x
    start, end = (p // 2 if wide else p for p in (start, end))
    loop = (start, min(end, len(x) - 1)) if modes & LOOPED and 0 <= start < min(end, len(x) - 1) else None
    # Frequencies are in thousandths of a hertz.
    return Sample(x, rate, loop, bool(modes & BOTH_WAYS), low / 1000, high / 1000, max(root, 1) / 1000)
