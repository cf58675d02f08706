"""Several valid mixes of the same tracks: samples of the console's knobs, given a style or none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from reprs.console import listening
from reprs.console.console import Console
from reprs.console.controller import names_of
from reprs.console.counted import SettingSpace
from reprs.console.hearing import Hearing
from reprs.console.knobs import Knobs
from reprs.console.parts import switches
from reprs.console.standard import standard_console
from reprs.models.encoder import EffectEncoder
from reprs.models.flow import STEPS, MixGenerator, noise_for
from reprs.models.timbre import TextProjection
from reprs.models.track_network import Point
from reprs.views.mixes import level_db

# How far from the usual samples go: 1 is as far as what is valid. Chosen on pieces that training keeps back
# (`reprs eval mixgen --parts curve --role train`).
TEMPERATURE = 0.95


@dataclass(frozen=True)
class Song:
    """Tracks of one song as a generator hears them, silent ones left out and the rest in an order of its own.

    `tokens` `(1, n, D)` and RMS `levels_db` `(1, n)` in dBFS; `keys` name the content of each; `places` are
    their positions among the `count` tracks that came in.
    """

    tokens: Tensor
    levels_db: Tensor
    keys: tuple[bytes, ...]
    places: tuple[int, ...]
    count: int


class Generator(Hearing):
    """p(knobs | tracks, style) of the standard console, with the ears to hear both.

    Samples depend on the seed, on what the tracks contain and on the style; on neither the order of the
    tracks nor tracks that are silent. Tracks of the same content are set alike.
    """

    def __init__(
        self,
        flow: Mapping[str, Any],
        ears: Mapping[str, Any] | None = None,
        text: str = "minilm",
        text_width: int = 384,
        knobs: Mapping[str, Sequence[str]] | None = None,
        counted: bool = False,
    ) -> None:
        """`counted`: the flow moves among knobs that are counted from what they follow (`SettingSpace`)."""
        super().__init__()
        self.console, self.text_spec = standard_console(), text
        names = names_of(self.console)
        if knobs is not None and {name: list(columns) for name, columns in knobs.items()} != names:
            raise ValueError("this checkpoint turns the knobs of another console: train it again")
        self.config = {"flow": dict(flow), "ears": dict(ears or {}), "text": text, "text_width": text_width}
        self.config |= {"knobs": names, "counted": counted}
        self.space = SettingSpace(self.console, counted)
        self.flow = MixGenerator(**flow)
        self.ears = EffectEncoder(**(ears or {})).half()
        self.read = TextProjection(text_width, listening.TIMBRE_DIM).half()

    @classmethod
    def of(cls, flow: MixGenerator, ears: EffectEncoder, timbre: Any, counted: bool = True) -> Generator:
        """A trained flow with the encoder it listens with, reading words as `timbre` does."""
        width = timbre.config["text_width"]
        new = cls(flow.config, ears.config, timbre.text_spec, width, counted=counted)
        for part, trained in ((new.flow, flow), (new.ears, ears), (new.read, timbre.read)):
            part.load_state_dict(trained.state_dict())
        return new

    @torch.no_grad()
    def forward(
        self,
        tracks: Tensor,
        sample_rate: int,
        mask: Tensor | None = None,
        reference: Tensor | None = None,
        text: str | None = None,
        reference_rate: int | None = None,
        samples: int = 1,
        seed: int = 0,
        **how: Any,
    ) -> Knobs:
        """`samples` settings for one song, tracks `(N, C, T)`: a batch of `samples` as `Knobs`.

        `reference` `(C, T)`, a `text`, both or neither say the style; see `sample` for the rest.
        """
        song = self.hear(tracks, sample_rate, mask)
        condition = self.condition(reference, text, reference_rate or sample_rate)
        return self.sample(song, condition, samples, seed, **how)

    @torch.no_grad()
    def hear(self, tracks: Tensor, sample_rate: int, mask: Tensor | None = None) -> Song:
        """What is heard of tracks `(N, C, T)`, of which `mask` `(N,)` are there."""
        sounds = listening.sounding(tracks[None], None if mask is None else mask[None])[0]
        if not bool(sounds.any()):
            raise ValueError("every track is silent: there is nothing to mix")
        key = {n: key_of(tracks[n]) for n in sounds.nonzero()[:, 0].tolist()}
        places = sorted(key, key=lambda n: (key[n], n))
        chosen = tracks[places]
        last = int(chosen.abs().amax((0, 1)).nonzero().max()) + 1
        tokens = self.tokens(chosen[None, :, :, :last], sample_rate)[0]
        levels_db = level_db(chosen[None, :, :, :last])
        return Song(tokens, levels_db, tuple(key[n] for n in places), tuple(places), len(tracks))

    @torch.no_grad()
    def sample(
        self,
        song: Song,
        condition: Tensor,
        samples: int = 1,
        seed: int = 0,
        guidance: float = 1.0,
        temperature: float = TEMPERATURE,
        steps: int = STEPS,
        start: Knobs | None = None,
        variation: float = 1.0,
        lock: tuple[Tensor, Tensor] | None = None,
        first: int = 0,
    ) -> Knobs:
        """`samples` settings of a song in the style of a `condition` `(1, R)`, counted from number `first`.

        Number 0 is the most usual one, whatever the seed (see `temperature_of`). `guidance` above 1 leans
        further to the style, a `temperature` below 1 stays nearer to the most usual. With `start`, a setting
        of one mix, samples lie around it: at its place with a `variation` of 0, anywhere with 1; what `lock`
        (tracks `(N, Pt + Et)` and shared `(Ps + Es,)`) marks true stays.
        """
        # The noise that led to `start` would only lead back there.
        near = start is not None and variation < 1
        noise = noise_for(song.keys, self.flow.noise_sizes, samples, seed, b"near|" if near else b"", first)
        numbers = range(first, first + samples)
        heat = torch.tensor([temperature_of(n, temperature, near) for n in numbers])[:, None]
        noise = heat[..., None] * noise[0], heat * noise[1]
        known, held = (None if start is None else self.point(start, song, samples)), None
        if lock is not None:
            held = (lock[0][list(song.places)].expand_as(noise[0]), lock[1].expand_as(noise[1]))
        heard = song.tokens.expand(samples, -1, -1), condition.expand(samples, -1)
        mask = torch.ones(heard[0].shape[:2], dtype=torch.bool)
        u = self.flow.draw(noise, *heard, mask, guidance, steps, known, variation, held)
        found = self.settings(u, song)
        return found if start is None or lock is None else kept(found, start, lock)

    def point(self, knobs: Knobs, song: Song, samples: int) -> Point:
        """One mix's setting in the flow's coordinates, `samples` times."""
        places = list(song.places)
        on, shared_on = switches(self.console, knobs)
        sounding = Knobs(knobs.tracks[:, places], knobs.shared, on[:, places], shared_on)
        tracks, mix = self.space.encode(sounding, song.levels_db, torch.ones_like(song.levels_db))
        return tracks.expand(samples, -1, -1), mix.expand(samples, -1)

    def settings(self, u: Point, song: Song, space: SettingSpace | None = None) -> Knobs:
        """Settings of all tracks; silent ones keep neutral knobs. Points may be of another `space`."""
        found = (space or self.space).decode(u, song.levels_db, torch.ones_like(song.levels_db))
        rest = self.console.neutral(len(u[0]), song.count)
        assert rest.tracks_on is not None and found.tracks_on is not None
        rest.tracks[:, list(song.places)] = found.tracks
        rest.tracks_on[:, list(song.places)] = found.tracks_on
        return Knobs(rest.tracks, found.shared, rest.tracks_on, found.shared_on)


def kept(knobs: Knobs, start: Knobs, lock: tuple[Tensor, Tensor]) -> Knobs:
    """`knobs` of any batch with those that `lock` marks as they are in `start`, one mix.

    A makeup that is locked stays where it is, whatever the threshold does that it would follow.
    """
    tracks = torch.where(lock[0][:, : knobs.tracks.shape[2]], start.tracks, knobs.tracks)
    shared = torch.where(lock[1][: knobs.shared.shape[1]], start.shared, knobs.shared)
    return replace(knobs, tracks=tracks, shared=shared)


def temperature_of(number: int, temperature: float, near: bool = False) -> float:
    """The temperature of a sample: 0 for the first, the most usual mix, unless they lie `near` another.

    One that leaves nothing to chance is among them, then, as near to what is wanted as a single answer is.
    """
    return 0.0 if number == 0 and not near else temperature


def coordinates(console: Console) -> tuple[tuple[int, int], tuple[int, int]]:
    """How many knobs and switches a track of a console has, and what is shared."""
    return (
        (len(console.track_params), len(console.track_switches)),
        (len(console.shared_params), len(console.shared_switches)),
    )


def key_of(track: Tensor) -> bytes:
    """What names the content of a track `(C, T)`: its samples at 16 bits without silence at its end.

    One channel is named as two of the same are.
    """
    samples = (track.clamp(-1, 1) * 32_767).round().to(torch.int16).expand(max(2, len(track)), -1)
    sounding = samples.abs().amax(0).nonzero()
    last = int(sounding.max()) + 1 if len(sounding) else 0
    return hashlib.sha256(samples[:, :last].T.contiguous().numpy().tobytes()).digest()
