"""Samples of mixes: what decides them (seed, content, style) and what must not (order, silence)."""

import dataclasses

import pytest
import torch

from reprs.console import listening
from reprs.console.generator import Generator, coordinates, key_of
from reprs.console.standard import standard_console
from reprs.models import hub
from reprs.models.flow import MixGenerator

RATE = 44_100


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    sizes = dict(zip(("tracks", "mix"), coordinates(standard_console()), strict=True))
    flow = MixGenerator(listening.TOKEN_DIM, listening.CONDITION_DIM, **sizes, width=32, layers=1)
    for p in flow.network.of_track.parameters():
        torch.nn.init.normal_(p, std=0.05)
    return Generator.of(flow, hub.load("effect"), hub.load("timbre")).eval()


@pytest.fixture(scope="module")
def tracks():
    dice = torch.Generator().manual_seed(1)
    return 0.1 * torch.randn(3, 2, RATE, generator=dice) * torch.tensor([1.0, 0.3, 0.6])[:, None, None]


def same(a, b):
    return all(
        torch.equal(getattr(a, name), getattr(b, name))
        for name in ("tracks", "shared", "tracks_on", "shared_on")
    )


def mixes(generator, tracks, seed=7, **how):
    return generator(tracks, RATE, text="warm", samples=2, seed=seed, steps=3, guidance=2.0, **how)


def test_the_same_seed_gives_the_same_mixes_and_another_others(generator, tracks):
    once = mixes(generator, tracks)
    assert once.tracks.shape == (2, 3, 33) and once.shared.shape == (2, 37)
    assert same(once, mixes(generator, tracks))
    assert not torch.equal(once.tracks[0], once.tracks[1])
    assert not same(once, mixes(generator, tracks, seed=8))


def test_a_sample_does_not_depend_on_how_many_there_are(generator, tracks):
    song, style = generator.hear(tracks, RATE), generator.condition(None, "warm")
    two, five = (generator.sample(song, style, n, 7, steps=3) for n in (2, 5))
    assert torch.allclose(two.tracks, five.tracks[:2], atol=1e-5)


def test_the_first_of_several_is_the_most_usual_and_the_others_count_on_from_it(generator, tracks):
    song, style = generator.hear(tracks, RATE), generator.condition(None, "warm")
    four, other = (generator.sample(song, style, 4, seed, steps=3) for seed in (7, 8))
    usual = generator.sample(song, style, 1, 9, temperature=0.0, steps=3, first=5)
    assert torch.allclose(four.tracks[:1], usual.tracks, atol=1e-5)
    assert torch.allclose(four.shared[0], other.shared[0], atol=1e-5)
    assert not torch.allclose(four.shared[1], other.shared[1], atol=0.05)
    later = generator.sample(song, style, 2, 7, steps=3, first=2)
    assert torch.allclose(four.tracks[2:], later.tracks, atol=1e-5)


def test_samples_near_a_mix_have_no_usual_one(generator, tracks):
    song, style = generator.hear(tracks, RATE), generator.condition()
    start = generator.sample(song, style, 1, 1, steps=3, first=1)
    near, other = (
        generator.sample(song, style, 1, seed, steps=3, start=start, variation=0.5) for seed in (2, 3)
    )
    assert not torch.allclose(near.tracks, other.tracks, atol=0.01)


def test_the_order_of_the_files_changes_no_knob(generator, tracks):
    order = torch.tensor([2, 0, 1])
    once, other = mixes(generator, tracks), mixes(generator, tracks[order])
    moved = dataclasses.replace(once, tracks=once.tracks[:, order], tracks_on=once.tracks_on[:, order])
    assert same(moved, other)


def test_a_silent_track_changes_no_knob(generator, tracks):
    longer = torch.nn.functional.pad(tracks, (0, RATE))
    with_silence = torch.cat([longer[:1], torch.zeros_like(longer[:1]), longer[1:]])
    once, other = mixes(generator, tracks), mixes(generator, with_silence)
    kept = torch.tensor([0, 2, 3])
    found = dataclasses.replace(other, tracks=other.tracks[:, kept], tracks_on=other.tracks_on[:, kept])
    assert same(once, found)
    assert not other.tracks_on[:, 1].any()


def test_a_masked_track_is_as_if_it_were_not_there(generator, tracks):
    once = mixes(generator, tracks[:2])
    masked = mixes(generator, tracks, mask=torch.tensor([True, True, False]))
    assert torch.equal(once.tracks, masked.tracks[:, :2])


def test_samples_around_a_mix_keep_what_is_locked(generator, tracks):
    song, style = generator.hear(tracks, RATE), generator.condition()
    first = generator.sample(song, style, 1, 1, steps=3, first=1)
    stay = generator.sample(song, style, 1, 2, steps=3, start=first, variation=0.0)
    assert torch.allclose(stay.tracks, first.tracks, atol=1e-4)
    lock = torch.zeros(3, 39, dtype=torch.bool), torch.zeros(43, dtype=torch.bool)
    lock[0][1] = True
    other = generator.sample(song, style, 4, 2, steps=3, start=first, variation=1.0, lock=lock)
    assert torch.allclose(other.tracks[:, 1], first.tracks[0, 1].expand(4, -1), atol=1e-4)
    assert torch.equal(other.tracks_on[:, 1], first.tracks_on[0, 1].expand(4, -1))
    assert (other.tracks[:, 0] - first.tracks[:, 0]).abs().max() > 0.05


def test_silence_alone_is_refused(generator):
    with pytest.raises(ValueError, match="silent"):
        generator.hear(torch.zeros(2, 2, RATE), RATE)


def test_a_key_names_the_content(tracks):
    assert key_of(tracks[0]) == key_of(torch.nn.functional.pad(tracks[0], (0, 99)))
    assert len({key_of(t) for t in tracks}) == 3


def test_a_checkpoint_samples_the_same(generator, tracks, tmp_path):
    hub.save(generator, tmp_path / "mixgen", {"recipe": "mixgen"})
    loaded = hub.load(tmp_path / "mixgen")
    # Frozen weights run through other kernels: not the same bits.
    assert torch.allclose(mixes(generator, tracks).tracks, mixes(loaded, tracks).tracks, atol=1e-4)
