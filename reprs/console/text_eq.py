"""An equaliser told in words: prompt and recording → bands that can be read and edited, and the result.

Two engines: *predicted* reads the prompt as a response, adapts it to the recording's own spectrum and solves
for the bands (the idea of Venkatesh et al. 2022, with a lexicon in place of a regression); *optimised* goes
on from there until the recording's embedding follows the prompt (Text2FX, Chu et al. 2024).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reprs.audio import loudness
from reprs.console import meaning
from reprs.console.adapt import adapted
from reprs.console.band_fit import fit, fit_frequencies, knob_response_db
from reprs.console.bands import (
    MAX_BANDS,
    MAX_GAIN_DB,
    Q_RANGE,
    Band,
    apply_bands,
    bands_of,
    equaliser,
    response_db,
)
from reprs.console.optimise import optimise
from reprs.console.regions import parse_lock
from reprs.console.setting import Setting
from reprs.effects import Effect
from reprs.models import hub

ENGINES = ("predicted", "optimised")
DEFAULT_ENGINE = "predicted"
MOST_CHANNELS = 64
HIGHEST_AMOUNT = 2.0


@dataclass(frozen=True)
class Equalised:
    """A recording after `setting`: `audio` as it was given in shape and dtype, peaks at most at full scale.

    Play the audio `match_gain_db` louder to compare it with the original at the same loudness.
    """

    audio: Tensor
    setting: Setting
    loudness_before_lufs: float
    loudness_after_lufs: float

    @property
    def prompt(self) -> str:
        return self.setting.prompt

    @property
    def bands(self) -> tuple[Band, ...]:
        return self.setting.bands

    @property
    def preamp_db(self) -> float:
        return self.setting.preamp_db

    @property
    def match_gain_db(self) -> float:
        return self.loudness_before_lufs - self.loudness_after_lufs

    def response_db(self, frequencies_hz: Any) -> np.ndarray:
        """Gain of the bands in dB at each frequency, without the preamp; the shape of `frequencies_hz`."""
        return self.setting.response_db(frequencies_hz)

    def band_response_db(self, band: Band, frequencies_hz: Any) -> np.ndarray:
        """The same of one band alone."""
        return response_db([band], self.setting.sample_rate, frequencies_hz)


def text_eq(
    audio: Tensor | np.ndarray,
    sample_rate: int,
    prompt: str,
    amount: float = 1.0,
    engine: str | None = None,
    *,
    lock: str | Sequence[str] = (),
    model: Any = "timbre",
    max_bands: int = MAX_BANDS,
    max_gain_db: float = MAX_GAIN_DB,
    q_range: tuple[float, float] = Q_RANGE,
) -> Equalised:
    """Equalise a recording as `prompt` says: "warm, less boomy", "a bit more air".

    `audio` is floating point `(C, T)` or `(T,)`, of any rate from 4 kHz; `amount` from 0 to 2 scales the
    gains; `lock` names regions that stay as they are ("low end", "20-200 Hz"). At most `max_bands` bands,
    within ±`max_gain_db` and `q_range`. `model` is what the optimised engine listens with, a checkpoint's
    name or the model itself. Raises ValueError with one line for a prompt that means nothing and for audio
    that cannot be used.
    """
    x = checked_audio(audio, sample_rate)
    engine = DEFAULT_ENGINE if engine is None else engine
    check_request(prompt, amount, engine, lock)
    if not 1 <= max_bands <= MAX_BANDS:
        raise ValueError(f"max_bands is from 1 to {MAX_BANDS}, got {max_bands}")
    locked = parse_lock(lock)
    effect = equaliser(sample_rate, max_gain_db, q_range)
    setting, z = _predict(effect, x, sample_rate, prompt, locked, max_bands)
    if engine == "optimised":
        setting, z = _optimise(effect, x, setting, z, model, max_bands)
    bands = bands_of(effect, z, amount, max_gain_db)
    setting = replace(setting, bands=tuple(bands), amount=amount, engine=engine)
    return equalise(audio, sample_rate, setting, headroom_only=True)


def equalise(
    audio: Tensor | np.ndarray, sample_rate: int, setting: Setting, headroom_only: bool = False
) -> Equalised:
    """Apply a setting to a recording, made for it or for another.

    The preamp is the setting's own, and lower where this recording would clip; with `headroom_only` it is 0
    dB where it would not. Bands at or above 0.49 of the sample rate are left out.
    """
    x = checked_audio(audio, sample_rate)
    bands = tuple(b for b in setting.bands if b.frequency_hz < 0.49 * sample_rate)
    y = apply_bands(x, sample_rate, bands)
    wanted_db = 0.0 if headroom_only else setting.preamp_db
    preamp_db = min(wanted_db, headroom_db(y)) if bands or wanted_db else 0.0
    y = apply_bands(y, sample_rate, (), preamp_db)
    setting = replace(setting, bands=bands, preamp_db=preamp_db, sample_rate=sample_rate)
    before, after = (float(loudness.integrated(a[None].float(), sample_rate)) for a in (x, y))
    y = y.reshape(np.shape(audio))
    return Equalised(y.to(audio) if isinstance(audio, Tensor) else y, setting, before, after)


def check_request(prompt: str, amount: float, engine: str, lock: str | Sequence[str]) -> None:
    """Refuse what no recording could make sense of, before any is read; ValueError with one line."""
    if engine not in ENGINES:
        raise ValueError(f"the engine is one of {', '.join(ENGINES)}, not {engine!r}")
    check_amount(amount)
    parse_lock(lock)
    meaning.target_curve(prompt, np.array([1000.0]))


def check_amount(amount: float) -> None:
    """Refuse an amount outside 0 … 2."""
    if not 0 <= amount <= HIGHEST_AMOUNT:
        raise ValueError(f"amount is from 0 to {HIGHEST_AMOUNT:g}, got {amount}")


def listener(model: Any) -> Any:
    """The model that the optimised engine listens with, of a checkpoint's name or the model itself."""
    model = hub.load(model) if isinstance(model, (str, Path)) else model
    if not hasattr(model, "embed_text"):
        raise ValueError("the optimised engine needs a model that reads text, such as timbre")
    return model


def checked_audio(audio: Tensor | np.ndarray, sample_rate: int) -> Tensor:
    """The recording as a tensor `(C, T)` of float32 or float64; ValueError with one line."""
    x = audio if isinstance(audio, Tensor) else torch.from_numpy(np.ascontiguousarray(audio))
    x = x.detach().cpu()
    x = x[None] if x.ndim == 1 else x
    if x.ndim != 2 or x.numel() == 0:
        raise ValueError(f"a recording is (channels, samples) and not empty, got {tuple(np.shape(audio))}")
    if x.shape[0] > MOST_CHANNELS:
        raise ValueError(
            f"a recording is (channels, samples), got {tuple(x.shape)}: transpose it with audio.T"
        )
    if not x.is_floating_point():
        raise ValueError(f"audio is floating point in [-1, 1], got {x.dtype}")
    if not bool(torch.isfinite(x).all()):
        raise ValueError("the audio contains NaN or infinite samples")
    if not sample_rate > 0:
        raise ValueError(f"the sample rate is in Hz, got {sample_rate}")
    return x if x.dtype == torch.float64 else x.float()


def headroom_db(y: Tensor) -> float:
    """The gain in dB, 0 or less and in steps of 0.1, that keeps `y` within full scale."""
    peak = float(y.abs().max())
    return min(0.0, math.floor(-200 * math.log10(peak)) / 10) if peak > 1 else 0.0


def _predict(
    effect: Effect,
    x: Tensor,
    sample_rate: int,
    prompt: str,
    locked: Sequence[tuple[float, float]],
    max_bands: int,
) -> tuple[Setting, Tensor]:
    """The predicted engine: knobs `z` `(1, P)`, and a setting without its bands."""
    frequencies = fit_frequencies(sample_rate)
    meant = meaning.target_curve(prompt, frequencies)
    target_db = adapted(meant.response_db, frequencies, x, sample_rate)
    z = fit(effect, sample_rate, target_db, locked, max_bands)
    details = {
        "terms": [term.text for term in meant.terms],
        "ignored": list(meant.ignored),
        "confidence": meant.confidence,
    }
    setting = Setting(
        prompt, (), 0.0, sample_rate, lock_hz=tuple(locked), model="lexicon", model_hash=_lexicon_hash()
    )
    return replace(setting, details=details), z


@cache
def _lexicon_hash() -> str:
    """SHA-256 over the data that the predicted engine reads words with, in hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(files("reprs.views").joinpath("words").iterdir(), key=lambda p: p.name):
        if path.name.endswith(".yaml"):
            digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _optimise(
    effect: Effect, x: Tensor, setting: Setting, z: Tensor, model: Any, max_bands: int
) -> tuple[Setting, Tensor]:
    """The optimised engine, from the predicted knobs; silence stays with those."""
    model = listener(model)
    details = dict(setting.details)
    if bool(x.any()) and bool((z[:, ::3] != 0.5).any()):
        rate = setting.sample_rate
        z, details["optimised"] = optimise(effect, x, rate, setting.prompt, z, model)
        if setting.lock_hz:  # the optimised response may have wandered into a locked region
            frequencies = fit_frequencies(rate)
            found_db = knob_response_db(effect, rate, z, torch.from_numpy(frequencies))[0].numpy()
            z = fit(effect, rate, found_db, setting.lock_hz, max_bands)
    name, version = getattr(model, "metadata", {}).get("recipe", ""), getattr(model, "model_hash", "")
    return replace(setting, model=name, model_hash=version, details=details), z
