"""Rows of numbers, moved by vectors down to the last number.

A compiled loop takes many vectors at a time and what is left one by one, which for a row of an image is most of it. Here
what is left is one more vector, with a mask. Places are counted from an array's first number.
"""

from llvmlite import ir
from numba.core import cgutils

from tinymm.kernels.jit import instructions
from tinymm.kernels.memory import numbers
from tinymm.kernels.vectors import VECTOR_BYTES, first_lanes, load_vector, splat, store_vector


def _emit(context, builder, signature, arguments, change):
    """Emit target[…] = change(source[…], target[…]): change(vector, before) emits a vector, before() that of the target."""
    source, target = (
        builder.gep(context.make_array(signature.args[i])(context, builder, arguments[i]).data, [arguments[i + 1]])
        for i in (0, 2)
    )
    count, index = arguments[4], arguments[4].type
    lanes = VECTOR_BYTES * 8 // signature.args[0].dtype.bitwidth
    vector = ir.VectorType(context.get_value_type(signature.args[0].dtype), lanes)

    def move(start, mask=None):
        at, to = (builder.gep(pointer, [start]) for pointer in (source, target))
        value = load_vector(builder, at, vector, mask)
        store_vector(builder, change(value, lambda: load_vector(builder, to, vector, mask)), to, mask)

    left = builder.srem(count, index(lanes))
    whole = builder.sub(count, left)
    with cgutils.for_range_slice(builder, index(0), whole, index(lanes), inc=True) as (start, _):
        move(start)
    with builder.if_then(builder.icmp_signed(">", left, index(0))):
        move(whole, first_lanes(builder, left, lanes))


def _row(array, start, count):
    return numbers(array, start, (count,), (1,))


def copy_row(source, source_start, target, target_start, count):
    """target[target_start + j] = source[source_start + j] for j < count."""
    _row(target, target_start, count)[:] = _row(source, source_start, count)


@instructions(copy_row)
def _(context, builder, signature, arguments):
    _emit(context, builder, signature, arguments, lambda value, before: value)


def copy_row_plus(source, source_start, target, target_start, count, number):
    """target[target_start + j] = source[source_start + j] + number for j < count."""
    _row(target, target_start, count)[:] = _row(source, source_start, count) + number


@instructions(copy_row_plus)
def _(context, builder, signature, arguments):
    def add(value, before):
        return builder.fadd(value, splat(builder, arguments[5], value.type.count))

    _emit(context, builder, signature, arguments, add)


def add_row(source, source_start, target, target_start, count):
    """target[target_start + j] += source[source_start + j] for j < count."""
    _row(target, target_start, count)[:] += _row(source, source_start, count)


@instructions(add_row)
def _(context, builder, signature, arguments):
    _emit(context, builder, signature, arguments, lambda value, before: builder.fadd(before(), value))
