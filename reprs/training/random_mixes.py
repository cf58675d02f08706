"""Random mixes with their knobs: raw tracks, and a reference that the console made with known settings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reprs.console.console import Console
from reprs.console.knobs import Knobs
from reprs.console.listening import sounding
from reprs.corpora.item import NothingUsable
from reprs.effects import Chain, Effect, registry
from reprs.training.songs import TRIES, Song, Songs
from reprs.views.level import rms, set_level
from reprs.views.mixes import KnobPrior, level_db
from reprs.views.production import production_captions

LEVEL_DB, LEVEL_RANGE_DB = -18.0, 4.0  # of the sum of tracks
TRACK_RANGE_DB = 3.0
ELSEWHERE = (0.3, 0.7)  # of the song's length away
MASTER = "master."


@dataclass(frozen=True)
class MixBatch:
    """`B` mixes of `N` tracks: raw `tracks` and those the reference was made of, `(B, N, 2, T)`, the knobs,
    the `reference` `(B, 2, T)`, which tracks sound `(B, N)`, the contents, and whether the reference is of
    another song `(B,)`.
    """

    tracks: Tensor
    sources: Tensor
    knobs: Knobs
    reference: Tensor
    there: Tensor
    contents: list[str]
    foreign: Tensor


class RandomMixes:
    """Draws `MixBatch`es: the settings of the prior on another part of the song, or on another song.

    A `foreign_share` of the references is made of other songs (tracks of the same roles), brought to the
    levels of the tracks so that the settings mean the same. One track alone has no master.
    """

    def __init__(self, console: Console, songs: Songs, foreign_share: float = 0.3) -> None:
        self.console, self.songs, self.foreign_share = console, songs, foreign_share
        self.prior = KnobPrior(
            console.track_params, console.shared_params, console.track_switches, console.shared_switches
        )

    @torch.no_grad()
    def draw(self, batch: int, count: int, seed: tuple[int, ...]) -> MixBatch:
        """`batch` mixes of `count` tracks: the same for the same seed."""
        rng = np.random.default_rng(seed)
        drawn = [self._pair(count, rng) for _ in range(batch)]
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        tracks, sources = self._levelled(drawn, generator)
        knobs = self.knobs(level_db(tracks), generator)
        rate = self.songs.sample_rate
        reference = self.console(sources, rate, knobs, sounding(sources))
        foreign = torch.tensor([a.content != b.content for a, _, b, _ in drawn])
        contents = [a.content for a, *_ in drawn]
        return MixBatch(tracks, sources, knobs, reference, sounding(tracks), contents, foreign)

    def knobs(self, levels_db: Tensor, generator: torch.Generator) -> Knobs:
        """Settings of the prior for tracks of these levels `(B, N)`."""
        drawn = self.prior.draw(levels_db, generator)
        shared_on = drawn.shared_on.clone()
        if levels_db.shape[1] == 1:
            master = [name.startswith(MASTER) for name in self.console.shared_switches]
            shared_on[:, torch.tensor(master)] = False
        return Knobs(drawn.tracks, drawn.shared, drawn.tracks_on, shared_on)

    def _pair(self, count: int, rng: np.random.Generator) -> tuple[Song, Tensor, Song, Tensor]:
        """A song and one of its parts, and another part of it or of another song."""
        for _ in range(TRIES):
            song = self.songs.single(rng) if count == 1 else self.songs.band(count, rng)
            if song is None:
                raise ValueError(f"no song has {count} tracks; is the corpus downloaded?")
            other: Song | None = song
            if rng.random() < self.foreign_share:
                other = self.songs.single(rng) if count == 1 else self.songs.like(song, rng)
            place = rng.random()
            away = (place + rng.uniform(*ELSEWHERE)) % 1
            x = self.songs.part(song, place)
            y = None if other is None or x is None else self.songs.part(other, away)
            if x is not None and y is not None and other is not None:
                return song, x, other, y
        raise NothingUsable(f"no usable part in {TRIES} draws; the corpus' validate() says why")

    def _levelled(self, drawn: list, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Tracks and sources at random levels, the same for both."""
        tracks = torch.stack([x for _, x, _, _ in drawn])
        sources = torch.stack([y for _, _, _, y in drawn])
        foreign = torch.tensor([a.content != b.content for a, _, b, _ in drawn])
        brought = set_level(sources.flatten(0, 1), level_db(tracks).clamp(-60, 0).flatten()).view_as(sources)
        sources = torch.where(foreign[:, None, None, None], brought, sources)
        gain_db = TRACK_RANGE_DB * torch.randn(*tracks.shape[:2], generator=generator)
        gain = 10 ** (gain_db / 20)[..., None, None]
        tracks, sources = tracks * gain, sources * gain
        wanted_db = LEVEL_DB + LEVEL_RANGE_DB * torch.randn(len(tracks), generator=generator)
        whole = (10 ** (wanted_db / 20)[:, None, None] / rms(tracks.sum(1)).clamp(min=1e-6))[:, None]
        return tracks * whole, sources * whole


class Words:
    """Captions of settings: of the strip where there is one track, of the master and the sends otherwise."""

    def __init__(self, console: Console) -> None:
        self.console = console
        spaces = [_mixed(bus) for bus in console.buses.values()]
        self.of_one = Chain([*console.strip.effects, *spaces])
        master = console.master.effects if console.master is not None else []
        self.of_many = Chain([*master, *spaces]) if master or spaces else self.of_one

    def __call__(self, knobs: Knobs, rng: np.random.Generator) -> list[str]:
        """One caption for every mix."""
        one = knobs.tracks.shape[1] == 1
        assert knobs.tracks_on is not None and knobs.shared_on is not None
        chain = self.of_one if one else self.of_many
        names = list(self.console.track_params)
        shared = dict(zip(self.console.shared_params, knobs.shared.unbind(1), strict=True))
        sends = {bus: self._sent(knobs, bus, names) for bus in self.console.buses}
        values = (
            dict(zip(names, knobs.tracks[:, 0].unbind(1), strict=True))
            if one
            else {n.removeprefix(MASTER): v for n, v in shared.items() if n.startswith(MASTER)}
        )
        columns, on = [], []
        for name, param in chain.params.items():
            bus = name.partition(".")[0]
            if bus in sends and name.endswith(".mix"):
                columns.append(param.to_unit(sends[bus]))
            else:
                columns.append(shared[name] if bus in sends else values[name])
        switches = dict(zip(self.console.shared_switches, knobs.shared_on.unbind(1), strict=True))
        strip = dict(zip(self.console.track_switches, knobs.tracks_on[:, 0].unbind(1), strict=True))
        for name in chain.names:
            if name in sends:
                on.append(switches[name] & (sends[name] > 0.02))
            else:
                on.append(strip[name] if one else switches[MASTER + name])
        return production_captions(chain, torch.stack(columns, 1), torch.stack(on, 1), rng)

    def _sent(self, knobs: Knobs, bus: str, names: list[str]) -> Tensor:
        """How much of the sum a bus gets, on average over tracks, as the mix of an insert."""
        send = f"{bus}.send_db"
        param = self.console.track_params[send]
        db = param.from_unit(knobs.tracks[..., names.index(send)])
        amount = (10 ** (db / 20) * (db > param.min + 1)).mean(1)
        return amount / (1 + amount)


def _mixed(bus: Chain) -> Effect:
    """The effect of a bus with its mix knob back."""
    effect = registry[bus.effects[0].name]
    ranges = {n: (p.min, p.max) for n, p in bus.effects[0].params.items()}
    return effect.narrow(**ranges)
