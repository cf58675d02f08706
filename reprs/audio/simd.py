"""Vectors for compiled loops: 16 float32 or 8 float64 that numba holds in a register.

A loop over an array of lanes keeps its states in memory, and its transposes move one number at a time. With
values of these types a recursion's state stays in registers from sample to sample, about three times faster.
LLVM splits a vector where the processor's are smaller. Importing this module imports numba; callers do it
inside their functions.

    v = load(a, i)               # from a contiguous 1-D array, unchecked
    store(a, i, v * v + w)       # +, -, * of vectors of one type; a multiply and an add may fuse
    maximum(v, w); fill(a, s)    # lane by lane; the number s in all lanes of a vector like those of `a`
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as _intrinsic
from numba.extending import models, overload, register_model

# What it makes is called with other arguments than it was written with.
intrinsic: Any = _intrinsic
WIDTH = 16  # rows and samples of a block that is transposed at once
SCALARS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.int32: ir.IntType(32)}
LANES_OF = {types.float32: 16, types.float64: 8, types.int32: 16}


class Vector(types.Type):
    """Lanes of one scalar type."""

    def __init__(self, scalar: Any) -> None:
        self.scalar = scalar
        super().__init__(name=f"{scalar}x{LANES_OF[scalar]}")

    @property
    def ir(self) -> ir.VectorType:
        return ir.VectorType(SCALARS[self.scalar], LANES_OF[self.scalar])


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, kind.ir)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any, vector: ir.VectorType) -> Any:
    start = cgutils.create_struct_proxy(kind)(context, builder, value=array).data
    return builder.bitcast(builder.gep(start, [index]), vector.as_pointer())


def _read(builder: Any, pointer: Any, bits: int) -> Any:
    value = builder.load(pointer)
    value.align = bits // 8
    return value


def _write(builder: Any, value: Any, pointer: Any, bits: int) -> None:
    builder.store(value, pointer).align = bits // 8


@intrinsic
def load(typing, array, index):
    vector = Vector(array.dtype)

    def build(context, builder, signature, arguments):
        pointer = _pointer(context, builder, array, arguments[0], arguments[1], vector.ir)
        return _read(builder, pointer, array.dtype.bitwidth)

    return vector(array, types.intp), build


@intrinsic
def store(typing, array, index, vector):
    def build(context, builder, signature, arguments):
        pointer = _pointer(context, builder, array, arguments[0], arguments[1], vector.ir)
        _write(builder, arguments[2], pointer, array.dtype.bitwidth)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), build


@intrinsic
def fill(typing, array, number):
    """`number` in every lane of a vector of `array`'s type."""
    vector = Vector(array.dtype)

    def build(context, builder, signature, arguments):
        one = builder.insert_element(ir.Constant(vector.ir, ir.Undefined), arguments[1], ir.IntType(32)(0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.ir.count), [0] * vector.ir.count)
        return builder.shuffle_vector(one, ir.Constant(vector.ir, ir.Undefined), mask)

    return vector(array, array.dtype), build


def _arithmetic(instruction: str) -> Any:
    @intrinsic
    def apply(typing, a, b):
        def build(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments, flags=("contract",))

        return a(a, b), build

    return apply


def _compared(sign: str) -> Any:
    @intrinsic
    def apply(typing, a, b):
        def build(context, builder, signature, arguments):
            return builder.select(builder.fcmp_ordered(sign, *arguments), *arguments)

        return a(a, b), build

    return apply


def _overload(symbol: Any, function: Any) -> None:
    def choose(a, b):
        if isinstance(a, Vector) and a == b:
            return lambda a, b: function(a, b)
        return None

    overload(symbol)(choose)


for _symbol, _instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _overload(_symbol, _arithmetic(_instruction))
maximum, minimum = _compared(">"), _compared("<")


@intrinsic
def rows_to_lanes(typing, rows, places, lanes, first, step):
    """16 numbers from each of the 16 `places` in `rows` → 16 vectors of `lanes`, from `first`, `step` apart.

    Lane i is the row at `places[i]`. Both arrays are 1-D; float32 becomes what `lanes` holds.
    """

    def build(context, builder, signature, arguments):
        source, where, target, start, stride = arguments
        read = ir.VectorType(SCALARS[rows.dtype], WIDTH)
        block = [
            _read(
                builder,
                _pointer(context, builder, rows, source, _place(context, builder, places, where, i), read),
                rows.dtype.bitwidth,
            )
            for i in range(WIDTH)
        ]
        written = ir.VectorType(SCALARS[lanes.dtype], WIDTH)
        for t, column in enumerate(_transposed(builder, block)):
            column = column if written == read else builder.fpext(column, written)
            index = builder.add(start, builder.mul(stride, stride.type(t)))
            pointer = _pointer(context, builder, lanes, target, index, written)
            _write(builder, column, pointer, lanes.dtype.bitwidth)
        return context.get_dummy_value()

    return types.void(rows, places, lanes, types.intp, types.intp), build


@intrinsic
def lanes_to_rows(typing, lanes, first, step, rows, places):
    """The way back of `rows_to_lanes`."""

    def build(context, builder, signature, arguments):
        source, start, stride, target, where = arguments
        read = ir.VectorType(SCALARS[lanes.dtype], WIDTH)
        written = ir.VectorType(SCALARS[rows.dtype], WIDTH)
        block = []
        for t in range(WIDTH):
            index = builder.add(start, builder.mul(stride, stride.type(t)))
            column = _read(
                builder, _pointer(context, builder, lanes, source, index, read), lanes.dtype.bitwidth
            )
            block.append(column if written == read else builder.fptrunc(column, written))
        for i, row in enumerate(_transposed(builder, block)):
            place = _place(context, builder, places, where, i)
            pointer = _pointer(context, builder, rows, target, place, written)
            _write(builder, row, pointer, rows.dtype.bitwidth)
        return context.get_dummy_value()

    return types.void(lanes, types.intp, types.intp, rows, places), build


def _place(context: Any, builder: Any, kind: Any, array: Any, i: int) -> Any:
    start = cgutils.create_struct_proxy(kind)(context, builder, value=array).data
    return builder.load(builder.gep(start, [ir.IntType(64)(i)]))


def _transposed(builder: Any, block: list[Any]) -> list[Any]:
    """Blocks of 8, then 4, 2 and 1 change places across the diagonal (Eklundh 1972)."""
    block = list(block)
    size = WIDTH // 2
    while size:
        for i in range(WIDTH):
            if not i & size:
                upper, lower = block[i], block[i + size]
                keep = [lane if not lane & size else WIDTH + lane - size for lane in range(WIDTH)]
                swap = [lane + size if not lane & size else WIDTH + lane for lane in range(WIDTH)]
                block[i] = builder.shuffle_vector(upper, lower, _mask(keep))
                block[i + size] = builder.shuffle_vector(upper, lower, _mask(swap))
        size //= 2
    return block


def _mask(lanes: list[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), lanes)
