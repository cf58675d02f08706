"""Exact recursive filters as batched matrix products (block state space).

A cascade of second-order sections is one linear system with two states a section. Cut into blocks, its
output is a product of the block with a triangular Toeplitz matrix plus the response to the state at the
block's start; the states at the block starts follow the same kind of recursion, only shorter, so the same
function computes them. Everything is a matrix product: exact, fast on any device, and its gradient is the
same system run backwards in time. On a CPU, float32 batches and long clips take a compiled loop instead, a
row in every SIMD lane.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reprs.audio import timeline
from reprs.audio.lane_filter import filter_rows

BLOCK_SAMPLES = 64
BLOCK_STATES = 8
# With fewer rows than this most SIMD lanes idle, unless each takes a segment of a long row.
ROWS_FOR_LANES = 8
ROWS_FOR_GRADIENT = 10
SAMPLES_FOR_LANES = 16_384
INAUDIBLE = 1e-9
LANES = 32


def filter_sections(x: Tensor, sections: Tensor) -> Tensor:
    """Filter `x` `(B, C, T)` by a cascade of stable biquads `sections` `(B, K, 6)`, starting from rest.

    A row of `sections` is `[b0, b1, b2, a0, a1, a2]` as in scipy's `sos`; every batch item has its own rows,
    which all its channels share. Pass float64 sections: a low cutoff rounded to float32 is another filter.
    Differentiable in both arguments.
    """
    if sections.ndim != 3 or sections.shape[-1] != 6 or len(sections) != len(x):
        raise ValueError(f"sections is ({len(x)}, K, 6) for this audio, got {tuple(sections.shape)}")
    fold, slot = timeline.folded(), timeline.carried()
    if fold is not None:
        from reprs.audio.moving import filter_moving_sections

        apart = sections.view(fold.clips, fold.samples, -1, 6)
        return fold.split(filter_moving_sections(fold.join(x), apart))
    if slot is not None or _fits_lanes(x, sections):
        return _filter_in_lanes(x, sections.double(), slot)
    if _fits_gradient_lanes(x):
        return filter_rows(x.flatten(0, 1), _by_row(x, sections.double())).view(x.shape)
    a, b, c, d = input_normal_cascade(sections.double())
    work = x if x.dtype in (torch.float32, torch.float64) else x.float()
    return respond(work.unsqueeze(-1), a, b, c, d, BLOCK_SAMPLES).squeeze(-1).to(x.dtype)


def _fits_lanes(x: Tensor, sections: Tensor) -> bool:
    """Whether the compiled loop serves: no gradient asked for, and enough rows or time on a CPU."""
    wants_gradient = torch.is_grad_enabled() and (x.requires_grad or sections.requires_grad)
    enough = x.shape[0] * x.shape[1] >= ROWS_FOR_LANES or x.shape[2] >= SAMPLES_FOR_LANES
    return x.device.type == "cpu" and x.dtype == torch.float32 and enough and not wants_gradient


def _fits_gradient_lanes(x: Tensor) -> bool:
    """Whether the compiled loop and its adjoint serve better than blocks."""
    on_cpu = x.device.type == "cpu" and x.dtype == torch.float32
    return on_cpu and x.shape[0] * x.shape[1] >= ROWS_FOR_GRADIENT


def _by_row(x: Tensor, sections: Tensor) -> Tensor:
    """b0, b1, b2, a1, a2 of every section and row, `(K, 5, R)`."""
    normalised = sections[..., [0, 1, 2, 4, 5]] / sections[..., 3:4]
    return normalised.repeat_interleave(x.shape[1], dim=0).permute(1, 2, 0)


def _filter_in_lanes(x: Tensor, sections: Tensor, slot: timeline.Slot | None) -> Tensor:
    """The same recursion in float64, sample after sample, with the batch's rows in SIMD lanes.

    In a stream the slot holds the states from block to block.
    """
    coefficients = _by_row(x, sections.detach()).contiguous().numpy()
    rows = x.detach().flatten(0, 1).contiguous()
    if slot is None and len(rows) < ROWS_FOR_LANES:
        return _by_segment(rows, coefficients).view(x.shape)
    states = _at_rest(coefficients) if slot is None or slot.state is None else slot.state
    y = torch.empty_like(rows)
    _run_lanes(rows.numpy(), coefficients, states, y.numpy())
    if slot is not None:
        slot.state = states
    return y.view(x.shape)


def _by_segment(rows: Tensor, coefficients: np.ndarray) -> Tensor:
    """Few rows, long ones: a segment of time in every lane, each from rest at first.

    What every segment adds to the state gives the state at its start. From there it is filtered again, for as
    long as that makes a difference.
    """
    count, samples = rows.shape
    segments = LANES // count
    x = torch.nn.functional.pad(rows, (0, -samples % segments)).view(count * segments, -1)
    y, each = torch.empty_like(x), coefficients.repeat(segments, axis=2)
    carry, audible = _decay(_transition(coefficients), x.shape[1])
    states = _at_rest(each)
    _run_lanes(x.numpy(), each, states, y.numpy() if audible < x.shape[1] else np.empty((0, 0), np.float32))
    added = states.reshape(-1, count, segments).transpose(1, 2, 0)
    start = np.zeros_like(added)
    for i in range(1, segments):
        start[:, i] = np.matmul(carry, start[:, i - 1, :, None])[..., 0] + added[:, i - 1]
    start = start.transpose(2, 0, 1)
    _run_lanes(x.numpy(), each, start.reshape(states.shape), y.numpy(), audible)
    return y.view(count, -1)[:, :samples]


def _transition(coefficients: np.ndarray) -> np.ndarray:
    """What one sample of silence makes of every unit state, `(R, 2K, 2K)`."""
    sections, _, rows = coefficients.shape
    size = 2 * sections
    states = np.tile(np.eye(size), (1, rows)).reshape(sections, 2, rows * size)
    silence = np.zeros((rows * size, 1), dtype=np.float32)
    _run_lanes(silence, coefficients.repeat(size, axis=2), states, silence)
    return states.reshape(size, rows, size).transpose(1, 0, 2)


def _decay(a: np.ndarray, samples: int) -> tuple[np.ndarray, int]:
    """`a` to the power `samples`, and for how many samples, at most those, a state makes a difference."""
    power, length, size = a, 1, np.inf
    while True:
        before, size = size, np.abs(power).max()
        if length >= samples or size < INAUDIBLE:
            break
        power, length = power @ power, 2 * length
    if size < INAUDIBLE and length > 1:
        # The decay is exponential between the last two powers; a tenth more for its ripple.
        share = np.log(before / INAUDIBLE) / np.log(before / max(size, 1e-300))
        length = round(1.1 * length / 2 * (1 + share))
    return np.linalg.matrix_power(a, samples), min(length, samples)


def _at_rest(coefficients: np.ndarray) -> np.ndarray:
    sections, _, rows = coefficients.shape
    return np.zeros((sections, 2, rows))


def _run_lanes(
    x: np.ndarray, coefficients: np.ndarray, states: np.ndarray, y: np.ndarray, samples: int | None = None
) -> None:
    from reprs.audio import lanes

    samples = x.shape[1] if samples is None else samples
    history = np.empty((0, *states.shape))
    kernel = functools.partial(lanes.filter_sections, x, coefficients, states, history, y, samples)
    lanes.over_groups(kernel, len(x), torch.get_num_threads())


def respond(x: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor, block: int) -> Tensor:
    """Run `s[t+1] = a s[t] + b x[t]`, `y[t] = c s[t] + d x[t]` from `s[0] = 0`.

    `x` `(B, C, T, m)`; `a` `(B, n, n)`, `b` `(B, n, m)`, `c` `(B, p, n)`, `d` `(B, p, m)` in float64 →
    `(B, C, T, p)`.
    """
    batch, channels, samples, inputs = x.shape
    block = min(block, samples)
    count = -(-samples // block)
    toeplitz, observe, control, a_block = block_matrices(a, b, c, d, block)
    x = torch.nn.functional.pad(x, (0, 0, 0, count * block - samples))
    x = x.reshape(batch, channels * count, block * inputs)
    y = matrix_product(x, toeplitz.to(x.dtype))
    if count > 1:
        arriving = matrix_product(x, control.to(x.dtype)).view(batch, channels, count, -1)
        states = _states(arriving, a_block).reshape(batch, channels * count, -1)
        y = y + matrix_product(states, observe.to(x.dtype))
    return y.reshape(batch, channels, count * block, -1)[:, :, :samples]


def input_normal_cascade(sections: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """State space `a, b, c, d` of a cascade `(B, K, 6)`: each section in coordinates of identity Gramian.

    Driven by white noise, the states of an input-normal section have unit variance and are uncorrelated,
    which is what makes float32 enough (Mullis and Roberts 1976). The section starts from the controllable
    canonical form, whose Gramian is the autocorrelation of 1/A(z): it needs no special case for a section
    whose zeros cancel its poles, such as an equaliser band at 0 dB.
    """
    a, b, c, d = input_normal_sections(sections)
    for_a, for_b, for_c, for_d = a[:, 0], b[:, 0], c[:, 0], d[:, 0]
    for k in range(1, sections.shape[1]):
        upper = torch.cat([for_a, for_a.new_zeros(*for_a.shape[:2], 2)], dim=2)
        for_a = torch.cat([upper, torch.cat([b[:, k] @ for_c, a[:, k]], dim=2)], dim=1)
        for_b = torch.cat([for_b, b[:, k] @ for_d], dim=1)
        for_c = torch.cat([d[:, k] @ for_c, c[:, k]], dim=2)
        for_d = d[:, k] @ for_d
    return for_a, for_b, for_c, for_d


def input_normal_sections(sections: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`a` `(B, K, 2, 2)`, `b` `(B, K, 2, 1)`, `c` `(B, K, 1, 2)`, `d` `(B, K, 1, 1)` of each section."""
    b0, b1, b2, a1, a2 = (sections[..., [0, 1, 2, 4, 5]] / sections[..., 3:4]).unbind(-1)
    # Gramian r0 [[1, k1], [k1, 1]]; k1 and a2 are the lattice (reflection) coefficients, both inside (-1, 1).
    k1 = -a1 / (1 + a2)
    side = torch.sqrt((1 - k1) * (1 + k1))
    scale = torch.rsqrt((1 - a2) * (1 + a2)) / side
    # Cholesky factor L = scale [[1, 0], [k1, side]]; the new system is L⁻¹ A L, L⁻¹ B, C L.
    a = torch.stack([-a1 - a2 * k1, -a2 * side, (1 + a1 * k1 + a2 * k1 * k1) / side, a2 * k1], dim=-1)
    b = torch.stack([1 / scale, -k1 / (scale * side)], dim=-1)
    c1, c2 = b1 - b0 * a1, b2 - b0 * a2
    c = torch.stack([(c1 + c2 * k1) * scale, c2 * side * scale], dim=-1)
    shape = sections.shape[:2]
    return a.view(*shape, 2, 2), b.view(*shape, 2, 1), c.view(*shape, 1, 2), b0.view(*shape, 1, 1)


def _states(arriving: Tensor, a: Tensor) -> Tensor:
    """States `s[t+1] = a s[t] + arriving[t]`, `(B, C, T, n)`, at the start of every block."""
    identity = torch.eye(a.shape[-1], dtype=a.dtype, device=a.device).expand_as(a)
    return respond(arriving, a, identity, identity, torch.zeros_like(a), BLOCK_STATES)


def block_matrices(
    a: Tensor, b: Tensor, c: Tensor, d: Tensor, block: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Factors for row vectors: block → block, state → block, block → state; and `a` to the power `block`."""
    batch, outputs, inputs = d.shape
    observe, a_block = _observability(a, c, block)
    control, _ = _observability(a.mT, b.mT, block)
    impulse = torch.cat([d.unsqueeze(1), observe[:, : block - 1] @ b.unsqueeze(1)], dim=1)
    impulse = torch.cat([impulse, torch.zeros_like(d).unsqueeze(1)], dim=1)
    time = torch.arange(block, device=a.device)
    lag = time[None, :] - time[:, None]
    lag = torch.where(lag < 0, block, lag)
    toeplitz = impulse[:, lag].permute(0, 1, 4, 2, 3).reshape(batch, block * inputs, block * outputs)
    observe = observe.reshape(batch, block * outputs, -1).mT
    control = control.flip(1).reshape(batch, block * inputs, -1)
    return toeplitz, observe, control, a_block


def _observability(a: Tensor, c: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """`c a⁰, c a¹, …` as `(B, block, p, n)`, by doubling; and `a` to the power `block`."""
    rows, power = c.unsqueeze(1), a
    while rows.shape[1] < block:
        rows = torch.cat([rows, rows @ power.unsqueeze(1)], dim=1)
        power = power @ power
    return rows[:, :block], torch.linalg.matrix_power(a, block)


class _MatrixProduct(torch.autograd.Function):
    """`x @ y` of `(B, ·, ·)` whose forward and backward ignore autocast and TF32 settings."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        with full_precision(x.device.type):
            return torch.bmm(x, y)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_tensors
        with full_precision(x.device.type):
            grad_x = torch.bmm(grads[0], y.mT) if ctx.needs_input_grad[0] else None
            grad_y = torch.bmm(x.mT, grads[0]) if ctx.needs_input_grad[1] else None
        return grad_x, grad_y


def matrix_product(x: Tensor, y: Tensor) -> Tensor:
    """Batched `x @ y` that no autocast and no TF32 setting rounds."""
    product: Tensor = _MatrixProduct.apply(x, y)
    return product


@contextlib.contextmanager
def full_precision(device_type: str) -> Iterator[None]:
    """Autocast and TF32 off inside."""
    tf32 = torch.backends.cuda.matmul.allow_tf32
    try:
        torch.backends.cuda.matmul.allow_tf32 = False
        with torch.autocast(device_type, enabled=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = tf32
