"""Where effects that start off are looked for, and how late and how loud a bus is in what is left."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from reprs.console.recovery.excerpted import Excerpt

# In the knobs' own units; every combination is heard.
STARTS: dict[str, dict[str, tuple[float, ...]]] = {
    "highpass": {"cutoff_hz": (40.0, 70.0, 120.0, 200.0)},
    "distortion": {"drive_db": (4.0, 9.0, 15.0), "output_db": (-12.0, -6.0, -1.0), "mix": (0.5, 1.0)},
    "reverb": {"decay_s": (0.7, 1.5, 3.0)},
    "delay": {"feedback": (0.35,)},
    "master.compressor": {"threshold_db": (-30.0, -24.0, -18.0, -12.0), "ratio": (2.5,)},
    "master.limiter": {"ceiling_db": (-18.0, -14.0, -10.0, -6.0)},
}
# What comes late is looked for where what is not explained yet follows what a bus would answer.
TIMED, SENT_DB = {"reverb": "pre_delay_ms", "delay": "delay_ms"}, -18.0
# Of the ends, a peak that is no chance, and how many tracks tell when.
RAMP_S, TELLING, TOLD = 0.25, 5.5, 3
FAINTEST, LOUDEST, OPEN = 0.02, 10.0, 0.1  # gains of a bus against that, and the least that a send is open


def begun(excerpt: Excerpt, z: Tensor, on: Sequence[str], name: str) -> Tensor:
    """Rows `(R, P)` with one more effect at each of its starts."""
    track, _, effect = name.rpartition(":")
    before = f"{track}:" if track else ""
    values = {f"{before}{effect}.{knob}": each for knob, each in STARTS.get(effect, {}).items()}
    rows = combined(excerpt, z, values)
    return timed(excerpt, rows, z, on, name) if name in TIMED else rows


def retimed(excerpt: Excerpt, z: Tensor, on: Sequence[str]) -> Tensor:
    """Rows `(R, P)`, each with a bus that is on as late and as loud as it is in what the others leave."""
    rows = [timed(excerpt, z[None], z, [n for n in on if n != bus], bus) for bus in TIMED if bus in on]
    return torch.cat([z[None][:0], *rows])


def combined(excerpt: Excerpt, z: Tensor, values: Mapping[str, tuple[float, ...]]) -> Tensor:
    """`z` with every combination of values of some knobs, of those that are there: `(R, P)`."""
    places = [(excerpt.names.index(name), each) for name, each in values.items() if name in excerpt.names]
    rows = z.repeat(math.prod(len(each) for _, each in places), 1)
    for row, combination in zip(rows, itertools.product(*(each for _, each in places)), strict=True):
        for (i, _), value in zip(places, combination, strict=True):
            row[i] = excerpt.params[i].to_unit(torch.tensor(value)).clamp(0, 1)
    return rows


def timed(excerpt: Excerpt, rows: Tensor, z: Tensor, on: Sequence[str], bus: str) -> Tensor:
    """Rows `(R', P)` with a bus as late, and sent as much of each track, as it is in what is not explained:
    one for each of the tracks whose echo is heard best, of those that say another time."""
    late = excerpt.names.index(f"{bus}.{TIMED[bus]}")
    sends = excerpt.of_tracks(f"{bus}.send_db")
    delay, send = excerpt.params[late], excerpt.params[sends[0]]
    rows = rows.clone()
    rows[:, late], rows[:, sends] = 0.0, send.to_unit(torch.tensor(SENT_DB))
    left = excerpt.target - excerpt.mixes(z[None], on)
    answers = excerpt.answers(bus, rows, [*on, bus])
    first_ms, last_ms = (float(delay.from_unit(torch.tensor(at))) for at in (0.0, 1.0))
    longest = round((last_ms - first_ms) * excerpt.sample_rate / 1_000)
    ramp = round(RAMP_S * excerpt.sample_rate)
    found = list[Tensor]()
    each = zip(rows, *echoes(left, answers, min(longest, answers.shape[-1] // 2), ramp), strict=True)
    for row, lags, gains, peaks in each:
        heard = list[int]()
        for track in peaks.diagonal().argsort(descending=True).tolist():
            if all(int(lags[track]) != int(lags[other]) for other in heard):
                heard.append(track)
        for track in heard[:TOLD]:
            there = row.clone()
            there[late] = delay.to_unit(first_ms + 1_000 * lags[track] / excerpt.sample_rate).clamp(0, 1)
            sent = peaks[track] >= TELLING
            sent[track] = True
            opened = send.to_unit(SENT_DB + 20 * torch.log10(gains[track])).clamp(OPEN, 1)
            there[sends] = torch.where(sent, opened, torch.zeros_like(opened))
            found.append(there)
    return torch.stack(found)


def echoes(left: Tensor, answers: Tensor, longest: int, ramp: int) -> tuple[Tensor, Tensor, Tensor]:
    """By how many samples `(R, N)`, at most `longest`, what is `left` `(1, 2, T)` follows `answers`
    `(R, N, 2, T)` of each track: the highest peak of the correlations of phases (Knapp and Carter 1976).

    And at each track's lag the gains of all of them, the least squares there, and how high the correlation
    of each is against the rest of its own, `(R, N, N)`. Both ends are faded, `ramp` samples each: where all
    sounds are cut at once, phases are alike that have nothing to do with it.
    """
    fade = torch.ones(left.shape[-1])
    rise = 0.5 - 0.5 * torch.cos(torch.pi * (torch.arange(ramp) + 0.5) / ramp)
    fade[:ramp], fade[-ramp:] = rise, rise.flip(0)
    left, answers = left * fade, answers * fade
    size = 2 * left.shape[-1]
    ours, theirs = torch.fft.rfft(left, n=size)[:, None], torch.fft.rfft(answers, n=size)
    cross = ours * theirs.conj()
    alike = torch.fft.irfft(cross / cross.abs().clamp_min(1e-20), n=size).sum(2)[..., : longest + 1]
    alike = alike / alike.square().mean(2, keepdim=True).sqrt().clamp_min(1e-20)
    lags = alike.argmax(2)
    follows = torch.fft.irfft(cross, n=size).sum(2)
    at = lags[:, None].expand(-1, lags.shape[1], -1)  # of a track, at the lag of another
    peaks, products = (values.gather(2, at).transpose(1, 2) for values in (alike, follows))
    flat = answers.flatten(2).double()
    gram = flat @ flat.transpose(1, 2)
    held = 1e-6 * gram.diagonal(dim1=1, dim2=2).amax(1)[:, None, None] + 1e-20
    gains = torch.linalg.solve(gram + held * torch.eye(gram.shape[1]), products.double().transpose(1, 2))
    return lags, gains.transpose(1, 2).float().clamp(FAINTEST, LOUDEST), peaks
