"""A feedback delay network with a filter in every line (Jot and Chaigne 1991).

The Hadamard matrix that mixes the lines is lossless whatever their delays (Schlecht and Habets 2017), so the
filters alone decide how fast sound decays. A delay's fraction is an allpass of first order (Thiran 1971),
which takes nothing away at any frequency. On the CPU the recursion runs in compiled blocks as long as the
shortest delay; elsewhere in blocks of plain torch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.audio.lti import block_matrices
from reprs.effects.delay_line import catmull_rom

# Signs of what enters and leaves each line, so that no two lines repeat each other.
FEED = (1, 1, -1, 1, 1, -1, -1, -1, 1, -1, 1, 1, -1, 1, -1, -1)
TAP = (1, -1, 1, 1, -1, -1, 1, -1, -1, 1, 1, -1, 1, 1, -1, 1)
# Samples of every line kept at hand: more are copied less often, fewer fit the cache.
SPAN = 8_192
LONGEST_BLOCK = 512
# With fewer clips most SIMD lanes idle, and one clip after another is faster.
CLIPS_FOR_LANES = 5


def network(v: Tensor, delay_samples: Tensor, shelves: Tensor) -> Tensor:
    """What the lines send to each channel of `v` `(B, C, T)`; line i belongs to channel i mod C.

    `delay_samples` `(B, N)` at least 2.5, with N = 4, 8 or 16 and at least C; `shelves` `(B, N, 3)`:
    b0, b1, p of a filter (b0 + b1/z) / (1 - p/z) a line. Both float64.
    """
    whole = (delay_samples.detach() - 0.5).floor()
    fraction = delay_samples - whole
    biquads = _with_allpass((1 - fraction) / (1 + fraction), shelves)
    count = delay_samples.shape[1]
    feed, tap = (torch.tensor(signs[:count], dtype=v.dtype, device=v.device) for signs in (FEED, TAP))
    if timeline.folded() is not None:
        timeline.whole_clip_only("its delay lines are too many to move")
    slot = timeline.carried()
    if slot is not None:
        return _network_on(v, whole.long(), biquads, feed, tap, slot)
    run = _network if v.device.type == "cpu" else network_in_torch
    return run(v, whole.long(), biquads, feed, tap)


def _network_on(
    v: Tensor, whole: Tensor, biquads: Tensor, feed: Tensor, tap: Tensor, slot: timeline.Slot
) -> Tensor:
    """A block of a stream: the slot holds the newest samples of every line and the states of its filter."""
    from reprs.effects.compiled import feedback_network

    home, y = v.device, torch.empty(v.shape, dtype=v.dtype)
    clips, lengths, filters, feed_, tap_ = (
        t.cpu().contiguous().numpy() for t in (v, whole, biquads, feed, tap)
    )
    pads = lengths.max(axis=1) + feedback_network.REACH
    if slot.state is None:
        shape = (*lengths.shape, feedback_network.HEAD)
        slot.state = [np.zeros((shape[1], pad), clips.dtype) for pad in pads], np.zeros(shape, clips.dtype)
    earlier, heads = slot.state
    for i, pad in enumerate(pads):
        lines = np.pad(earlier[i], ((0, 0), (0, v.shape[2])))
        feedback_network.run(clips[i], lengths[i], filters[i], feed_, tap_, y[i].numpy(), lines, heads[i])
        earlier[i] = lines[:, -pad:].copy()
    return y.to(home)


def fits_lanes(x: Tensor, delay_samples: Tensor, *others: Tensor) -> bool:
    """Whether `reverb_in_lanes` serves: no gradient, whole clips on a CPU, enough of them, eight lines."""
    from reprs.effects.compiled.network_lanes import LINES, STEP

    wants_gradient = torch.is_grad_enabled() and any(t.requires_grad for t in (x, delay_samples, *others))
    on_cpu = x.device.type == "cpu" and x.dtype == torch.float32 and not timeline.in_pieces()
    if wants_gradient or not on_cpu or len(x) < CLIPS_FOR_LANES or x.shape[1] > 2:
        return False
    return delay_samples.shape[1] == LINES and float(delay_samples.min()) >= STEP + 1


def reverb_in_lanes(
    x: Tensor, pre_delay_samples: Tensor, delay_samples: Tensor, shelves: Tensor, shares: Tensor
) -> Tensor:
    """`x` later by `pre_delay_samples` `(B,)` through `network`, and `shares` `(B, 3)` of `x`, of what each
    channel hears and of what all hear on average."""
    from reprs.audio.lanes import over_groups
    from reprs.effects.compiled import network_lanes

    count = delay_samples.shape[1]
    whole, fraction = (delay_samples - 0.5).floor(), pre_delay_samples.floor()
    b0, b1, p = shelves.unbind(-1)
    b0, b1 = b0 / count**0.5, b1 / count**0.5
    a = (1 - delay_samples + whole) / (1 + delay_samples - whole)
    # A one-pole low-pass that knows 1 - p, where float32 would round the p of a low crossover to another one.
    filters = torch.stack([a, b0, (b1 + b0 * p) / (1 - p), 1 - p], dim=-1)
    taps = catmull_rom(pre_delay_samples - fraction)
    signs = [np.array(signs[:count], dtype=np.float32) for signs in (FEED, TAP)]
    y, x = torch.empty_like(x, memory_format=torch.contiguous_format), x.contiguous()
    plan = [whole.long(), filters, fraction.long(), taps]
    arrays = [
        x.numpy(),
        *(t.contiguous().numpy() for t in plan),
        *signs,
        shares.contiguous().numpy(),
        y.numpy(),
    ]
    kernel = functools.partial(network_lanes.reverb, *arrays)
    over_groups(kernel, len(x), torch.get_num_threads(), network_lanes.LANES)
    return y


def _with_allpass(a: Tensor, shelves: Tensor) -> Tensor:
    """(b0 + b1/z) (a + 1/z) over (1 - p/z) (1 + a/z) as c0, c1, c2, d1, d2."""
    b0, b1, p = shelves.unbind(-1)
    return torch.stack([a * b0, b0 + a * b1, b1, a - p, -a * p], dim=-1)


def hadamard(count: int, like: Tensor) -> Tensor:
    """The orthonormal Hadamard matrix of Sylvester's construction; `count` is a power of two."""
    matrix = torch.ones(1, 1, dtype=like.dtype, device=like.device)
    while len(matrix) < count:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix / count**0.5


def network_in_torch(v: Tensor, whole: Tensor, biquads: Tensor, feed: Tensor, tap: Tensor) -> Tensor:
    """The same in plain torch operations on any device: one block after another, the rest parallel."""
    channels, length = v.shape[1:]
    batch, count = whole.shape
    step, pad = min(int(whole.min()), LONGEST_BLOCK), int(whole.max())
    run_filters = _Biquads(biquads, step)
    mixing, channel = hadamard(count, v), torch.arange(count, device=v.device) % channels
    late = (pad - whole)[:, :, None] + torch.arange(step, device=v.device)
    entering = feed[:, None] * torch.nn.functional.pad(v, (0, -length % step))[:, channel]
    recent, leaving = v.new_zeros(batch, count, pad), []
    for start in range(0, length, step):
        f = run_filters(recent.gather(2, late))
        leaving.append(tap[:, None] * f)
        newest = entering[:, :, start : start + step] + mixing @ f
        recent = torch.cat([recent[:, :, step:], newest], dim=2)
    lines = torch.cat(leaving, dim=2)[:, :, :length]
    return torch.stack([lines[:, c::channels].sum(1) for c in range(channels)], dim=1)


class _Biquads:
    """One biquad `(B, N, 5)` a line, over one block after another, in float64: its two states stay here."""

    def __init__(self, biquads: Tensor, step: int) -> None:
        c0, c1, c2, d1, d2 = biquads.flatten(0, 1).unbind(-1)
        one, zero = torch.ones_like(d1), torch.zeros_like(d1)
        a = torch.stack([torch.stack([-d1, one], -1), torch.stack([-d2, zero], -1)], -2)
        b = torch.stack([c1 - c0 * d1, c2 - c0 * d2], -1)[:, :, None]
        c, d = torch.stack([one, zero], -1)[:, None], c0[:, None, None]
        self.within, self.observe, self.arrive, a_block = block_matrices(a, b, c, d, step)
        self.keep = a_block.mT
        self.state = a.new_zeros(len(a), 1, 2)

    def __call__(self, x: Tensor) -> Tensor:
        """`(B, N, step)` → the same."""
        rows = x.double().reshape(len(self.within), 1, -1)
        y = rows @ self.within + self.state @ self.observe
        self.state = rows @ self.arrive + self.state @ self.keep
        return y.view_as(x).to(x.dtype)


@torch.library.custom_op("reprs::feedback_network", mutates_args=())
def _network(v: Tensor, whole: Tensor, biquads: Tensor, feed: Tensor, tap: Tensor) -> Tensor:
    from reprs.effects.compiled import feedback_network

    y = torch.empty_like(v, memory_format=torch.contiguous_format)
    clips, lengths, filters, out = (t.contiguous().numpy() for t in (v, whole, biquads, y))
    count, pad = whole.shape[1], lengths.max() + feedback_network.REACH

    def one_clip(i: int) -> None:
        lines = np.zeros((count, pad + min(SPAN, v.shape[2])), dtype=clips.dtype)
        heads = np.zeros((count, feedback_network.HEAD), dtype=clips.dtype)
        feedback_network.run(
            clips[i], lengths[i], filters[i], feed.numpy(), tap.numpy(), out[i], lines, heads
        )

    _over_clips(one_clip, len(v))
    return y


@torch.library.custom_op("reprs::feedback_network_backward", mutates_args=())
def _network_backward(
    g: Tensor, v: Tensor, whole: Tensor, biquads: Tensor, feed: Tensor, tap: Tensor
) -> tuple[Tensor, Tensor]:
    """The network is its own adjoint, run backwards with what enters and what leaves exchanged."""
    from reprs.effects.compiled import feedback_network

    gv, gbiquads = torch.empty_like(v, memory_format=torch.contiguous_format), torch.empty_like(biquads)
    late, clips, lengths, filters = (t.contiguous().numpy() for t in (g.flip(2), v, whole, biquads))
    signs = feed.numpy(), tap.numpy()
    shape = whole.shape[1], lengths.max() + feedback_network.REACH + v.shape[2]

    def one_clip(i: int) -> None:
        lines, arriving = np.zeros(shape, dtype=clips.dtype), np.zeros(shape, dtype=clips.dtype)
        for audio, (enter, leave), kept in ((clips, signs, lines), (late, signs[::-1], arriving)):
            heads = np.zeros((len(kept), feedback_network.HEAD), dtype=clips.dtype)
            feedback_network.run(audio[i], lengths[i], filters[i], enter, leave, gv[i].numpy(), kept, heads)
        feedback_network.gradients(lines, arriving, lengths[i], filters[i], gbiquads[i].numpy(), v.shape[2])

    _over_clips(one_clip, len(v))
    return gv.flip(2), gbiquads


def _over_clips(one_clip: Callable[[int], None], count: int) -> None:
    threads = min(torch.get_num_threads(), count)
    if threads == 1:
        for i in range(count):
            one_clip(i)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one_clip, range(count)))


@_network.register_fake
def _(v: Tensor, whole: Tensor, biquads: Tensor, feed: Tensor, tap: Tensor) -> Tensor:
    return v.new_empty(v.shape)


@_network_backward.register_fake
def _(
    g: Tensor, v: Tensor, whole: Tensor, biquads: Tensor, feed: Tensor, tap: Tensor
) -> tuple[Tensor, Tensor]:
    return v.new_empty(v.shape), biquads.new_empty(biquads.shape)


def _save(ctx, inputs, output) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx, g: Tensor):
    gv, gbiquads = _network_backward(g, *ctx.saved_tensors)
    return gv, None, gbiquads, None, None


_network.register_autograd(_backward, setup_context=_save)
