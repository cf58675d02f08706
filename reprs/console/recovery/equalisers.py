"""The equalisers of a console as functions of its knobs, and what takes back the level of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reprs.console.console import Console
from reprs.console.recovery.by_response import Equaliser
from reprs.console.recovery.responses import Bands
from reprs.effects import Param

EQUALISER, HIGHPASS, DISTORTION, MASTER = "parametric_eq", "highpass", "distortion", "master."
# What takes back a louder equaliser, by a decibel each: behind the compressor its makeup or, where nothing
# between them bends the sound, the fader, which goes both ways. What bends it has a drive, as good as makeup.
BY_MAKEUP = {"compressor.threshold_db": 1.0, "compressor.makeup_db": -1.0}
BY_FADER = {"compressor.threshold_db": 1.0, "fader_db": -1.0}
BY_DRIVE = {"compressor.threshold_db": 1.0, f"{DISTORTION}.drive_db": -1.0}


def equalisers(
    console: Console,
    names: Sequence[str],
    params: Sequence[Param],
    on: Sequence[str],
    sample_rate: int,
    by_fader: bool,
) -> list[Equaliser]:
    """The tracks' equalisers, with their highpass where it is `on`, then the master's where it is.

    `names` and `params` are those of all knobs of an excerpt. Levels are taken back `by_fader` where faders
    can, that of the master by the faders of all tracks.
    """
    found, chain, faders = [], console.strip, [name for name in names if name.endswith(":fader_db")]
    for n in range(len(faders) if EQUALISER in chain.names else 0):
        highpass = chain.effects[chain.names.index(HIGHPASS)] if f"{n}:{HIGHPASS}" in on else None
        columns = [names.index(f"{n}:{HIGHPASS}.cutoff_hz")] if highpass else []
        columns += [i for i, name in enumerate(names) if name.startswith(f"{n}:{EQUALISER}.")]
        bands = Bands(chain.effects[chain.names.index(EQUALISER)], sample_rate, highpass)
        bent = f"{n}:{DISTORTION}" in on
        ways = (BY_MAKEUP, BY_DRIVE) if bent else (BY_FADER,) if by_fader else (BY_MAKEUP,)
        turned = [_turned(names, params, {f"{n}:{name}": sign for name, sign in way.items()}) for way in ways]
        found.append(Equaliser(bands, columns, *turned))
    if MASTER + EQUALISER in on:
        assert console.master is not None
        columns = [i for i, name in enumerate(names) if name.startswith(f"{MASTER}{EQUALISER}.")]
        bands = Bands(console.master.effects[console.master.names.index(EQUALISER)], sample_rate)
        turns = {f"{MASTER}{name}": sign for name, sign in BY_MAKEUP.items()}
        turns = dict.fromkeys(faders, -1.0) if by_fader else turns
        found.append(Equaliser(bands, columns, _turned(names, params, turns)))
    return found


def _turned(names: Sequence[str], params: Sequence[Param], turns: Mapping[str, float]) -> np.ndarray:
    """By how much knobs turn in [0, 1], `(P,)`, for so many decibels of some of them."""
    turned = np.zeros(len(names))
    for i, (name, param) in enumerate(zip(names, params, strict=True)):
        turned[i] = turns.get(name, 0.0) / (param.max - param.min)
    return turned
