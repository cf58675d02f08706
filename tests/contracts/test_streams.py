"""Blocks of a stream, put together, are the clip processed whole."""

import pytest
import torch

from reprs.effects import Chain, registry
from tests.effects.oracles import NONLINEAR, VARIANTS
from tests.effects.signals import error_db, knobs, music

# Effects that look ahead or need the whole clip, and why they say so. Everything else streams.
NOT_STREAMED = {
    "distortion": "oversampling looks ahead",
    "loudness": "loudness is that of a whole clip",
    "waveshaper": "oversampling looks ahead",
}
CHOICES = [(name, options) for name in sorted(registry) for options in [{}, *VARIANTS.get(name, [])]]
STREAMED = [
    (name, options)
    for name, options in CHOICES
    if name not in NOT_STREAMED and not options.get("lookahead_ms")
]


def labels(pairs):
    return ["-".join([name, *(f"{k}={v}" for k, v in options.items())]) for name, options in pairs]


def in_blocks(stream, x, sizes):
    return torch.cat([stream.process(block) for block in x.split(sizes, dim=2)], dim=2)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("name", "options"), STREAMED, ids=labels(STREAMED))
def test_blocks_are_the_whole(name, options):
    effect = registry[name].with_options(**options)
    limit_db = -100 if name in NONLINEAR else -110
    x, z = music(3, samples=16_000).float(), knobs(effect, 3, seed=4).float()
    whole = effect(x, 44_100, z)
    sizes = [1, 511, 64, 4_096, 2, 6_000, 1, 1, 5_324]
    y = in_blocks(effect.stream(2, 44_100, z), x, sizes)
    for i in range(len(x)):
        assert error_db(y[i], whole[i]) < limit_db


@pytest.mark.parametrize("name", sorted(set(registry) - set(NOT_STREAMED)))
def test_one_mono_signal_streams_in_blocks_of_a_sound_card(name):
    effect = registry[name]
    x, z = music(1, 1, 2_048).float(), knobs(effect, 1, seed=5).float()
    y = in_blocks(effect.stream(1, 44_100, z), x, 256)
    assert error_db(y, effect(x, 44_100, z)) < (-100 if name in NONLINEAR else -110)


@pytest.mark.parametrize("name", sorted(NOT_STREAMED))
def test_what_does_not_stream_says_why(name):
    effect = registry[name]
    with pytest.raises(ValueError, match=f"cannot stream {name}: .*{NOT_STREAMED[name]}"):
        effect.stream(2, 44_100, knobs(effect, 1)).process(music().float())


def test_distortion_streams_without_oversampling():
    effect = registry["distortion"].with_options(oversample=1)
    x, z = music(2).float(), knobs(effect, 2).float()
    assert error_db(in_blocks(effect.stream(2, 44_100, z), x, 500), effect(x, 44_100, z)) < -110


@pytest.mark.parametrize("name", ["distortion", "waveshaper"])
@pytest.mark.parametrize("oversample", [2, 4])
def test_an_oversampled_curve_sees_31_samples_either_way(name, oversample):
    """So it is not causal; and middles of blocks that overlap by 32 are the whole."""
    effect = registry[name].with_options(oversample=oversample)
    x, z = music(1, samples=3_000), knobs(effect, 1, low=0.3, high=0.9)
    whole, changed = effect(x, 44_100, z), x.clone()
    changed[..., 1_531:] = 0
    assert not torch.equal(effect(changed, 44_100, z)[..., 1_500], whole[..., 1_500])
    assert error_db(effect(changed, 44_100, z)[..., :1_500], whole[..., :1_500]) < -110
    padded = torch.nn.functional.pad(x, (32, 32))
    parts = [effect(padded[..., n : n + 564], 44_100, z)[..., 32:532] for n in range(0, 3_000, 500)]
    assert error_db(torch.cat(parts, dim=-1), whole) < -110


def test_a_chain_streams_with_an_order_and_bypasses_for_every_item():
    chain = Chain([registry[name] for name in ("parametric_eq", "compressor", "delay", "gain")])
    x, z = music(4, samples=15_000).float(), knobs(chain, 4, seed=6).float()
    order = torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 0, 1, 3]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 1], [0, 1, 1, 1], [0, 0, 0, 0]])
    y = in_blocks(chain.stream(2, 44_100, z, mask, order), x, 1_024)
    assert error_db(y, chain(x, 44_100, z, mask, order)) < -100


def test_a_reset_stream_begins_again_and_two_streams_do_not_mix():
    effect = registry["lowpass"]
    x, z = music(1, samples=2_000).float(), knobs(effect, 1).float()
    one, other = effect.stream(2, 44_100, z), effect.stream(2, 44_100, z)
    first = one.process(x)
    other.process(-x)
    assert error_db(one.process(x), first) > -60
    one.reset()
    assert torch.equal(one.process(x), first)


def test_a_block_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="this stream takes"):
        registry["gain"].stream(2, 44_100, torch.rand(1, 1)).process(music(2).float())
