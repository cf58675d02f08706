"""Small files, good and bad, that the corpus tests share."""

from pathlib import Path

import numpy as np
import soundfile


def noise(seconds=1.0, rate=44_100, channels=2, level=0.1, seed=0):
    """White noise `(T, C)`."""
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal((round(seconds * rate), channels))).astype(np.float32)


def save(path: Path, x, rate=44_100, subtype="FLOAT"):
    """Write `(T, C)` and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, x, rate, subtype=subtype if path.suffix == ".wav" else None)
    return path


def save_odd_but_good(folder: Path):
    """Mono, 8 channels, 8 kHz, 192 kHz, a flac file."""
    save(folder / "mono.wav", noise(channels=1))
    save(folder / "eight.wav", noise(channels=8))
    save(folder / "slow.wav", noise(rate=8_000), 8_000)
    save(folder / "fast.wav", noise(rate=192_000), 192_000)
    save(folder / "song.flac", noise())


def save_bad(folder: Path):
    """Files that cannot be used, by name → a word of the reason."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("not music")
    save(folder / "nan.wav", np.full((44_100, 2), np.nan, np.float32))
    save(folder / "short.wav", noise(0.05))
    save(folder / "silent.wav", np.zeros((44_100, 2), np.float32))
    return {
        "empty.wav": "empty",
        "text.wav": "readable",
        "nan.wav": "NaN",
        "short.wav": "short",
        "silent.wav": "silent",
    }
